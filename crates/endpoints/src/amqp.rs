//! A queue, topic or event hub that speaks AMQP 1.0.
//!
//! Messages are sent one behind the other, and delivered once the other side
//! has accepted them. A connection that breaks is given up along with what was
//! on its way, and the next events open a new one; so does a token that is
//! about to expire.

mod broker;
mod connection;
mod message;
mod refusal;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use twinhub_core::events::EventRef;
use twinhub_core::ports::{DeliveryFailure, FailureReason, Target};
use twinhub_core::routing::{AmqpKind, AmqpTarget};
use twinhub_core::time::Clock;

use self::broker::Broker;
use self::connection::{Connection, Pending};
use crate::trust::Trust;

/// How long a call may take.
const TIME: Duration = Duration::from_secs(30);
/// Messages on their way at once, and bytes of them.
const MOST_MESSAGES: usize = 512;
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// An address, for the events of a partition.
pub(crate) struct Amqp {
    broker: Result<Broker, &'static str>,
    kind: AmqpKind,
    trust: Trust,
    clock: Arc<dyn Clock>,
    connection: Option<Connection>,
    /// What was sent since the last flush.
    sent: VecDeque<Pending>,
    bytes: usize,
}

impl Amqp {
    pub(crate) fn new(target: &AmqpTarget, trust: Trust, clock: Arc<dyn Clock>) -> Self {
        Amqp {
            broker: Broker::parse(target.connection.expose(), &target.address),
            kind: target.kind,
            trust,
            clock,
            connection: None,
            sent: VecDeque::new(),
            bytes: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.sent.len() >= MOST_MESSAGES || self.bytes >= MOST_BYTES
    }

    /// A connection that works, as far as one knows.
    async fn connection(&mut self) -> Result<&mut Connection, DeliveryFailure> {
        let now = self.clock.now();
        let is_stale = |connection: &Connection| !connection.is_good_at(now);
        if self.sent.is_empty() && self.connection.as_ref().is_some_and(is_stale) {
            self.connection = None;
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let broker = self.broker.as_ref();
                let broker =
                    broker.map_err(|why| DeliveryFailure::new(FailureReason::NotFound, *why))?;
                Connection::open(broker, &self.trust, now).await?
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Sends as many as there is room for, up to one that is too large.
    async fn send(&mut self, events: &[EventRef<'_>]) -> Result<usize, DeliveryFailure> {
        for (index, event) in events.iter().enumerate() {
            if self.is_full() {
                return Ok(index);
            }
            let message = message::of(event, self.kind);
            match self.connection().await?.send(message).await {
                Ok(pending) => self.sent.push_back(pending),
                // What is held comes first: it is told once that is delivered.
                Err(failure)
                    if failure.reason == FailureReason::Invalid && !self.sent.is_empty() =>
                {
                    return Ok(index);
                }
                Err(failure) => return Err(failure),
            }
            self.bytes += event.body().len();
        }
        Ok(events.len())
    }

    /// Waits until what was sent is accepted; counts it.
    async fn settle(&mut self, delivered: &mut usize) -> Result<(), DeliveryFailure> {
        while let Some(pending) = self.sent.pop_front() {
            connection::accepted(pending).await?;
            *delivered += 1;
        }
        Ok(())
    }

    /// Forgets what was sent, and the connection, which may be to blame.
    fn give_up(&mut self) {
        self.sent.clear();
        self.bytes = 0;
        self.connection = None;
    }
}

#[async_trait]
impl Target for Amqp {
    async fn take(&mut self, events: &[EventRef<'_>]) -> Result<usize, DeliveryFailure> {
        let taken = tokio::time::timeout(TIME, self.send(events)).await;
        let taken = taken.unwrap_or_else(|_| Err(too_late()));
        taken.inspect_err(|_| self.give_up())
    }

    async fn flush(&mut self) -> Result<(), DeliveryFailure> {
        let mut delivered = 0;
        let settled = tokio::time::timeout(TIME, self.settle(&mut delivered)).await;
        let settled = settled.unwrap_or_else(|_| Err(too_late()));
        self.bytes = 0;
        settled.map_err(|failure| {
            self.give_up();
            failure.having_delivered(delivered)
        })
    }
}

fn too_late() -> DeliveryFailure {
    let detail = format!("the AMQP broker did not answer within {} s", TIME.as_secs());
    DeliveryFailure::new(FailureReason::Timeout, detail)
}

#[cfg(test)]
mod tests;
