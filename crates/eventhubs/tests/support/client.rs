//! A client that speaks frames: one session, any links.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::timeout;
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::frame::{Frame, RawFrame};
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::performatives::{
    AmqpError, Attach, AttachTarget, Begin, DeliveryState, Detach, Flow, Open, Performative,
    ReceiverSettleMode, Role, SenderSettleMode, Source, Target, Transfer,
};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::value::{Described, Map, Symbol, Value};

use super::HOST;

const FRAME: u32 = 65_536;
/// Longer than what tests on a paused clock wait for.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    stream: DuplexStream,
    inbox: BytesMut,
    waiting: VecDeque<Performative>,
    handles: u32,
    sent: u32,
    /// Our handles by the hub's.
    ours: HashMap<u32, u32>,
    cbs: Option<(u32, u32)>,
}

/// What a reader asks for.
#[derive(Default)]
pub struct Wish {
    pub filter: Option<String>,
    pub epoch: Option<i64>,
    pub name: Option<&'static str>,
    pub capabilities: Vec<Symbol>,
}

impl Wish {
    pub fn from(filter: &str) -> Self {
        Wish {
            filter: Some(format!("amqp.annotation.{filter}")),
            ..Wish::default()
        }
    }

    pub fn of_epoch(epoch: i64) -> Self {
        Wish {
            epoch: Some(epoch),
            ..Wish::from("x-opt-offset > '-1'")
        }
    }
}

/// An event as it came.
#[derive(Debug)]
pub struct Event {
    pub handle: u32,
    pub settled: bool,
    pub message: Message,
}

impl Event {
    pub fn body(&self) -> String {
        match &self.message.body {
            Body::Data(sections) => String::from_utf8(sections.concat()).unwrap(),
            other => panic!("{other:?} is no data"),
        }
    }

    pub fn annotation(&self, name: &str) -> Value {
        let found = self.message.message_annotations.get(name);
        found.cloned().unwrap_or_default()
    }
}

impl Client {
    /// Opens a connection and a session.
    pub async fn open(stream: DuplexStream) -> Self {
        let mut client = Client {
            stream,
            inbox: BytesMut::new(),
            waiting: VecDeque::new(),
            handles: 0,
            sent: 0,
            ours: HashMap::new(),
            cbs: None,
        };
        let mut header = BytesMut::new();
        ProtocolHeader::AMQP.encode(&mut header);
        client.stream.write_all(&header).await.unwrap();
        client
            .send(Open {
                container_id: "tests".into(),
                hostname: Some(HOST.into()),
                max_frame_size: FRAME,
                channel_max: 65_535,
                idle_time_out: None,
                outgoing_locales: Vec::new(),
                incoming_locales: Vec::new(),
                offered_capabilities: Vec::new(),
                desired_capabilities: Vec::new(),
                properties: Map::new(),
            })
            .await;
        client
            .send(Begin {
                remote_channel: None,
                next_outgoing_id: 0,
                incoming_window: 5_000,
                outgoing_window: 5_000,
                handle_max: 255,
                offered_capabilities: Vec::new(),
                desired_capabilities: Vec::new(),
                properties: Map::new(),
            })
            .await;
        let mut answer = [0; ProtocolHeader::LENGTH];
        client.stream.read_exact(&mut answer).await.unwrap();
        client
            .until(|it| matches!(it, Performative::Begin(_)))
            .await;
        client
    }

    pub async fn send(&mut self, performative: impl Into<Performative>) {
        let mut out = BytesMut::new();
        Frame::new(0, performative).encode(FRAME, &mut out).unwrap();
        self.stream.write_all(&out).await.unwrap();
    }

    /// The next of the performatives that came which is of this kind.
    pub async fn until(&mut self, is_it: impl Fn(&Performative) -> bool) -> Performative {
        if let Some(at) = self.waiting.iter().position(&is_it) {
            return self.waiting.remove(at).unwrap();
        }
        loop {
            let next = self.receive().await;
            if is_it(&next) {
                return next;
            }
            self.waiting.push_back(next);
        }
    }

    async fn receive(&mut self) -> Performative {
        let patience = timeout(PATIENCE, self.receive_in_time());
        patience.await.expect("the hub says nothing")
    }

    async fn receive_in_time(&mut self) -> Performative {
        loop {
            if let Some(raw) = RawFrame::take(&mut self.inbox, FRAME).unwrap() {
                let frame = Frame::decode(raw, Limits::default()).unwrap();
                match frame.performative {
                    Some(performative) => return performative,
                    None => continue,
                }
            }
            let count = self.stream.read_buf(&mut self.inbox).await.unwrap();
            assert!(count > 0, "the hub has closed: {:?}", self.waiting);
        }
    }

    /// Whether no message and no detach comes, as long as it takes the hub to
    /// answer twice.
    pub async fn is_silent(&mut self) -> bool {
        for _ in 0..2 {
            self.send(session_flow(true)).await;
            let is_it =
                |it: &Performative| matches!(it, Performative::Flow(flow) if flow.handle.is_none());
            self.until(is_it).await;
        }
        let is_something =
            |it: &Performative| matches!(it, Performative::Transfer(_) | Performative::Detach(_));
        !self.waiting.iter().any(is_something)
    }

    /// Attaches a link; tells its handle and the hub's answer.
    pub async fn attach(&mut self, mut attach: Attach) -> Result<(u32, Attach), AmqpError> {
        let handle = self.handles;
        self.handles += 1;
        attach.handle = handle;
        let name = attach.name.clone();
        self.send(attach).await;
        let is_it =
            |it: &Performative| matches!(it, Performative::Attach(answer) if answer.name == name);
        let Performative::Attach(answer) = self.until(is_it).await else {
            unreachable!();
        };
        self.ours.insert(answer.handle, handle);
        let terminuses = (&answer.source, &answer.target);
        match terminuses {
            (Some(_), Some(_)) => Ok((handle, *answer)),
            (None, None) => Err(self.detached(handle).await.expect("a refusal has a reason")),
            other => panic!("{other:?} is half a refusal"),
        }
    }

    /// Waits until a link is detached; answers that, and tells why.
    pub async fn detached(&mut self, handle: u32) -> Option<AmqpError> {
        let of_hub = *self
            .ours
            .iter()
            .find(|(_, ours)| **ours == handle)
            .unwrap()
            .0;
        let is_it = |it: &Performative| matches!(it, Performative::Detach(detach) if detach.handle == of_hub);
        let Performative::Detach(detach) = self.until(is_it).await else {
            unreachable!();
        };
        assert!(detach.closed);
        self.send(Detach {
            handle,
            closed: true,
            error: None,
        })
        .await;
        self.ours.remove(&of_hub);
        detach.error
    }

    /// Detaches a link, and waits for the answer.
    pub async fn detach(&mut self, handle: u32) {
        self.send(Detach {
            handle,
            closed: true,
            error: None,
        })
        .await;
        let of_hub = *self
            .ours
            .iter()
            .find(|(_, ours)| **ours == handle)
            .unwrap()
            .0;
        self.until(|it| matches!(it, Performative::Detach(detach) if detach.handle == of_hub))
            .await;
        self.ours.remove(&of_hub);
    }

    /// Attaches a reader without credit.
    pub async fn read(&mut self, address: &str, wish: Wish) -> Result<(u32, Attach), AmqpError> {
        let name = format!("reader-{}", self.handles);
        let mut attach = link(&name, Role::Receiver, address);
        if let (Some(source), Some(filter)) = (&mut attach.source, &wish.filter) {
            let selector = Symbol::from_static("apache.org:selector-filter:string");
            let described = Described {
                descriptor: selector.clone().into(),
                value: filter.clone().into(),
            };
            source.filter = Map::new().with(selector, described);
        }
        if let Some(epoch) = wish.epoch {
            attach
                .properties
                .push(Symbol::from_static("com.microsoft:epoch"), epoch);
        }
        if let Some(name) = wish.name {
            attach
                .properties
                .push(Symbol::from_static("com.microsoft:receiver-name"), name);
        }
        attach.desired_capabilities = wish.capabilities;
        self.attach(attach).await
    }

    /// Attaches a reader that may read so much.
    pub async fn reader(&mut self, address: &str, filter: &str, credit: u32) -> u32 {
        let (handle, _) = self.read(address, Wish::from(filter)).await.unwrap();
        self.credit(handle, 0, credit).await;
        handle
    }

    /// Gives a link credit behind so many deliveries.
    pub async fn credit(&mut self, handle: u32, delivery_count: u32, credit: u32) {
        self.flow(handle, delivery_count, credit, false).await;
    }

    /// Asks for what there is, up to so much, and for the rest of the credit.
    /// Tells the delivery count of the answer.
    pub async fn drain(&mut self, handle: u32, delivery_count: u32, credit: u32) -> u32 {
        self.flow(handle, delivery_count, credit, true).await;
        let is_it = |it: &Performative| matches!(it, Performative::Flow(flow) if flow.link_credit == Some(0));
        let Performative::Flow(flow) = self.until(is_it).await else {
            unreachable!();
        };
        flow.delivery_count.unwrap()
    }

    async fn flow(&mut self, handle: u32, delivery_count: u32, credit: u32, drain: bool) {
        self.send(Flow {
            handle: Some(handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(credit),
            drain,
            ..session_flow(false)
        })
        .await;
    }

    /// The next message of any link.
    pub async fn event(&mut self) -> Event {
        let mut settled = false;
        let mut payload = BytesMut::new();
        loop {
            let is_it = |it: &Performative| matches!(it, Performative::Transfer(_));
            let Performative::Transfer(part) = self.until(is_it).await else {
                unreachable!();
            };
            settled |= part.settled == Some(true);
            payload.extend_from_slice(&part.payload);
            if !part.more {
                return Event {
                    handle: self.ours[&part.handle],
                    settled,
                    message: Message::decode(payload.freeze(), Limits::default()).unwrap(),
                };
            }
        }
    }

    /// The bodies of the next messages.
    pub async fn bodies(&mut self, count: usize) -> Vec<String> {
        let mut bodies = Vec::new();
        for _ in 0..count {
            bodies.push(self.event().await.body());
        }
        bodies
    }

    /// Attaches a link to ask on and one for the answers.
    pub async fn pair(&mut self, address: &str, reply_to: &str) -> (u32, u32) {
        let name = |end: &str, number| format!("{end}-{number}");
        let sender = link(&name("sender", self.handles), Role::Sender, address);
        let (sender, _) = self.attach(sender).await.unwrap();
        let mut receiver = link(&name("receiver", self.handles), Role::Receiver, address);
        receiver.target = Some(AttachTarget::Node(Target {
            address: Some(reply_to.to_owned().into()),
            ..Target::default()
        }));
        let (receiver, _) = self.attach(receiver).await.unwrap();
        self.credit(receiver, 0, 1_000).await;
        (sender, receiver)
    }

    /// Sends a message on a link.
    pub async fn tell(&mut self, handle: u32, message: &Message) {
        let mut payload = BytesMut::new();
        message.encode(&mut payload).unwrap();
        self.transfer(handle, payload.freeze()).await;
    }

    /// Sends bytes on a link.
    pub async fn transfer(&mut self, handle: u32, payload: Bytes) {
        let id = self.sent;
        self.sent += 1;
        self.send(Transfer {
            handle,
            delivery_id: Some(id),
            delivery_tag: Some(Bytes::copy_from_slice(&id.to_be_bytes())),
            message_format: Some(0),
            settled: Some(false),
            more: false,
            rcv_settle_mode: None,
            state: None,
            resume: false,
            aborted: false,
            batchable: false,
            payload,
        })
        .await;
    }

    /// What became of what was sent last.
    pub async fn outcome(&mut self) -> DeliveryState {
        let is_it = |it: &Performative| matches!(it, Performative::Disposition(_));
        let Performative::Disposition(disposition) = self.until(is_it).await else {
            unreachable!();
        };
        assert!(disposition.settled);
        disposition.state.unwrap()
    }

    pub async fn put_token(&mut self, token: &str) {
        let (sender, receiver) = match self.cbs {
            Some(pair) => pair,
            None => self.pair("$cbs", "cbs-tests").await,
        };
        self.cbs = Some((sender, receiver));
        let request = Message {
            properties: Some(Properties {
                message_id: Some(MessageId::Ulong(7)),
                ..Properties::default()
            }),
            application_properties: Some(
                Map::new()
                    .with("operation", "put-token")
                    .with("type", "servicebus.windows.net:sastoken")
                    .with("name", format!("sb://{HOST}/Plant")),
            ),
            body: Body::Value(token.to_owned().into()),
            ..Message::default()
        };
        self.tell(sender, &request).await;
        self.outcome().await;
        let answer = self.event().await;
        assert_eq!(answer.handle, receiver);
        let properties = answer.message.application_properties.unwrap();
        assert_eq!(properties.get("status-code"), Some(&Value::Int(200)));
    }
}

/// An attach whose two ends have the same address.
pub fn link(name: &str, role: Role, address: &str) -> Attach {
    Attach {
        name: name.to_owned().into(),
        handle: 0,
        role,
        snd_settle_mode: SenderSettleMode::Unsettled,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Source {
            address: Some(address.to_owned().into()),
            ..Source::default()
        }),
        target: Some(AttachTarget::Node(Target {
            address: Some(address.to_owned().into()),
            ..Target::default()
        })),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: (role == Role::Sender).then_some(0),
        max_message_size: None,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

fn session_flow(echo: bool) -> Flow {
    Flow {
        next_incoming_id: Some(0),
        incoming_window: 1_000_000,
        next_outgoing_id: 0,
        outgoing_window: 5_000,
        handle: None,
        delivery_count: None,
        link_credit: None,
        available: None,
        drain: false,
        echo,
        properties: Map::new(),
    }
}
