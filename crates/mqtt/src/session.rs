//! A live session: what an admitted client may do, until it ends.
//!
//! One task owns it, nothing of it is shared. Telemetry is handed to the event
//! log, and more is read while it is on its way. Other requests are carried
//! out one after the other, so that a change of desired properties can't
//! overtake the answer to an earlier GET: it waits in the mailbox meanwhile.
//! Acknowledgements of either leave in the order of what they acknowledge.

mod deliveries;
mod guard;
mod in_flight;
mod outgoing;
mod packets;

use std::collections::VecDeque;
use std::convert::Infallible;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use twinhub_core::access::DevicePermit;
use twinhub_core::ports::{EndReason, Interests, MAILBOX_CAPACITY, Mailbox, Notice};
use twinhub_core::presence::ConnectionEntry;
use twinhub_mqtt_codec::{ConnAck, Delivery, Publish, TopicName, put_connack};

use self::guard::Guard;
use self::in_flight::InFlight;
use crate::end::End;
use crate::gateway::Gateway;
use crate::handshake::CLOSE_DEADLINE;
use crate::keep_alive::KeepAlive;
use crate::methods;
use crate::subscriptions::{Grant, Subscriptions};
use crate::telemetry::{self, TelemetryStream};
use crate::topics::Filter;
use crate::twins;
use crate::will::Will;
use crate::wire::Wire;

/// As soon as this much waits to be written, it is: before the next packet.
const HIGH_WATER: usize = 16 * 1024;

/// How often a busy client is served between two looks at the notices.
const TURNS_PER_LOOK: u32 = 16;

/// What outlives the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// A clean session.
    Nothing,
    /// The subscriptions.
    Subscriptions,
}

/// A client that was let in, and what it brings along.
pub(crate) struct Admitted {
    pub(crate) permit: DevicePermit,
    pub(crate) mailbox: Mailbox,
    pub(crate) presence: ConnectionEntry,
    pub(crate) keeping: Keeping,
    pub(crate) session_present: bool,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) keep_alive: u16,
    pub(crate) model_id: Option<Box<str>>,
    pub(crate) will: Option<Box<Will>>,
}

/// A session that may do what its permit allows.
pub(crate) struct LiveSession<'g, S> {
    gateway: &'g Gateway,
    wire: Wire<S>,
    guard: Guard<'g>,
    presence: ConnectionEntry,
    subscriptions: Subscriptions,
    keeping: Keeping,
    in_flight: InFlight,
    /// Whether messages from the cloud are delivered.
    takes_messages: bool,
    /// Notices that came while the client did not read.
    postponed: VecDeque<Notice>,
    /// Made for the first message that the client sends.
    telemetry: Option<Box<TelemetryStream>>,
    /// What the client sends stays unread until some telemetry is durable.
    stalled: bool,
    model_id: Option<Box<str>>,
    will: Option<Box<Will>>,
    /// Whether the client has done something that makes its connection count.
    active: bool,
}

/// What to do once all telemetry at the front has been taken.
enum Next {
    /// There is no complete packet.
    Read,
    /// There is another packet.
    Packet,
    /// There is telemetry that can't be taken yet.
    Wait,
}

impl<'g, S: AsyncRead + AsyncWrite + Unpin> LiveSession<'g, S> {
    /// Begins with CONNACK.
    pub(crate) fn new(
        gateway: &'g Gateway,
        mut wire: Wire<S>,
        admitted: Admitted,
        shutdown: CancellationToken,
    ) -> Self {
        let session_present = admitted.session_present;
        put_connack(ConnAck::Accepted { session_present }, wire.outbox());
        let keep_alive = KeepAlive::new(admitted.keep_alive, Instant::now());
        LiveSession {
            guard: Guard::new(
                &gateway.services,
                admitted.permit,
                admitted.mailbox,
                keep_alive,
                shutdown,
            ),
            gateway,
            wire,
            presence: admitted.presence,
            subscriptions: admitted.subscriptions,
            keeping: admitted.keeping,
            in_flight: InFlight::new(gateway.settings.max_unacknowledged),
            takes_messages: false,
            postponed: VecDeque::new(),
            telemetry: None,
            stalled: false,
            model_id: admitted.model_id,
            will: admitted.will,
            active: false,
        }
    }

    /// Who the client is.
    pub(crate) fn permit(&self) -> &DevicePermit {
        self.guard.permit()
    }

    /// Serves the client until something ends the session.
    pub(crate) async fn run(mut self) -> End {
        let Err(end) = self.serve().await;
        let services = &self.gateway.services;
        // Nobody will take what is handed to the session from now on.
        self.guard.listens_to(Interests::default());
        if let End::Fault(order) = &end {
            services.faults.begin(self.permit(), order);
        }
        let will = match end {
            End::Disconnected => {
                let session = self.guard.session();
                services.methods.hung_up(self.permit(), session);
                None
            }
            _ => self.will.take(),
        };
        let farewell = async {
            if !end.is_abrupt() {
                // The client may be gone, or not reading: then it gets no more.
                let _ = tokio::time::timeout(CLOSE_DEADLINE, self.wire.close()).await;
            }
        };
        let (telemetry, permit) = (self.telemetry, self.guard.permit());
        let fire = async {
            if let Some(will) = will {
                let model_id = self.model_id.as_deref();
                outgoing::store_will(services, permit, telemetry, model_id, &will).await;
            }
        };
        tokio::join!(farewell, fire);
        let permit = self.guard.leave();
        drop(self.presence);
        services.connection_events.ended(&permit);
        end
    }

    async fn serve(&mut self) -> Result<Infallible, End> {
        self.flush().await?;
        self.listen().await?;
        self.take_packets().await?;
        // What the client sends comes first: a look at the notices takes
        // longer than a message. But nobody is starved by a busy client.
        let mut turns = 0;
        loop {
            self.flush().await?;
            if let Some(notice) = self.postponed.pop_front() {
                self.take_notice(notice).await?;
                continue;
            }
            turns += 1;
            if turns == TURNS_PER_LOOK {
                turns = 0;
                if let Some(notice) = self.guard.waiting()? {
                    self.take_notice(notice).await?;
                    continue;
                }
            }
            tokio::select! {
                biased;
                durable = telemetry::durable(&mut self.telemetry) => {
                    self.acknowledge(durable?);
                    if self.stalled {
                        self.take_packets().await?;
                    }
                }
                read = self.wire.fill(), if !self.stalled => match read? {
                    0 => return Err(End::Lost(None)),
                    _ => self.take_packets().await?,
                },
                notice = self.guard.next() => {
                    turns = 0;
                    self.take_notice(notice?).await?;
                }
            }
        }
    }

    /// Handles every packet that was read, and in between what can't wait.
    async fn take_packets(&mut self) -> Result<(), End> {
        let unread = self.wire.unread().len();
        loop {
            match self.take_telemetry()? {
                Next::Read => break self.stall(false),
                Next::Wait => break self.stall(true),
                Next::Packet => {}
            }
            let max = self.gateway.settings.max_packet;
            let Some(packet) = self.wire.next_packet(max)? else {
                break self.stall(false);
            };
            // What happened before the client asked is told before the answer.
            while let Some(notice) = self.waiting_notice()? {
                self.take_notice(notice).await?;
            }
            self.take_packet(packet).await?;
            self.flush_if_much_waits().await?;
        }
        if self.wire.unread().len() < unread {
            self.presence.touch();
            self.guard.heard();
            if !self.wire.is_flushed() {
                self.flush().await?;
                // While we were writing, the client could not be heard.
                self.guard.heard();
            }
        }
        Ok(())
    }

    /// Whether the client is left unread, which is not held against it.
    fn stall(&mut self, stalled: bool) {
        self.stalled = stalled;
        self.guard.hears(!stalled);
    }

    fn waiting_notice(&mut self) -> Result<Option<Notice>, End> {
        let newest = self.guard.waiting()?;
        match self.postponed.pop_front() {
            None => Ok(newest),
            oldest => {
                self.postponed.extend(newest);
                Ok(oldest)
            }
        }
    }

    async fn take_notice(&mut self, notice: Notice) -> Result<(), End> {
        match notice {
            Notice::CheckAgain => self.guard.check_again().await,
            Notice::DesiredChanged { version, patch } => {
                let Some(grant) = self.subscriptions.grant(&Filter::DesiredChanges) else {
                    return Ok(());
                };
                let body = patch.to_string().into_bytes();
                self.publish(twins::change_topic(version), body.into(), grant)?;
                self.presence.touch();
                self.flush_if_much_waits().await
            }
            Notice::MethodCalled(request) => {
                let Some(grant) = self.subscriptions.of_method(&request.name) else {
                    return Ok(());
                };
                let body = request.payload.clone();
                self.publish(methods::call_topic(&request), body, grant)?;
                self.presence.touch();
                self.flush_if_much_waits().await
            }
            Notice::MessagesWaiting => Box::pin(self.take_messages()).await,
        }
    }

    /// Puts a message for the client into the outbox. `topic` has no wildcard.
    fn publish(&mut self, topic: String, body: Bytes, grant: Grant) -> Result<(), End> {
        let delivery = match grant {
            Grant::AtMostOnce => Delivery::AtMostOnce,
            Grant::AtLeastOnce => Delivery::AtLeastOnce {
                id: self.in_flight.next().ok_or(End::NotAcknowledging)?,
                duplicate: false,
            },
        };
        let publish = Publish {
            topic: TopicName::new(topic).expect("short, and made of what the codec took"),
            delivery,
            retain: false,
            payload: body,
        };
        Ok(publish.encode(self.wire.outbox())?)
    }

    async fn flush_if_much_waits(&mut self) -> Result<(), End> {
        match self.wire.waiting() > HIGH_WATER {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// Writes what waits. Meanwhile the session can end; notices are kept
    /// until the client reads, as many as a mailbox takes.
    async fn flush(&mut self) -> Result<(), End> {
        if self.wire.is_flushed() {
            return Ok(());
        }
        let deadline = Instant::now() + self.gateway.settings.write_deadline;
        loop {
            tokio::select! {
                biased;
                written = self.wire.flush() => return Ok(written?),
                notice = self.guard.next() => self.postpone(notice?).await?,
                () = tokio::time::sleep_until(deadline) => return Err(End::NotReading),
            }
        }
    }

    /// Keeps a notice for later, unless it can't wait.
    async fn postpone(&mut self, notice: Notice) -> Result<(), End> {
        match notice {
            Notice::CheckAgain => self.guard.check_again().await,
            // A hint: one is enough.
            Notice::MessagesWaiting if self.postponed.contains(&notice) => Ok(()),
            _ if self.postponed.len() >= MAILBOX_CAPACITY => Err(End::Told(EndReason::TooSlow)),
            notice => {
                self.postponed.push_back(notice);
                Ok(())
            }
        }
    }
}
