//! A client that speaks frames: one session, on channel 0.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::timeout;
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::frame::{Frame, RawFrame};
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::performatives::{
    AmqpError, Attach, AttachTarget, Begin, DeliveryState, Detach, Disposition, Flow, Open,
    Performative, ReceiverSettleMode, Role, SenderSettleMode, Source, Target, Transfer,
};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::value::{Map, Value};

const PATIENCE: Duration = Duration::from_secs(10);
const MAX_FRAME: u32 = 65_536;

/// A delivery as it came.
pub struct Received {
    pub id: u32,
    pub tag: Bytes,
    pub settled: bool,
    pub message: Message,
}

impl Received {
    /// The contents, which are one data section.
    pub fn body(&self) -> &[u8] {
        match &self.message.body {
            Body::Data(data) if data.len() == 1 => &data[0],
            other => panic!("{other:?} is not one data section"),
        }
    }
}

/// A connection with one session.
pub struct Client {
    stream: DuplexStream,
    inbox: BytesMut,
    /// What came and nobody has asked for.
    unread: VecDeque<Performative>,
    next_delivery: u32,
    /// Of each receiving link: how many deliveries came.
    received: HashMap<u32, u32>,
    next_handle: u32,
    /// The hub's numbers for our links.
    theirs: HashMap<u32, u32>,
    transfers_in: u32,
}

impl Client {
    /// Opens a connection to a host and a session.
    pub async fn open(stream: DuplexStream, host: &str) -> Self {
        let mut client = Client {
            stream,
            inbox: BytesMut::new(),
            unread: VecDeque::new(),
            next_delivery: 0,
            received: HashMap::new(),
            next_handle: 0,
            theirs: HashMap::new(),
            transfers_in: 0,
        };
        let mut out = BytesMut::new();
        ProtocolHeader::AMQP.encode(&mut out);
        client.write(&out).await;
        client
            .say(Open {
                container_id: "test".into(),
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
        client
            .say(Begin {
                remote_channel: None,
                next_outgoing_id: 0,
                incoming_window: 5000,
                outgoing_window: 5000,
                handle_max: 255,
                offered_capabilities: vec![],
                desired_capabilities: vec![],
                properties: Map::new(),
            })
            .await;
        client.read_header().await;
        client
            .hear(|told| matches!(told, Performative::Open(_)))
            .await;
        client
            .hear(|told| matches!(told, Performative::Begin(_)))
            .await;
        client
    }

    /// Puts a token; tells the status.
    pub async fn put_token(&mut self, token: &str) -> i32 {
        let out = self.sender("$cbs").await.unwrap();
        let back = self.receiver("$cbs", |_| {}).await.unwrap();
        self.credit(back, 1).await;
        let put = Message {
            properties: Some(Properties {
                message_id: Some(MessageId::Ulong(7)),
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
        };
        assert_eq!(self.send(out, &put).await, DeliveryState::Accepted);
        let answer = self.receive(back).await;
        let properties = answer.message.application_properties.unwrap();
        self.detach(out).await;
        self.detach(back).await;
        match properties.get("status-code") {
            Some(Value::Int(status)) => *status,
            other => panic!("{other:?} is no status"),
        }
    }

    /// Attaches a link on which the client sends; tells its handle, or why not.
    pub async fn sender(&mut self, address: &str) -> Result<u32, AmqpError> {
        let attached = self.sender_with(address, |_| {}).await?;
        Ok(attached.0)
    }

    /// The same, with another attach; tells the hub's answer, too.
    pub async fn sender_with(
        &mut self,
        address: &str,
        change: impl FnOnce(&mut Attach),
    ) -> Result<(u32, Attach), AmqpError> {
        let (handle, mut attach) = self.new_attach(Role::Sender);
        attach.source = Some(Source::default());
        attach.target = Some(AttachTarget::Node(Target {
            address: Some(address.to_owned().into()),
            ..Target::default()
        }));
        attach.initial_delivery_count = Some(0);
        change(&mut attach);
        self.attach_and_hear(handle, attach).await
    }

    /// Attaches a link on which the client receives.
    pub async fn receiver(
        &mut self,
        address: &str,
        change: impl FnOnce(&mut Attach),
    ) -> Result<u32, AmqpError> {
        let (handle, mut attach) = self.new_attach(Role::Receiver);
        attach.source = Some(Source {
            address: Some(address.to_owned().into()),
            ..Source::default()
        });
        attach.target = Some(AttachTarget::Node(Target::default()));
        change(&mut attach);
        self.attach(handle, attach).await
    }

    fn new_attach(&mut self, role: Role) -> (u32, Attach) {
        let handle = self.next_handle;
        self.next_handle += 1;
        let attach = Attach {
            name: format!("link-{handle}").into(),
            handle,
            role,
            snd_settle_mode: SenderSettleMode::Mixed,
            rcv_settle_mode: ReceiverSettleMode::First,
            source: None,
            target: None,
            unsettled: None,
            incomplete_unsettled: false,
            initial_delivery_count: None,
            max_message_size: None,
            offered_capabilities: vec![],
            desired_capabilities: vec![],
            properties: Map::new(),
        };
        (handle, attach)
    }

    /// Sends an attach and waits for its answer.
    pub async fn attach(&mut self, handle: u32, attach: Attach) -> Result<u32, AmqpError> {
        let attached = self.attach_and_hear(handle, attach).await?;
        Ok(attached.0)
    }

    async fn attach_and_hear(
        &mut self,
        handle: u32,
        attach: Attach,
    ) -> Result<(u32, Attach), AmqpError> {
        let name = attach.name.clone();
        let is_sender = attach.role == Role::Sender;
        self.say(attach).await;
        let answer = self
            .hear(|told| matches!(told, Performative::Attach(answer) if answer.name == name))
            .await;
        let Performative::Attach(answer) = answer else {
            unreachable!("it was looked at");
        };
        self.theirs.insert(handle, answer.handle);
        let terminus = match is_sender {
            true => answer.target.is_some(),
            false => answer.source.is_some(),
        };
        if terminus {
            return Ok((handle, *answer));
        }
        Err(self.detached(handle).await.expect("a refusal has a reason"))
    }

    /// Waits until the hub detaches a link; tells why.
    pub async fn detached(&mut self, handle: u32) -> Option<AmqpError> {
        let theirs = self.theirs[&handle];
        let detach = self
            .hear(|told| matches!(told, Performative::Detach(detach) if detach.handle == theirs))
            .await;
        match detach {
            Performative::Detach(Detach { error, .. }) => error,
            _ => unreachable!("it was looked at"),
        }
    }

    /// Detaches a link and waits for the answer.
    pub async fn detach(&mut self, handle: u32) {
        self.say(Detach {
            handle,
            closed: true,
            error: None,
        })
        .await;
        self.detached(handle).await;
    }

    /// Gives credit for so many more deliveries.
    pub async fn credit(&mut self, handle: u32, credit: u32) {
        self.flow(handle, credit, false).await;
    }

    /// Asks for what there is, or for the credit back; waits until it is back.
    pub async fn drain(&mut self, handle: u32, credit: u32) {
        self.flow(handle, credit, true).await;
        let theirs = self.theirs[&handle];
        let told = self
            .hear(|told| {
                matches!(told, Performative::Flow(flow)
                    if flow.handle == Some(theirs) && flow.link_credit == Some(0))
            })
            .await;
        let Performative::Flow(flow) = told else {
            unreachable!("it was looked at");
        };
        let count = flow.delivery_count.expect("a sender says its count");
        self.received.insert(handle, count);
    }

    async fn flow(&mut self, handle: u32, credit: u32, drain: bool) {
        let delivery_count = self.received.get(&handle).copied().unwrap_or(0);
        self.say(Flow {
            next_incoming_id: Some(self.transfers_in),
            incoming_window: 5000,
            next_outgoing_id: self.next_delivery,
            outgoing_window: 5000,
            handle: Some(handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(credit),
            drain,
            ..Flow::default()
        })
        .await;
    }

    /// Sends a message without waiting; tells the number of the delivery.
    pub async fn post(&mut self, handle: u32, message: &Message, settled: bool) -> u32 {
        let mut payload = BytesMut::new();
        message.encode(&mut payload).unwrap();
        self.post_bytes(handle, 0, payload.freeze(), settled).await
    }

    /// Sends bytes as a delivery without waiting.
    pub async fn post_bytes(
        &mut self,
        handle: u32,
        format: u32,
        payload: Bytes,
        settled: bool,
    ) -> u32 {
        let id = self.next_delivery;
        self.next_delivery += 1;
        let mut rest = payload;
        loop {
            let part = rest.split_to(rest.len().min(32_768));
            let more = !rest.is_empty();
            self.say(Transfer {
                handle,
                delivery_id: Some(id),
                delivery_tag: Some(Bytes::copy_from_slice(&id.to_be_bytes())),
                message_format: Some(format),
                settled: Some(settled),
                more,
                payload: part,
                ..Transfer::default()
            })
            .await;
            if !more {
                return id;
            }
        }
    }

    /// Sends a message and waits for what becomes of it.
    pub async fn send(&mut self, handle: u32, message: &Message) -> DeliveryState {
        let id = self.post(handle, message, false).await;
        self.outcome(id).await
    }

    /// What the hub says of a delivery.
    pub async fn outcome(&mut self, id: u32) -> DeliveryState {
        let told = |told: &Performative| match told {
            Performative::Disposition(said) => {
                said.role == Role::Receiver
                    && (said.first..=said.last.unwrap_or(said.first)).contains(&id)
            }
            _ => false,
        };
        let Performative::Disposition(said) = self.hear(told).await else {
            unreachable!("it was looked at");
        };
        let last = said.last.unwrap_or(said.first);
        // The rest of the range is for those who ask later.
        if last > said.first {
            for (first, last) in [(said.first, id.wrapping_sub(1)), (id + 1, last)] {
                if first <= last && last != u32::MAX {
                    let rest = Disposition {
                        first,
                        last: Some(last),
                        ..said.clone()
                    };
                    self.unread.push_back(Performative::Disposition(rest));
                }
            }
        }
        assert!(said.settled, "the hub settles what it has decided");
        said.state.expect("a settled delivery has an outcome")
    }

    /// The next delivery on a link.
    pub async fn receive(&mut self, handle: u32) -> Received {
        let patience = timeout(PATIENCE, self.next_delivery(handle)).await;
        patience.expect("a delivery comes")
    }

    /// Whether nothing comes on a link for a while.
    pub async fn is_quiet(&mut self, handle: u32, span: Duration) -> bool {
        timeout(span, self.next_delivery(handle)).await.is_err()
    }

    async fn next_delivery(&mut self, handle: u32) -> Received {
        let mut whole = BytesMut::new();
        let mut first = None;
        let theirs = self.theirs[&handle];
        let is_next = |told: &Performative| matches!(told, Performative::Transfer(part) if part.handle == theirs);
        loop {
            let Performative::Transfer(part) = self.hear_patiently(is_next).await else {
                unreachable!("it was looked at");
            };
            whole.extend_from_slice(&part.payload);
            let more = part.more;
            let first = first.get_or_insert(part);
            if more {
                continue;
            }
            *self.received.entry(handle).or_default() += 1;
            return Received {
                id: first.delivery_id.expect("a first frame has a number"),
                tag: first.delivery_tag.clone().expect("a first frame has a tag"),
                settled: first.settled.unwrap_or(false),
                message: Message::decode(whole.freeze(), Limits::default()).unwrap(),
            };
        }
    }

    /// Says what becomes of a delivery.
    pub async fn dispose(&mut self, id: u32, settled: bool, state: DeliveryState) {
        self.say(Disposition {
            role: Role::Receiver,
            first: id,
            last: None,
            settled,
            state: Some(state),
            batchable: false,
        })
        .await;
    }

    /// Says what becomes of several deliveries.
    pub async fn dispose_range(
        &mut self,
        first: u32,
        last: u32,
        settled: bool,
        state: DeliveryState,
    ) {
        self.say(Disposition {
            role: Role::Receiver,
            first,
            last: Some(last),
            settled,
            state: Some(state),
            batchable: false,
        })
        .await;
    }

    /// What the hub, which sends, says of a delivery.
    pub async fn settled_by_hub(&mut self, id: u32) -> DeliveryState {
        let told = self
            .hear(|told| {
                matches!(told, Performative::Disposition(said)
                    if said.role == Role::Sender && said.first == id)
            })
            .await;
        match told {
            Performative::Disposition(said) => {
                assert!(said.settled, "the hub settles when asked");
                said.state.expect("with a state")
            }
            _ => unreachable!("it was looked at"),
        }
    }

    /// Sends a performative.
    pub async fn say(&mut self, performative: impl Into<Performative>) {
        let mut out = BytesMut::new();
        Frame::new(0, performative)
            .encode(MAX_FRAME, &mut out)
            .unwrap();
        self.write(&out).await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The first performative that was not asked for yet and fits.
    pub async fn hear(&mut self, fits: impl Fn(&Performative) -> bool) -> Performative {
        let heard = timeout(PATIENCE, self.hear_patiently(fits)).await;
        heard.unwrap_or_else(|_| panic!("the hub did not say it, but {:?}", self.unread))
    }

    /// The hub hangs up, and closes nothing before.
    pub async fn hung_up_without_a_word(&mut self) {
        let silence = timeout(PATIENCE, async {
            while let Some(told) = self.next_frame().await {
                assert!(!matches!(
                    told,
                    Performative::Close(_) | Performative::Detach(_)
                ));
            }
        });
        silence.await.expect("the hub hangs up");
    }

    async fn hear_patiently(&mut self, fits: impl Fn(&Performative) -> bool) -> Performative {
        loop {
            if let Some(at) = self.unread.iter().position(&fits) {
                return self.unread.remove(at).expect("it was found");
            }
            let Some(told) = self.next_frame().await else {
                panic!("the hub hung up, it had said {:?}", self.unread);
            };
            if matches!(told, Performative::Transfer(_)) {
                self.transfers_in += 1;
            }
            self.unread.push_back(told);
        }
    }

    async fn next_frame(&mut self) -> Option<Performative> {
        loop {
            if let Some(raw) = RawFrame::take(&mut self.inbox, MAX_FRAME).unwrap() {
                match Frame::decode(raw, Limits::default()).unwrap().performative {
                    Some(performative) => return Some(performative),
                    None => continue,
                }
            }
            if self.stream.read_buf(&mut self.inbox).await.unwrap() == 0 {
                return None;
            }
        }
    }

    async fn read_header(&mut self) {
        loop {
            if let Ok(Some(header)) = ProtocolHeader::take(&mut self.inbox) {
                assert_eq!(header, ProtocolHeader::AMQP);
                return;
            }
            let read = self.stream.read_buf(&mut self.inbox).await.unwrap();
            assert_ne!(read, 0, "the hub hung up before its header");
        }
    }
}
