//! A client that speaks frames, and says only what it is told to.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::timeout;
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::frame::{Frame, RawFrame};
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::performatives::{
    AmqpError, Attach, AttachTarget, Begin, Detach, Disposition, Flow, Open, Performative,
    ReceiverSettleMode, Role, SenderSettleMode, Source, Target, Transfer,
};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::sasl::{Init, OutcomeCode, SaslFrame};
use twinhub_amqp_engine::value::{Map, Symbol, Value};

const PATIENCE: Duration = Duration::from_secs(10);
const MAX_FRAME: u32 = 65_536;

/// What a request on `$cbs` came to.
pub struct Answer {
    pub status: i32,
    pub message: Message,
    /// Whether the request was accepted before.
    pub accepted_first: bool,
}

/// A client at its end of a stream.
pub struct Talker {
    stream: DuplexStream,
    inbox: BytesMut,
    next_delivery: u32,
    cbs: bool,
    /// What each attach says beside what it must.
    pub word: String,
}

impl Talker {
    pub fn new(stream: DuplexStream) -> Self {
        Talker {
            stream,
            inbox: BytesMut::new(),
            next_delivery: 0,
            cbs: false,
            word: String::new(),
        }
    }

    pub async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn say(&mut self, performative: impl Into<Performative>) {
        self.say_on(0, performative).await;
    }

    pub async fn say_on(&mut self, channel: u16, performative: impl Into<Performative>) {
        let mut out = BytesMut::new();
        let frame = Frame::new(channel, performative);
        frame.encode(MAX_FRAME, &mut out).unwrap();
        self.raw(&out).await;
    }

    async fn header(&mut self, header: ProtocolHeader) {
        let mut out = BytesMut::new();
        header.encode(&mut out);
        self.raw(&out).await;
        loop {
            if let Some(answer) = ProtocolHeader::take(&mut self.inbox).unwrap() {
                return assert_eq!(answer, header);
            }
            assert!(self.read().await, "the hub hung up");
        }
    }

    /// Introduces itself; tells what was offered, and the verdict.
    pub async fn sasl(&mut self, mechanism: &str, response: &[u8]) -> (Vec<String>, OutcomeCode) {
        self.header(ProtocolHeader::SASL).await;
        let SaslFrame::Mechanisms(offer) = self.sasl_frame().await else {
            panic!("mechanisms come first");
        };
        let init = Init {
            mechanism: Symbol::try_from(mechanism.to_owned()).unwrap(),
            initial_response: Some(Bytes::copy_from_slice(response)),
            hostname: None,
        };
        let mut out = BytesMut::new();
        SaslFrame::Init(init).encode(MAX_FRAME, &mut out).unwrap();
        self.raw(&out).await;
        let SaslFrame::Outcome(outcome) = self.sasl_frame().await else {
            panic!("an outcome comes next");
        };
        let offer = offer.mechanisms.iter().map(ToString::to_string).collect();
        (offer, outcome.code)
    }

    async fn sasl_frame(&mut self) -> SaslFrame {
        loop {
            if let Some(raw) = RawFrame::take(&mut self.inbox, MAX_FRAME).unwrap() {
                return SaslFrame::decode(raw, Limits::default()).unwrap();
            }
            assert!(self.read().await, "the hub hung up");
        }
    }

    /// Opens a connection, and a session on channel 0.
    pub async fn open(&mut self, host: &str) {
        self.header(ProtocolHeader::AMQP).await;
        self.say(Open {
            container_id: "talker".into(),
            hostname: Some(host.to_owned().into()),
            max_frame_size: MAX_FRAME,
            channel_max: 10,
            idle_time_out: None,
            outgoing_locales: vec![],
            incoming_locales: vec![],
            offered_capabilities: vec![],
            desired_capabilities: vec![],
            properties: Map::new(),
        })
        .await;
        self.until(|told| matches!(told, Performative::Open(_)))
            .await;
        self.begin(0).await;
    }

    pub async fn begin(&mut self, channel: u16) {
        let begin = Begin {
            remote_channel: None,
            next_outgoing_id: 0,
            incoming_window: 5000,
            outgoing_window: 5000,
            handle_max: 255,
            offered_capabilities: vec![],
            desired_capabilities: vec![],
            properties: Map::new(),
        };
        self.say_on(channel, begin).await;
        self.until(|told| matches!(told, Performative::Begin(_)))
            .await;
    }

    /// Attaches a link without waiting for the answer.
    pub async fn ask_for(&mut self, channel: u16, handle: u32, role: Role, address: &str) {
        let address = Some(address.to_owned().into());
        let attach = Attach {
            name: format!("link-{handle}").into(),
            handle,
            role,
            snd_settle_mode: SenderSettleMode::Mixed,
            rcv_settle_mode: ReceiverSettleMode::First,
            source: Some(Source {
                address: address.clone(),
                ..Source::default()
            }),
            target: Some(AttachTarget::Node(Target {
                address,
                ..Target::default()
            })),
            unsettled: None,
            incomplete_unsettled: false,
            initial_delivery_count: (role == Role::Sender).then_some(0),
            max_message_size: None,
            offered_capabilities: vec![],
            desired_capabilities: vec![],
            properties: Map::new().with("word", self.word.clone()),
        };
        self.say_on(channel, attach).await;
    }

    /// Waits for the answer to an attach.
    pub async fn attached(&mut self, handle: u32) -> Result<(), AmqpError> {
        let name = format!("link-{handle}");
        let answer = self
            .until(|told| matches!(told, Performative::Attach(answer) if answer.name == name))
            .await;
        let Performative::Attach(answer) = answer else {
            unreachable!("it was looked at");
        };
        if answer.source.is_some() && answer.target.is_some() {
            return Ok(());
        }
        Err(self.detached().await.expect("a refusal has a reason"))
    }

    /// Attaches a link and waits for the answer.
    pub async fn attach(
        &mut self,
        handle: u32,
        role: Role,
        address: &str,
    ) -> Result<(), AmqpError> {
        self.ask_for(0, handle, role, address).await;
        self.attached(handle).await
    }

    /// Detaches a link without waiting for the answer.
    pub async fn detach(&mut self, handle: u32) {
        self.say(Detach {
            handle,
            closed: true,
            error: None,
        })
        .await;
    }

    /// Waits until the hub detaches a link.
    pub async fn detached(&mut self) -> Option<AmqpError> {
        match self
            .until(|told| matches!(told, Performative::Detach(_)))
            .await
        {
            Performative::Detach(detach) => detach.error,
            _ => unreachable!("it was looked at"),
        }
    }

    /// Waits until the hub closes the connection, and hangs up.
    pub async fn closed(&mut self) -> Option<AmqpError> {
        let told = self
            .until(|told| matches!(told, Performative::Close(_)))
            .await;
        let Performative::Close(close) = told else {
            unreachable!("it was looked at");
        };
        assert!(self.frame().await.is_none(), "nothing comes after a close");
        close.error
    }

    /// Gives credit on a link that the hub sends on.
    pub async fn credit(&mut self, handle: u32, credit: u32) {
        self.say(Flow {
            next_incoming_id: Some(0),
            incoming_window: u32::MAX,
            next_outgoing_id: self.next_delivery,
            outgoing_window: 5000,
            handle: Some(handle),
            delivery_count: Some(0),
            link_credit: Some(credit),
            ..Flow::default()
        })
        .await;
    }

    /// Asks for the session's state.
    pub async fn echo(&mut self) {
        self.say(Flow {
            next_incoming_id: Some(0),
            incoming_window: 5000,
            next_outgoing_id: self.next_delivery,
            outgoing_window: 5000,
            echo: true,
            ..Flow::default()
        })
        .await;
    }

    /// Sends a message in one frame; tells its number.
    pub async fn post(&mut self, channel: u16, handle: u32, payload: Bytes) -> u32 {
        let id = self.next_delivery;
        self.next_delivery += 1;
        let transfer = Transfer {
            handle,
            delivery_id: Some(id),
            delivery_tag: Some(Bytes::copy_from_slice(&id.to_be_bytes())),
            message_format: Some(0),
            settled: Some(false),
            payload,
            ..Transfer::default()
        };
        self.say_on(channel, transfer).await;
        id
    }

    /// Attaches a `$cbs` pair with handles 100 and 101, unless there is one.
    pub async fn attach_cbs(&mut self) {
        if !self.cbs {
            self.cbs = true;
            self.attach(100, Role::Sender, "$cbs").await.unwrap();
            self.attach(101, Role::Receiver, "$cbs").await.unwrap();
            self.credit(101, 1000).await;
        }
    }

    /// Puts a token and waits for the answer.
    pub async fn put_token(&mut self, token: &str) -> i32 {
        self.request(put_token(token, MessageId::Ulong(7)))
            .await
            .status
    }

    /// Sends a request to `$cbs` without waiting.
    pub async fn post_request(&mut self, request: &Message) -> u32 {
        self.attach_cbs().await;
        let mut payload = BytesMut::new();
        request.encode(&mut payload).unwrap();
        self.post(0, 100, payload.freeze()).await
    }

    /// Sends a request to `$cbs` and waits for the answer.
    pub async fn request(&mut self, request: Message) -> Answer {
        let id = self.post_request(&request).await;
        let mut accepted_first = false;
        loop {
            match self.frame().await.expect("the hub answers") {
                Performative::Disposition(Disposition {
                    first,
                    last,
                    settled,
                    ..
                }) => {
                    accepted_first |= settled && (first..=last.unwrap_or(first)).contains(&id);
                }
                Performative::Transfer(answer) => {
                    assert_eq!(answer.settled, Some(true));
                    let message = Message::decode(answer.payload, Limits::default()).unwrap();
                    let properties = message.application_properties.as_ref().unwrap();
                    let Some(&Value::Int(status)) = properties.get("status-code") else {
                        panic!("{properties:?} has no status that is an int");
                    };
                    return Answer {
                        status,
                        message,
                        accepted_first,
                    };
                }
                _ => {}
            }
        }
    }

    /// Passes over what comes until something wanted does.
    pub async fn until(&mut self, wanted: impl Fn(&Performative) -> bool) -> Performative {
        loop {
            let told = self.frame().await.expect("the hub does not hang up");
            if wanted(&told) {
                return told;
            }
        }
    }

    /// What comes next; nothing once the hub has hung up.
    pub async fn frame(&mut self) -> Option<Performative> {
        loop {
            while let Some(raw) = RawFrame::take(&mut self.inbox, MAX_FRAME).unwrap() {
                let frame = Frame::decode(raw, Limits::default()).unwrap();
                if let Some(performative) = frame.performative {
                    return Some(performative);
                }
            }
            if !self.read().await {
                return None;
            }
        }
    }

    async fn read(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.inbox);
        let read = timeout(PATIENCE * 10, read).await.expect("something comes");
        read.unwrap_or(0) > 0
    }
}

/// A request to put a token.
pub fn put_token(token: &str, id: MessageId) -> Message {
    Message {
        properties: Some(Properties {
            message_id: Some(id),
            ..Properties::default()
        }),
        application_properties: Some(
            Map::new()
                .with("operation", "put-token")
                .with("type", "servicebus.windows.net:sastoken")
                .with("name", "whatever"),
        ),
        body: Body::Value(Value::from(token.to_owned())),
        ..Message::default()
    }
}
