//! A queue, topic or event hub that speaks AMQP 1.0.
//!
//! Messages are sent one behind the other, and delivered once the other side
//! has accepted them. What was sent is settled before anything that is wrong is
//! told: a broker that takes some and then nothing gets none of them again. A
//! connection that breaks is left, and the next events open a new one; so does
//! a token that is about to expire.

mod broker;
mod connection;
mod line;
mod message;
mod refusal;

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use twinhub_core::events::EventRef;
use twinhub_core::ports::{DeliveryFailure, FailureReason, Target};
use twinhub_core::routing::{AmqpKind, AmqpTarget};
use twinhub_core::time::Clock;

use self::broker::Broker;
use self::connection::{Connection, Pending};
use crate::limits::{ANSWER, CALL, CONNECT, within};
use crate::trust::Trust;

const WHO: &str = "the AMQP broker";
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
    /// The connection is left once what was sent is settled.
    is_broken: bool,
    /// What was sent since the last flush.
    sent: VecDeque<Pending>,
    bytes: usize,
}

/// Whether a broker can be read out of a target.
pub(crate) fn check(target: &AmqpTarget) -> Result<(), &'static str> {
    Broker::parse(target.connection.expose(), &target.address).map(drop)
}

impl Amqp {
    pub(crate) fn new(target: &AmqpTarget, trust: Trust, clock: Arc<dyn Clock>) -> Self {
        Amqp {
            broker: Broker::parse(target.connection.expose(), &target.address),
            kind: target.kind,
            trust,
            clock,
            connection: None,
            is_broken: false,
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
                let opened = Connection::open(broker, &self.trust, now);
                within(CONNECT + ANSWER, WHO, opened).await?
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Sends as many as there is room for, until something is wrong.
    async fn send(&mut self, events: &[EventRef<'_>]) -> Result<(), DeliveryFailure> {
        for event in events {
            if self.is_full() {
                break;
            }
            let was_idle = self.sent.is_empty() && self.connection.is_some();
            let mut sent = self.send_one(event).await;
            if was_idle && is_gone(&sent) {
                // Brokers end connections on which nothing comes for a while.
                self.connection = None;
                sent = self.send_one(event).await;
            }
            self.sent.push_back(sent?);
            self.bytes += crate::size::of(event);
        }
        Ok(())
    }

    async fn send_one(&mut self, event: &EventRef<'_>) -> Result<Pending, DeliveryFailure> {
        let message = message::of(event, self.kind);
        let connection = self.connection().await?;
        // A broker that has no room gives no credit.
        within(ANSWER, WHO, connection.send(message)).await
    }

    /// Waits until what was sent is accepted; counts it.
    async fn settle(&mut self, delivered: &mut usize) -> Result<(), DeliveryFailure> {
        while let Some(pending) = self.sent.pop_front() {
            within(ANSWER, WHO, connection::accepted(pending)).await?;
            *delivered += 1;
        }
        Ok(())
    }

    /// Forgets what was sent, and the connection, which may be to blame.
    fn give_up(&mut self) {
        self.sent.clear();
        self.bytes = 0;
        self.connection = None;
        self.is_broken = false;
    }
}

#[async_trait]
impl Target for Amqp {
    async fn take(&mut self, events: &[EventRef<'_>]) -> Result<usize, DeliveryFailure> {
        if self.is_broken {
            return Ok(0);
        }
        let held = self.sent.len();
        match within(CALL, WHO, self.send(events)).await {
            Ok(()) => {}
            // What is held comes first: the next call tells, if it is still so.
            Err(failure) if !self.sent.is_empty() => {
                self.is_broken = failure.reason != FailureReason::Invalid;
            }
            Err(failure) => {
                self.give_up();
                return Err(failure);
            }
        }
        Ok(self.sent.len() - held)
    }

    async fn flush(&mut self) -> Result<(), DeliveryFailure> {
        let mut delivered = 0;
        let settled = within(CALL, WHO, self.settle(&mut delivered)).await;
        self.bytes = 0;
        if settled.is_err() || self.is_broken {
            self.give_up();
        }
        settled.map_err(|failure| failure.having_delivered(delivered))
    }
}

/// Whether nobody was there any more.
fn is_gone(sent: &Result<Pending, DeliveryFailure>) -> bool {
    let failure = sent.as_ref().err();
    failure.is_some_and(|failure| failure.reason == FailureReason::Unreachable)
}

#[cfg(test)]
mod tests;
