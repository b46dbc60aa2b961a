//! Telemetry over MQTT: from PUBLISHes to the event log, and PUBACKs back.
//!
//! A PUBACK leaves once its message is durable, and in the order of the
//! PUBLISHes. Between two of them nothing waits: many messages are under way
//! at once, up to a bound of bytes, and what the client sends then stays
//! unread until some are durable.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use twinhub_core::access::DevicePermit;
use twinhub_core::faults::{FaultOrder, Faults};
use twinhub_core::ids::IdentityId;
use twinhub_core::messages::MessageRef;
use twinhub_core::ports::LogError;
use twinhub_core::telemetry::{SendError, Telemetry, TelemetrySender};
use twinhub_mqtt_codec::{Delivery, PacketId, PublishRef, put_puback};

use crate::bag::Bag;
use crate::end::End;
use crate::topics::DeviceTopic;
use crate::will::WillLost;

/// What a message costs beside its size, so that empty ones are bounded, too.
const OVERHEAD: usize = 64;

/// Room that need not be given back.
const SMALL: usize = 64;
/// Longer topics are read each time.
const MAX_KEPT_TOPIC: usize = 1024;

/// What became of a PUBLISH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is on its way to the log, and acknowledged once it is there.
    Sent,
    /// Too much is on its way: again when some of it is durable.
    Busy,
    /// It is no telemetry.
    NotTelemetry,
    /// It asks for a fault, and is neither stored nor acknowledged.
    Fault(FaultOrder),
}

/// A session's way into the event log.
pub(crate) struct TelemetryStream {
    sender: TelemetrySender,
    /// How many messages were sent, and how many are known to be durable.
    sent: u64,
    durable: u64,
    /// What waits, in the order of the PUBLISHes.
    waiting: VecDeque<Waiting>,
    /// How many bytes wait, and how many may.
    waiting_bytes: usize,
    max_waiting_bytes: usize,
    topic: LastTopic,
    /// The sender takes nothing until it says so.
    busy: bool,
    failed: bool,
}

/// A PUBLISH that is not acknowledged yet.
struct Waiting {
    acknowledge: Option<PacketId>,
    /// What it takes of the bound; `None` if it is no message, and only waits
    /// for those before it.
    bytes: Option<u32>,
}

impl TelemetryStream {
    /// For the messages of one identity, of which so many bytes may wait.
    pub(crate) fn new(
        telemetry: &Telemetry,
        permit: &DevicePermit,
        model_id: Option<&str>,
        max_waiting_bytes: usize,
    ) -> Result<Self, LogError> {
        Ok(TelemetryStream {
            sender: telemetry.sender(permit, model_id)?,
            sent: 0,
            durable: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            max_waiting_bytes,
            topic: LastTopic::default(),
            busy: false,
            failed: false,
        })
    }

    /// Takes a PUBLISH, if it is telemetry. [`hand_over`](Self::hand_over)
    /// follows a handful.
    pub(crate) fn take(
        &mut self,
        publish: &PublishRef<'_>,
        identity: &IdentityId,
        faults: &Faults,
    ) -> Result<Taken, End> {
        if !self.waiting.is_empty() && self.waiting_bytes >= self.max_waiting_bytes {
            return Ok(Taken::Busy);
        }
        let (acknowledge, duplicate) = match publish.delivery {
            Delivery::AtMostOnce => (None, false),
            Delivery::AtLeastOnce { id, duplicate } => (Some(id), duplicate),
            // IoT Hub closes the connection on QoS 2 rather than downgrading it.
            Delivery::ExactlyOnce { .. } => return Err(End::ExactlyOnce),
        };
        let parsed;
        let bag = match self.topic.known(publish.raw_topic) {
            Some(bag) => bag,
            None => match self.topic.parse(publish, identity)? {
                Some(bag) => {
                    parsed = bag;
                    &parsed
                }
                None => return Ok(Taken::NotTelemetry),
            },
        };
        let message = bag.message(publish.payload);
        if let Some(order) = faults.ordered(&message) {
            return Ok(Taken::Fault(order));
        }
        let size = message.size();
        let sent = match publish.retain || duplicate {
            false => self.sender.send(&message),
            true => send_marked(&mut self.sender, &message, publish.retain, duplicate),
        };
        match sent {
            Ok(()) => {}
            Err(SendError::Busy(_)) => {
                self.busy = true;
                return Ok(Taken::Busy);
            }
            Err(error @ SendError::TooLarge { .. }) => return Err(End::TooLarge(error)),
        }
        self.sent += 1;
        self.waiting_bytes += size + OVERHEAD;
        let bytes = u32::try_from(size + OVERHEAD).expect("the sender refuses large messages");
        self.waiting.push_back(Waiting {
            acknowledge,
            bytes: Some(bytes),
        });
        Ok(Taken::Sent)
    }

    /// Sends what was taken on its way to the disk.
    pub(crate) fn hand_over(&mut self) {
        self.sender.hand_over();
    }

    /// Whether something is not acknowledged yet.
    pub(crate) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether it takes nothing more, because something was not stored.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Acknowledges another PUBLISH in its turn: behind those that wait.
    pub(crate) fn acknowledge_behind(&mut self, id: PacketId) {
        self.waiting.push_back(Waiting {
            acknowledge: Some(id),
            bytes: None,
        });
    }

    /// Ready once more is durable, or there is room again. Only to be asked
    /// while something waits for that.
    fn poll_durable(&mut self, cx: &mut Context<'_>) -> Poll<Result<u64, LogError>> {
        let durable = ready!(self.sender.poll_durable(cx, self.durable));
        self.failed |= durable.is_err();
        self.busy = false;
        Poll::Ready(durable)
    }

    /// Acknowledges what is durable, up to the `durable`th message.
    pub(crate) fn acknowledge(&mut self, durable: u64, outbox: &mut BytesMut) {
        while let Some(first) = self.waiting.front() {
            if let Some(bytes) = first.bytes {
                if self.durable >= durable {
                    break;
                }
                self.durable += 1;
                self.waiting_bytes -= bytes as usize;
            }
            if let Some(id) = first.acknowledge {
                put_puback(id, outbox);
            }
            self.waiting.pop_front();
        }
        // As long as it is quiet it holds nothing.
        if self.waiting.is_empty() && self.waiting.capacity() > SMALL {
            self.waiting = VecDeque::new();
        }
    }

    /// Sends a last message, and returns once it is durable.
    pub(crate) async fn finish(&mut self, message: &MessageRef<'_>) -> Result<(), WillLost> {
        while let Err(error) = self.sender.send(message) {
            match error {
                SendError::Busy(_) => self.more_durable().await?,
                SendError::TooLarge { .. } => return Err(WillLost::TooLarge(error)),
            }
        }
        self.sent += 1;
        self.sender.hand_over();
        while self.durable < self.sent {
            self.more_durable().await?;
        }
        Ok(())
    }

    async fn more_durable(&mut self) -> Result<(), LogError> {
        self.durable = poll_fn(|cx| self.sender.poll_durable(cx, self.durable)).await?;
        Ok(())
    }
}

/// Ready with how many messages are durable, once those are more or there is
/// room again; never while nothing waits for either.
pub(crate) async fn durable(stream: &mut Option<Box<TelemetryStream>>) -> Result<u64, LogError> {
    poll_fn(|cx| match stream {
        Some(stream) if stream.waits() || stream.busy => stream.poll_durable(cx),
        _ => Poll::Pending,
    })
    .await
}

/// Sends a message with what the hub tells of how it came.
fn send_marked(
    sender: &mut TelemetrySender,
    message: &MessageRef<'_>,
    retain: bool,
    duplicate: bool,
) -> Result<(), SendError> {
    let mut application = message.application.to_vec();
    let mut mark = |name: &'static str| application.push((name.into(), Some("true".into())));
    if retain {
        mark("mqtt-retain");
    }
    if duplicate {
        mark("mqtt-dup");
    }
    sender.send(&MessageRef {
        application: &application,
        ..*message
    })
}

/// The topic that was last published to. Devices repeat theirs: its
/// properties are kept from the second time on.
#[derive(Default)]
struct LastTopic {
    raw: Vec<u8>,
    bag: Option<Bag<'static>>,
}

impl LastTopic {
    fn known(&self, raw: &[u8]) -> Option<&Bag<'static>> {
        self.bag.as_ref().filter(|_| self.raw == raw)
    }

    /// The properties of a telemetry topic; `None` for another that the
    /// identity may publish to.
    fn parse<'p>(
        &mut self,
        publish: &PublishRef<'p>,
        identity: &IdentityId,
    ) -> Result<Option<Bag<'p>>, End> {
        let topic = publish.topic()?;
        let properties = match DeviceTopic::parse(topic, identity) {
            Ok(DeviceTopic::Telemetry { properties }) => properties,
            Ok(
                DeviceTopic::GetTwin { .. }
                | DeviceTopic::PatchReported { .. }
                | DeviceTopic::MethodResponse { .. },
            ) => return Ok(None),
            Err(_) => return Err(End::forbidden_topic(topic)),
        };
        let bag = Bag::parse(properties);
        if self.raw == publish.raw_topic {
            self.bag = Some(bag.clone().into_owned());
        } else {
            self.bag = None;
            self.raw.clear();
            if publish.raw_topic.len() <= MAX_KEPT_TOPIC {
                self.raw.extend_from_slice(publish.raw_topic);
            }
        }
        Ok(Some(bag))
    }
}
