//! A client over AMQP: it is let in, attaches links and asks questions.
//!
//! One session, in which it waits for each answer before it goes on.

use std::collections::VecDeque;

use anyhow::{Context as _, bail, ensure};
use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::{
    decode::Limits,
    message::{Body, Message, MessageId, Properties},
    performatives::{
        Attach, AttachTarget, Begin, Close, Open, Performative, ReceiverSettleMode, Role,
        SenderSettleMode, Source, Target as NodeTarget, Transfer,
    },
    protocol_header::ProtocolHeader,
    sasl::{Init, OutcomeCode, SaslFrame},
    value::{Map, Symbol, Value},
};

use super::{
    addresses::{from, to},
    channel::{Channel, MAX_FRAME},
    session::{Attached, SessionState, WINDOW},
};
use crate::{link::Link, target::Target};

/// A device's links are few, those of a gateway are not.
const HANDLE_MAX: u32 = 1023;
/// How many answers may wait for their question.
const ANSWERS: u32 = 10;

/// A connection with one session.
pub struct Client {
    channel: Channel,
    links: Vec<Attached>,
    state: SessionState,
    /// Messages that came while something else was awaited.
    messages: VecDeque<Message>,
    requests: u64,
}

/// What it leaves to a loop of its own.
pub struct Handover {
    /// The connection.
    pub link: Link,
    /// What has come and is not read.
    pub inbox: Vec<u8>,
    /// The links, in the order in which they were attached.
    pub links: Vec<Attached>,
    /// The session.
    pub session: SessionState,
}

impl Client {
    /// Connects the `index`th of all; another server asks for the password.
    pub async fn connect(target: &Target, name: &str, index: usize) -> anyhow::Result<Self> {
        let mut this = Self {
            channel: Channel::connect(target, index).await?,
            links: Vec::new(),
            state: SessionState::default(),
            messages: VecDeque::new(),
            requests: 0,
        };
        if let Some((user, password)) = target.login() {
            this.log_in(user, password).await?;
        }
        this.begin(name, target).await?;
        Ok(this)
    }

    async fn log_in(&mut self, user: &str, password: &str) -> anyhow::Result<()> {
        self.channel.header(ProtocolHeader::SASL).await?;
        let mechanisms = self.channel.sasl().await?;
        ensure!(
            matches!(mechanisms, SaslFrame::Mechanisms(_)),
            "the server begins SASL with {mechanisms:?}"
        );
        let init = Init {
            mechanism: Symbol::from_static("PLAIN"),
            initial_response: Some(Bytes::from(format!("\0{user}\0{password}"))),
            hostname: None,
        };
        self.channel.queue_sasl(&SaslFrame::Init(init))?;
        match self.channel.sasl().await? {
            SaslFrame::Outcome(outcome) if outcome.code == OutcomeCode::Ok => Ok(()),
            other => bail!("the password is answered by {other:?}"),
        }
    }

    async fn begin(&mut self, name: &str, target: &Target) -> anyhow::Result<()> {
        self.channel.header(ProtocolHeader::AMQP).await?;
        self.channel.queue(Open {
            container_id: name.to_owned().into(),
            hostname: Some(target.host().to_owned().into()),
            max_frame_size: MAX_FRAME,
            channel_max: 0,
            idle_time_out: None,
            outgoing_locales: Vec::new(),
            incoming_locales: Vec::new(),
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            properties: Map::new(),
        })?;
        self.channel.queue(Begin {
            remote_channel: None,
            next_outgoing_id: 0,
            incoming_window: WINDOW,
            outgoing_window: WINDOW,
            handle_max: HANDLE_MAX,
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            properties: Map::new(),
        })?;
        match self.channel.next().await? {
            Performative::Open(_) => {}
            other => bail!("an open is answered by {other:?}"),
        }
        match self.channel.next().await? {
            Performative::Begin(begin) => {
                self.state.next_incoming = begin.next_outgoing_id;
                self.state.window = begin.incoming_window;
                Ok(())
            }
            other => bail!("a begin is answered by {other:?}"),
        }
    }

    /// Puts a token; further ones on the same pair of links.
    pub async fn authorize(&mut self, audience: &str, token: String) -> anyhow::Result<()> {
        let request = Message {
            application_properties: Some(
                Map::new()
                    .with("operation", "put-token")
                    .with("type", "servicebus.windows.net:sastoken")
                    .with("name", audience.to_owned()),
            ),
            body: Body::Value(token.into()),
            ..Message::default()
        };
        if self.links.is_empty() {
            self.attach_sender(to("$cbs".into())).await?;
            self.attach_receiver(from("$cbs".into()), None, ANSWERS)
                .await?;
        }
        let answer = self.ask(self.links[0].handle, request).await?;
        let status = status_of(&answer);
        ensure!(status == Some(200), "{audience} is not let in: {answer:?}");
        Ok(())
    }

    /// Asks over links of its own; the answer's body is a map.
    pub async fn manage(&mut self, properties: Map) -> anyhow::Result<Map> {
        let sender = self.attach_sender(to("$management".into())).await?;
        self.attach_receiver(from("$management".into()), None, ANSWERS)
            .await?;
        let request = Message {
            application_properties: Some(properties),
            ..Message::default()
        };
        let answer = self.ask(sender.handle, request).await?;
        ensure!(status_of(&answer) == Some(200), "refused: {answer:?}");
        match answer.body {
            Body::Value(Value::Map(map)) => Ok(map),
            other => bail!("an answer without a map: {other:?}"),
        }
    }

    /// Sends a request, and returns the next message that comes.
    async fn ask(&mut self, handle: u32, mut request: Message) -> anyhow::Result<Message> {
        self.requests += 1;
        request.properties = Some(Properties {
            message_id: Some(MessageId::Ulong(self.requests)),
            ..Properties::default()
        });
        let mut payload = BytesMut::new();
        request.encode(&mut payload)?;
        let delivery = self.state.next_outgoing;
        self.state.next_outgoing = delivery.wrapping_add(1);
        self.state.window = self.state.window.saturating_sub(1);
        self.channel.queue(Transfer {
            handle,
            delivery_id: Some(delivery),
            delivery_tag: Some(Bytes::copy_from_slice(&delivery.to_be_bytes())),
            message_format: Some(0),
            settled: Some(true),
            payload: payload.freeze(),
            ..Transfer::default()
        })?;
        while self.messages.is_empty() {
            let performative = self.channel.next().await?;
            self.note(performative)?;
        }
        self.messages.pop_front().context("a message has come")
    }

    /// Opens a link to send over, and waits for credit.
    pub async fn attach_sender(&mut self, target: NodeTarget) -> anyhow::Result<Attached> {
        let attach = self.sending(target);
        self.open_with_credit(attach).await
    }

    /// The same for one that belongs to a receiver of the same `pair`.
    pub async fn attach_sender_of_pair(
        &mut self,
        target: NodeTarget,
        pair: &str,
    ) -> anyhow::Result<Attached> {
        let mut attach = self.sending(target);
        attach.snd_settle_mode = SenderSettleMode::Settled;
        attach.properties = of_pair(pair);
        self.open_with_credit(attach).await
    }

    /// Opens a link to receive over, with so much credit.
    pub async fn attach_receiver(
        &mut self,
        source: Source,
        settling: Option<SenderSettleMode>,
        credit: u32,
    ) -> anyhow::Result<Attached> {
        let mut attach = self.receiving(source);
        attach.snd_settle_mode = settling.unwrap_or_default();
        self.open_and_grant(attach, credit).await
    }

    /// The same for one that belongs to a sender of the same `pair`.
    pub async fn attach_receiver_of_pair(
        &mut self,
        source: Source,
        pair: &str,
        credit: u32,
    ) -> anyhow::Result<Attached> {
        let mut attach = self.receiving(source);
        attach.snd_settle_mode = SenderSettleMode::Settled;
        attach.properties = of_pair(pair);
        self.open_and_grant(attach, credit).await
    }

    fn sending(&self, target: NodeTarget) -> Attach {
        Attach {
            source: Some(from("bench".into())),
            target: Some(AttachTarget::Node(target)),
            initial_delivery_count: Some(0),
            ..self.attach(Role::Sender)
        }
    }

    fn receiving(&self, source: Source) -> Attach {
        Attach {
            source: Some(source),
            target: Some(AttachTarget::Node(to("bench".into()))),
            ..self.attach(Role::Receiver)
        }
    }

    async fn open_with_credit(&mut self, attach: Attach) -> anyhow::Result<Attached> {
        let at = self.open(attach).await?;
        while self.links[at].credit == 0 {
            let performative = self.channel.next().await?;
            self.note(performative)?;
        }
        Ok(self.links[at])
    }

    async fn open_and_grant(&mut self, attach: Attach, credit: u32) -> anyhow::Result<Attached> {
        let at = self.open(attach).await?;
        let attached = self.links[at];
        if credit > 0 {
            self.channel.queue(self.state.grant(&attached, credit))?;
            self.channel.flush().await?;
        }
        Ok(attached)
    }

    fn attach(&self, role: Role) -> Attach {
        let handle = u32::try_from(self.links.len()).unwrap_or(u32::MAX);
        Attach {
            name: format!("link-{handle}").into(),
            handle,
            role,
            snd_settle_mode: SenderSettleMode::default(),
            rcv_settle_mode: ReceiverSettleMode::default(),
            source: None,
            target: None,
            unsettled: None,
            incomplete_unsettled: false,
            initial_delivery_count: None,
            max_message_size: None,
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            properties: Map::new(),
        }
    }

    async fn open(&mut self, attach: Attach) -> anyhow::Result<usize> {
        let (name, handle, role) = (attach.name.clone(), attach.handle, attach.role);
        let what = format!("{:?} {:?}", attach.source, attach.target);
        self.channel.queue(attach)?;
        loop {
            match self.channel.next().await? {
                Performative::Attach(answer) if answer.name == name => {
                    // RabbitMQ leaves the client's own end out of its answer.
                    let theirs = match role {
                        Role::Sender => answer.target.is_some(),
                        Role::Receiver => answer.source.is_some(),
                    };
                    ensure!(
                        theirs,
                        "{what} is refused: {:?}",
                        self.channel.next().await?
                    );
                    self.links.push(Attached {
                        handle,
                        remote_handle: answer.handle,
                        credit: 0,
                        delivery_count: answer.initial_delivery_count.unwrap_or_default(),
                    });
                    return Ok(self.links.len() - 1);
                }
                other => self.note(other)?,
            }
        }
    }

    /// Takes note of what comes without being awaited.
    fn note(&mut self, performative: Performative) -> anyhow::Result<()> {
        match performative {
            Performative::Flow(flow) => self.state.hear(&flow, &mut self.links),
            Performative::Transfer(transfer) => {
                self.state.next_incoming = self.state.next_incoming.wrapping_add(1);
                ensure!(!transfer.more, "an answer in several frames");
                self.messages
                    .push_back(Message::decode(transfer.payload, Limits::default())?);
            }
            Performative::Disposition(_) => {}
            other => bail!("the server says {other:?}"),
        }
        Ok(())
    }

    /// Takes leave.
    pub async fn close(mut self) -> anyhow::Result<()> {
        self.channel.queue(Close::default())?;
        self.channel.flush().await
    }

    /// The connection, for a loop of its own.
    pub fn into_link(self) -> anyhow::Result<Handover> {
        let (link, inbox) = self.channel.into_link()?;
        Ok(Handover {
            link,
            inbox,
            links: self.links,
            session: self.state,
        })
    }
}

/// The property by which the links of a pair find each other.
fn of_pair(pair: &str) -> Map {
    let name = Symbol::from_static("com.microsoft:channel-correlation-id");
    Map::new().with(name, pair.to_owned())
}

fn status_of(answer: &Message) -> Option<i32> {
    match answer.application_properties.as_ref()?.get("status-code")? {
        Value::Int(status) => Some(*status),
        _ => None,
    }
}
