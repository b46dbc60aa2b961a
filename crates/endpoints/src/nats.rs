//! A subject of NATS.
//!
//! With JetStream, events are sent one behind the other and acknowledged by
//! the stream that stores them. Each has an ID of its own, so that a stream
//! drops what is sent twice within its window. Without JetStream, what has
//! left is delivered.
//!
//! A connection that breaks is given up along with what was on its way and is
//! not acknowledged, and the next events open a new one.

mod connection;
mod message;
mod refusal;
mod servers;
mod subject;

use std::collections::VecDeque;

use async_nats::jetstream::context::PublishAckFuture;
use async_trait::async_trait;
use bytes::Bytes;
use twinhub_core::events::{EventRef, PartitionId};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{DeliveryFailure, FailureReason, Target};
use twinhub_core::routing::{EndpointId, NatsTarget};

use self::connection::Connection;
use self::servers::Servers;
use self::subject::Subjects;
use crate::limits::{ANSWER, CALL, CONNECT, within};
use crate::trust::Trust;

const WHO: &str = "the NATS server";
/// Events on their way at once, and bytes of them.
const MOST_EVENTS: usize = 512;
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The subject of an endpoint, for the events of a partition.
pub(crate) struct Nats {
    servers: Result<Servers, &'static str>,
    subjects: Result<Subjects, &'static str>,
    jetstream: bool,
    trust: Trust,
    /// What the IDs of messages begin with.
    place: String,
    connection: Option<Connection>,
    /// What was sent since the last flush, with what tells that it is stored.
    sent: VecDeque<Option<PublishAckFuture>>,
    bytes: usize,
}

/// Whether servers can be read out of a target.
pub(crate) fn check(target: &NatsTarget) -> Result<(), &'static str> {
    Servers::parse(target.servers.expose()).map(drop)
}

impl Nats {
    pub(crate) fn new(
        hub: &HubName,
        endpoint: EndpointId,
        target: &NatsTarget,
        partition: PartitionId,
        trust: &Trust,
    ) -> Self {
        Nats {
            servers: Servers::parse(target.servers.expose()),
            subjects: Subjects::parse(&target.subject, hub),
            jetstream: target.jetstream,
            trust: trust.clone(),
            place: format!("{hub}/{endpoint}/{partition}"),
            connection: None,
            sent: VecDeque::new(),
            bytes: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.sent.len() >= MOST_EVENTS || self.bytes >= MOST_BYTES
    }

    /// A connection that works, as far as one knows.
    async fn connect(&mut self) -> Result<(), DeliveryFailure> {
        if let Some(connection) = &self.connection {
            match connection.check() {
                // It ended while nothing was on its way: nothing has failed.
                Err(failure)
                    if failure.reason == FailureReason::Unreachable && self.sent.is_empty() => {}
                checked => return checked,
            }
        }
        let servers = self.servers.as_ref();
        let servers = servers.map_err(|why| not_found(why))?;
        let opened = Connection::open(servers, &self.trust);
        self.connection = Some(within(CONNECT + ANSWER, WHO, opened).await?);
        Ok(())
    }

    /// Sends as many as there is room for, until something is wrong.
    async fn send(&mut self, events: &[EventRef<'_>]) -> Result<(), DeliveryFailure> {
        self.connect().await?;
        for event in events {
            if self.is_full() {
                break;
            }
            let subjects = self.subjects.as_ref().map_err(|why| not_found(why))?;
            let Some(connection) = &self.connection else {
                break;
            };
            let subject = subjects.of(event);
            let headers = message::headers(event, &self.place);
            let body = Bytes::copy_from_slice(event.body());
            let ack = if self.jetstream {
                let stored = connection.store(subject, headers, body);
                Some(within(ANSWER, WHO, stored).await?)
            } else {
                let published = connection.publish(subject, headers, body);
                within(ANSWER, WHO, published).await?;
                None
            };
            self.sent.push_back(ack);
            self.bytes += crate::size::of(event);
        }
        Ok(())
    }

    /// Waits until what was sent has arrived; counts it.
    async fn settle(&mut self, delivered: &mut usize) -> Result<(), DeliveryFailure> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        if !self.jetstream {
            within(ANSWER, WHO, connection.flush()).await?;
            *delivered = self.sent.len();
        }
        while let Some(ack) = self.sent.pop_front() {
            if let Some(ack) = ack {
                connection.acknowledged(ack).await?;
                *delivered += 1;
            }
        }
        Ok(())
    }

    /// Forgets what was sent, and the connection if it may be to blame.
    fn give_up(&mut self, failure: &DeliveryFailure) {
        self.sent.clear();
        self.bytes = 0;
        match failure.reason {
            FailureReason::Invalid | FailureReason::NotFound | FailureReason::Throttled => {}
            FailureReason::Unreachable
            | FailureReason::Timeout
            | FailureReason::Unauthorized
            | FailureReason::Failed => self.connection = None,
        }
    }
}

#[async_trait]
impl Target for Nats {
    async fn take(&mut self, events: &[EventRef<'_>]) -> Result<usize, DeliveryFailure> {
        let held = self.sent.len();
        match within(CALL, WHO, self.send(events)).await {
            // What is held comes first: the next call tells, if it is still so.
            Err(failure) if self.sent.is_empty() => {
                self.give_up(&failure);
                Err(failure)
            }
            Ok(()) | Err(_) => Ok(self.sent.len() - held),
        }
    }

    async fn flush(&mut self) -> Result<(), DeliveryFailure> {
        let mut delivered = 0;
        let settled = within(CALL, WHO, self.settle(&mut delivered)).await;
        self.bytes = 0;
        settled.map_err(|failure| {
            self.give_up(&failure);
            failure.having_delivered(delivered)
        })
    }
}

fn not_found(why: &str) -> DeliveryFailure {
    DeliveryFailure::new(FailureReason::NotFound, why)
}

#[cfg(test)]
mod tests;
