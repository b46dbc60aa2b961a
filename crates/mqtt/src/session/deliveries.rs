//! A session's messages from the cloud, and what it listens to.
//!
//! A message is locked while it is under way, and completed once the client
//! has acknowledged it; at QoS 0, once it is written. What an earlier session
//! left unacknowledged comes first, marked as a repetition and under the
//! packet identifier that it had. While the client stays connected a message
//! comes again only when its lock has run out.
//!
//! What reaches for the store is in a box, so that a session which does not
//! is small.

use tokio::io::{AsyncRead, AsyncWrite};
use twinhub_core::c2d::{DEFAULT_LOCK, Delivery, Holder, LockToken, SettleError};
use twinhub_mqtt_codec::{Delivery as Level, PacketId, Publish};

use super::LiveSession;
use crate::c2d;
use crate::end::End;
use crate::subscriptions::Grant;

/// How many messages a client may leave unacknowledged: more than a queue
/// holds, so that only purging brings it about.
const MAX_MESSAGES: usize = 128;

impl<S: AsyncRead + AsyncWrite + Unpin> LiveSession<'_, S> {
    /// Begins to listen to what is subscribed now. What is repeated comes
    /// before anything new.
    pub(super) async fn listen(&mut self) -> Result<(), End> {
        let interests = self.subscriptions.interests();
        if interests.messages && !self.takes_messages {
            Box::pin(self.repeat_messages()).await?;
        }
        self.takes_messages = interests.messages;
        self.guard.listens_to(interests);
        Ok(())
    }

    async fn repeat_messages(&mut self) -> Result<(), End> {
        let c2d = &self.gateway.services.c2d;
        for delivery in c2d.resume(self.guard.permit()).await? {
            self.deliver(delivery, true).await?;
        }
        Ok(())
    }

    /// Delivers what waits.
    pub(super) async fn take_messages(&mut self) -> Result<(), End> {
        while self.takes_messages && self.in_flight.messages() < MAX_MESSAGES {
            let now = self.gateway.services.clock.now();
            let Some(id) = self.in_flight.next_of_message(now) else {
                return Err(End::NotAcknowledging);
            };
            let handle = match self.subscriptions.of_messages() {
                Some(Grant::AtLeastOnce) => u32::from(id.get()),
                Some(Grant::AtMostOnce) | None => 0,
            };
            let holder = Holder::Session { handle };
            let c2d = &self.gateway.services.c2d;
            match c2d
                .receive(self.guard.permit(), holder, DEFAULT_LOCK)
                .await?
            {
                Some(delivery) => {
                    // What was given to other sessions is new to this one.
                    let again = self.in_flight.knows(delivery.sequence_number);
                    self.deliver(delivery, again).await?;
                }
                None => break,
            }
        }
        Ok(())
    }

    async fn deliver(&mut self, delivery: Delivery, again: bool) -> Result<(), End> {
        let topic = match c2d::topic(self.permit().id(), &delivery) {
            Ok(topic) => topic,
            Err(error) => {
                tracing::warn!(%error, "a message is rejected, its properties fit no topic");
                let c2d = &self.gateway.services.c2d;
                let rejected = c2d.reject(self.guard.permit(), &delivery.lock).await;
                return self.settled(rejected);
            }
        };
        let level = match self.subscriptions.of_messages() {
            Some(Grant::AtLeastOnce) => {
                let locked_until = self.gateway.services.clock.now().plus(DEFAULT_LOCK);
                let held = self.in_flight.hold(&delivery, locked_until);
                Level::AtLeastOnce {
                    id: held.ok_or(End::NotAcknowledging)?,
                    duplicate: again,
                }
            }
            Some(Grant::AtMostOnce) | None => Level::AtMostOnce,
        };
        let publish = Publish {
            topic,
            delivery: level,
            retain: false,
            payload: delivery.message.body,
        };
        publish.encode(self.wire.outbox())?;
        self.presence.touch();
        match level {
            Level::AtMostOnce => {
                self.flush().await?;
                self.complete(&delivery.lock).await
            }
            _ => self.flush_if_much_waits().await,
        }
    }

    /// The client acknowledged a delivery; if it is a message, it is done.
    pub(super) async fn acknowledged(&mut self, id: PacketId) -> Result<(), End> {
        let Some(lock) = self.in_flight.release(id) else {
            return Ok(());
        };
        Box::pin(self.complete(&lock)).await?;
        match self.in_flight.messages() + 1 == MAX_MESSAGES {
            true => Box::pin(self.take_messages()).await,
            false => Ok(()),
        }
    }

    async fn complete(&mut self, lock: &LockToken) -> Result<(), End> {
        let c2d = &self.gateway.services.c2d;
        let completed = c2d.complete(self.guard.permit(), lock).await;
        self.settled(completed)
    }

    fn settled(&self, settled: Result<(), SettleError>) -> Result<(), End> {
        match settled {
            Ok(()) => Ok(()),
            // It comes again, or was purged.
            Err(SettleError::LockLost) => {
                tracing::debug!("a message was acknowledged after its lock was lost");
                Ok(())
            }
            Err(error @ (SettleError::NotRegistered(_) | SettleError::Store(_))) => {
                Err(error.into())
            }
        }
    }
}
