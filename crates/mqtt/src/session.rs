//! A live session: what an admitted client may do, until it ends.
//!
//! One task owns it, nothing of it is shared. Requests are carried out one
//! after the other, so that acknowledgements leave in the order of what they
//! acknowledge, and a change of desired properties can't overtake the answer
//! to an earlier GET: it waits in the mailbox meanwhile.

mod guard;
mod in_flight;
mod packets;

use std::collections::VecDeque;
use std::convert::Infallible;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use twinhub_core::access::DevicePermit;
use twinhub_core::ports::{EndReason, MAILBOX_CAPACITY, Mailbox, Notice};
use twinhub_core::presence::ConnectionEntry;
use twinhub_mqtt_codec::{ConnAck, Delivery, Publish, TopicName, put_connack};

use self::guard::Guard;
use self::in_flight::InFlight;
use crate::end::End;
use crate::gateway::Gateway;
use crate::handshake::CLOSE_DEADLINE;
use crate::keep_alive::KeepAlive;
use crate::subscriptions::{Grant, Subscriptions};
use crate::topics::Filter;
use crate::twins;
use crate::wire::Wire;

/// As soon as this much waits to be written, it is: before the next packet.
const HIGH_WATER: usize = 16 * 1024;

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
    pub(crate) has_will: bool,
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
    /// Notices that came while the client did not read.
    postponed: VecDeque<Notice>,
    has_will: bool,
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
            postponed: VecDeque::new(),
            has_will: admitted.has_will,
        }
    }

    /// Who the client is.
    pub(crate) fn permit(&self) -> &DevicePermit {
        self.guard.permit()
    }

    /// Serves the client until something ends the session.
    pub(crate) async fn run(mut self) -> End {
        let Err(end) = self.serve().await;
        // The client may be gone, or not reading: then it gets no more.
        let _ = tokio::time::timeout(CLOSE_DEADLINE, self.wire.close()).await;
        if self.has_will && !matches!(end, End::Disconnected) {
            tracing::info!("the client's will fires, but can't be stored yet");
        }
        end
    }

    async fn serve(&mut self) -> Result<Infallible, End> {
        self.flush().await?;
        self.take_packets().await?;
        loop {
            self.flush().await?;
            if let Some(notice) = self.postponed.pop_front() {
                self.take_notice(notice).await?;
                continue;
            }
            tokio::select! {
                biased;
                notice = self.guard.next() => self.take_notice(notice?).await?,
                read = self.wire.fill() => match read? {
                    0 => return Err(End::Lost(None)),
                    _ => self.take_packets().await?,
                },
            }
        }
    }

    /// Handles every packet that was read, and in between what can't wait.
    async fn take_packets(&mut self) -> Result<(), End> {
        let mut heard = false;
        while let Some(packet) = self.wire.next_packet(self.gateway.settings.max_packet)? {
            heard = true;
            self.take_packet(packet).await?;
            if self.wire.waiting() > HIGH_WATER {
                self.flush().await?;
            }
            while let Some(notice) = self.waiting_notice()? {
                self.take_notice(notice).await?;
            }
        }
        if heard {
            self.presence.touch();
            self.guard.heard();
            self.flush().await?;
            // While we were writing, the client could not be heard.
            self.guard.heard();
        }
        Ok(())
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
            // Only for sessions that said that they listen to it.
            Notice::MessagesWaiting | Notice::MethodCalled(_) => Ok(()),
            Notice::DesiredChanged { version, patch } => {
                let Some(grant) = self.subscriptions.grant(&Filter::DesiredChanges) else {
                    return Ok(());
                };
                let body = patch.to_string().into_bytes();
                self.publish(twins::change_topic(version), body, grant)?;
                self.presence.touch();
                if self.wire.waiting() > HIGH_WATER {
                    self.flush().await?;
                }
                Ok(())
            }
        }
    }

    /// Puts a message for the client into the outbox. `topic` has no wildcard.
    fn publish(&mut self, topic: String, body: Vec<u8>, grant: Grant) -> Result<(), End> {
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
            payload: body.into(),
        };
        Ok(publish.encode(self.wire.outbox())?)
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
                notice = self.guard.next() => match notice? {
                    Notice::CheckAgain => self.guard.check_again().await?,
                    _ if self.postponed.len() >= MAILBOX_CAPACITY => {
                        return Err(End::Told(EndReason::TooSlow));
                    }
                    change => self.postponed.push_back(change),
                },
                () = tokio::time::sleep_until(deadline) => return Err(End::NotReading),
            }
        }
    }
}
