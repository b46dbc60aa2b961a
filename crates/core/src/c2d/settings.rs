//! What operators can set about cloud-to-device messages.

use std::time::Duration;

use super::DEFAULT_LOCK;

/// Rules of the queues. Comes from configuration, whose bounds are Azure's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudToDeviceSettings {
    /// How long a message counts whose sender does not say.
    pub default_ttl: Duration,
    /// How often a message may come back before it is dead-lettered.
    pub max_delivery_count: u32,
    /// Whether a lock that runs out counts as coming back. Azure's present
    /// documentation counts abandonment alone, its older one both.
    pub lock_expiry_counts: bool,
    /// Rules of the feedback.
    pub feedback: FeedbackSettings,
}

/// Rules of the feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackSettings {
    /// How long it is kept for somebody to read it.
    pub ttl: Duration,
    /// How long a reader may take to complete a batch.
    pub lock: Duration,
    /// How often a batch may come back before it is dropped.
    pub max_delivery_count: u32,
    /// How many records a hub keeps; of more, the oldest are dropped within
    /// a few seconds.
    pub max_records: u64,
}

impl Default for CloudToDeviceSettings {
    fn default() -> Self {
        CloudToDeviceSettings {
            default_ttl: Duration::from_secs(60 * 60),
            max_delivery_count: 10,
            lock_expiry_counts: false,
            feedback: FeedbackSettings::default(),
        }
    }
}

impl Default for FeedbackSettings {
    fn default() -> Self {
        FeedbackSettings {
            ttl: Duration::from_secs(60 * 60),
            lock: DEFAULT_LOCK,
            max_delivery_count: 10,
            max_records: 100_000,
        }
    }
}
