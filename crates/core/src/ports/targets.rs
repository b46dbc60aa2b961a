//! The port for what custom endpoints stand for: containers, brokers, hooks.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::events::{EventRef, PartitionId};
use crate::hubs::Hub;
use crate::routing::{Endpoint, EndpointTarget};

/// Why nothing, or not all, was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFailure {
    /// How many of the events taken since the last flush were delivered all
    /// the same, from the first.
    pub delivered: usize,
    /// What is wrong.
    pub reason: FailureReason,
    /// For people, without secrets.
    pub detail: String,
    /// How long they want to be left alone, if they say so.
    pub retry_after: Option<Duration>,
}

impl DeliveryFailure {
    /// Nothing of what was taken is delivered.
    pub fn new(reason: FailureReason, detail: impl Into<String>) -> Self {
        DeliveryFailure {
            delivered: 0,
            reason,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// So many were delivered all the same.
    #[must_use]
    pub fn having_delivered(mut self, delivered: usize) -> Self {
        self.delivered = delivered;
        self
    }

    /// They want to be left alone so long.
    #[must_use]
    pub fn retry_after(mut self, pause: Option<Duration>) -> Self {
        self.retry_after = pause;
        self
    }
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureReason {
    /// Nobody is there, or they broke off: again later.
    Unreachable,
    /// No answer in time: again later.
    Timeout,
    /// They want to be asked less often: again later.
    Throttled,
    /// They do not let the hub in: again later, an operator has to act.
    Unauthorized,
    /// What is written to is not there: again later, an operator has to act.
    NotFound,
    /// They failed: again later.
    Failed,
    /// The event behind the delivered ones can never be delivered, for example
    /// because it is too large: it is left out.
    Invalid,
}

impl FailureReason {
    /// The name that the hub's `lastKnownError` gives it.
    /// <https://learn.microsoft.com/azure/iot-hub/troubleshoot-message-routing>
    pub fn last_known_error(self) -> &'static str {
        match self {
            FailureReason::Unreachable => "Transient",
            FailureReason::Timeout => "Timeout",
            FailureReason::Throttled => "Throttled",
            FailureReason::Unauthorized => "Unauthorized",
            FailureReason::NotFound => "EndpointExternallyDisabled",
            FailureReason::Failed => "InternalError",
            FailureReason::Invalid => "MaxMessageSizeExceeded",
        }
    }
}

impl fmt::Display for DeliveryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for DeliveryFailure {}

/// Opens targets.
pub trait Targets: Send + Sync + 'static {
    /// Whether such an endpoint could be written, as far as that can be told
    /// without asking anybody there: if not, which of its settings must be
    /// another, without any secret.
    fn check(&self, target: &EndpointTarget) -> Result<(), String>;

    /// The way to an endpoint for the events of one partition. Nothing is
    /// asked of it yet: what can't be used is told by the first delivery.
    fn open(&self, hub: &Hub, endpoint: &Endpoint, partition: PartitionId) -> Box<dyn Target>;
}

/// A way to an endpoint for the events of one partition.
///
/// **Order.** Events are taken and delivered in order, with one exception:
/// what was delivered in part may be delivered again as a whole.
/// **Time.** Each call ends within a minute or so: nobody there is a failure.
/// **After a failure** nothing is held: what was taken and not delivered is
/// given again. So a target that meets an event which it can never deliver
/// says so once nothing is held before it: until then it takes what comes
/// before, and none.
#[async_trait]
pub trait Target: Send {
    /// Takes events in order, as many as it has room for before a flush: tells
    /// how many. None: it wants to be flushed first.
    async fn take(&mut self, events: &[EventRef<'_>]) -> Result<usize, DeliveryFailure>;

    /// Delivers what was taken since the last flush. They have it when this
    /// returns.
    async fn flush(&mut self) -> Result<(), DeliveryFailure>;

    /// How long what was taken may wait for more before it is flushed; nothing
    /// means that it is flushed once no more is at hand.
    fn linger(&self) -> Duration {
        Duration::ZERO
    }
}
