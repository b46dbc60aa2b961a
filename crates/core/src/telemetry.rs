//! Telemetry: messages from devices and modules, to wherever routes lead.
//!
//! Who sends is resolved once per connection; a message costs its check and
//! its encoding. Acknowledged means durable: gateways acknowledge what
//! [`TelemetrySender::poll_durable`] tells, in order.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::access::DevicePermit;
use crate::events::{EventSource, Origin};
use crate::ids::HubName;
use crate::messages::{MAX_DEVICE_TO_CLOUD, MessageRef};
use crate::ports::{Busy, LogError};
use crate::routing::{RoutedProducer, Router};
use crate::time::{Clock, Timestamp};
use crate::traffic::Traffic;

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Larger than the limit.
    #[error("the message has {size} bytes, {MAX_DEVICE_TO_CLOUD} are allowed")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// Too much waits to be stored, or the routes want to know the sender's
    /// twin first: wait until [`poll_durable`](TelemetrySender::poll_durable)
    /// is ready, and send the message then.
    #[error(transparent)]
    Busy(#[from] Busy),
}

/// Telemetry of all hubs of this process.
pub struct Telemetry {
    router: Arc<Router>,
    clock: Arc<dyn Clock>,
}

impl Telemetry {
    /// By a router's routes.
    pub fn new(router: Arc<Router>, clock: Arc<dyn Clock>) -> Self {
        Telemetry { router, clock }
    }

    /// A way in for the messages of one identity. `model_id` is the plug and
    /// play model that it announced.
    pub fn sender(
        &self,
        permit: &DevicePermit,
        model_id: Option<&str>,
    ) -> Result<TelemetrySender, LogError> {
        let origin = Origin {
            identity: permit.id().clone(),
            generation: permit.generation(),
            auth_method: Some(permit.auth_method()),
            model_id: model_id.map(Into::into),
            source: EventSource::Telemetry,
        };
        let hub: &HubName = permit.hub().name();
        Ok(TelemetrySender {
            producer: self.router.producer(hub, &origin)?,
            clock: self.clock.clone(),
            taken_at: None,
            taken: 0,
            traffic: permit.hub().traffic().clone(),
        })
    }
}

/// One identity's way in. What it sends counts from 1.
pub struct TelemetrySender {
    producer: RoutedProducer,
    clock: Arc<dyn Clock>,
    /// When the first message since the last hand-over was taken: so were the
    /// others, as far as anybody can tell.
    taken_at: Option<Timestamp>,
    /// How many were taken since.
    taken: u64,
    traffic: Arc<Traffic>,
}

impl TelemetrySender {
    /// Takes a message. Call [`hand_over`](Self::hand_over) after a handful.
    pub fn send(&mut self, message: &MessageRef<'_>) -> Result<(), SendError> {
        let size = message.size();
        if size > MAX_DEVICE_TO_CLOUD {
            return Err(SendError::TooLarge { size });
        }
        let now = *self.taken_at.get_or_insert_with(|| self.clock.now());
        self.producer.append(message, now)?;
        self.taken += 1;
        Ok(())
    }

    /// Sends what was taken on its way to the disk.
    pub fn hand_over(&mut self) {
        self.taken_at = None;
        self.traffic.came_in(std::mem::take(&mut self.taken));
        self.producer.hand_over();
    }

    /// How many of the messages sent are durable, once that is more than
    /// `known`, or, after [`SendError::Busy`], once the message may be sent
    /// again. An error is final: what is not durable may be lost, and the
    /// sender takes nothing more.
    pub fn poll_durable(
        &mut self,
        cx: &mut Context<'_>,
        known: u64,
    ) -> Poll<Result<u64, LogError>> {
        self.producer.poll_durable(cx, known)
    }
}
