//! Webhooks: somebody who takes events by HTTP requests, as CloudEvents 1.0 or
//! in Event Grid's own schema.
//!
//! Before the first event, the receiver is asked whether it wants events of
//! this hub at all: a handshake, so that nobody is flooded because somebody
//! else typed an address. Events then come in batches, each a request that is
//! delivered when it is answered with 2xx. An answer that is about the size
//! makes batches smaller; only an event that is too large by itself is never
//! delivered. All else is tried again.
//!
//! Addresses lead to https, or to http on this machine (elsewhere only if the
//! operator allows it), and nowhere on from there.
//!
//! | Module | What it holds |
//! |---|---|
//! | `answer` | what answers mean |
//! | `batch` | events that wait for the next request |
//! | `document` | an event as JSON |
//! | `hook` | requests and the handshake, shared by all partitions |
//! | `kinds` | what kinds of events are called |
//! | `object` | writing JSON |

use std::sync::Arc;

use async_trait::async_trait;
use twinhub_core::events::{EventRef, PartitionId};
use twinhub_core::ports::{DeliveryFailure, FailureReason, Target};

use self::batch::Batch;
use self::document::Sender;

pub(crate) use self::hook::{Hook, Hooks, Ways, check};

mod answer;
mod batch;
mod document;
mod hook;
mod kinds;
mod object;
#[cfg(test)]
mod tests;

/// The most events of a request.
const MAX_EVENTS: usize = 250;
/// The most bytes of a request, but for an event that is larger by itself.
const MAX_BYTES: usize = 256 * 1024;

/// A webhook, for the events of one partition.
pub(crate) struct Webhook {
    hook: Arc<Hook>,
    sender: Sender,
    batch: Batch,
    /// How many events go into a request: less after the receiver found one
    /// too large, and more again with each that it takes.
    events_per_request: usize,
}

impl Webhook {
    /// Events of one partition, by a hook that all partitions share.
    pub(crate) fn new(hook: Arc<Hook>, partition: PartitionId) -> Self {
        Webhook {
            sender: Sender::new(&hook, partition),
            hook,
            batch: Batch::default(),
            events_per_request: MAX_EVENTS,
        }
    }

    /// Sends what is held, request by request.
    async fn send_all(&mut self) -> Result<(), DeliveryFailure> {
        self.hook.require_consent().await?;
        let mut delivered = 0;
        while delivered < self.batch.len() {
            let end = self.batch.len().min(delivered + self.events_per_request);
            let request = self.batch.request(delivered..end);
            match self.hook.deliver(request).await {
                Ok(()) => {
                    delivered = end;
                    self.events_per_request = MAX_EVENTS.min(self.events_per_request + 1);
                }
                Err(failure) if failure.reason == FailureReason::Invalid && end - delivered > 1 => {
                    self.events_per_request = (end - delivered) / 2;
                }
                Err(failure) => return Err(failure.having_delivered(delivered)),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Target for Webhook {
    async fn take(&mut self, events: &[EventRef<'_>]) -> Result<usize, DeliveryFailure> {
        let mut taken = 0;
        for event in events {
            // What one request holds: a flush is over when that is answered.
            if self.batch.len() >= self.events_per_request || self.batch.bytes() >= MAX_BYTES {
                break;
            }
            self.batch.push(|out| self.sender.write(event, out));
            taken += 1;
        }
        Ok(taken)
    }

    async fn flush(&mut self) -> Result<(), DeliveryFailure> {
        let sent = self.send_all().await;
        self.batch.clear();
        sent
    }
}
