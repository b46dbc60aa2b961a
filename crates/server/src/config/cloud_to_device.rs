//! What operators can set about messages to devices. The bounds are Azure's.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use twinhub_core::c2d::{CloudToDeviceSettings, FeedbackSettings};

use super::validate::{Invalid, within};

/// Messages to devices and modules, and feedback on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudToDevice {
    /// How long a message counts whose sender does not say: a minute to two
    /// days.
    pub default_ttl_seconds: u32,
    /// How often a message may come back before it is dead-lettered.
    pub max_delivery_count: u32,
    /// Whether a lock that runs out counts as coming back.
    pub lock_expiry_counts: bool,
    /// How long feedback waits for a reader: a minute to two days.
    pub feedback_ttl_seconds: u32,
    /// How long a reader may take to complete a batch of feedback.
    pub feedback_lock_seconds: u32,
    /// How often a batch of feedback may come back before it is dropped.
    pub feedback_max_delivery_count: u32,
    /// How many feedback records are kept; of more, the oldest are dropped.
    pub feedback_max_records: u32,
}

impl Default for CloudToDevice {
    fn default() -> Self {
        CloudToDevice {
            default_ttl_seconds: 3600,
            max_delivery_count: 10,
            lock_expiry_counts: false,
            feedback_ttl_seconds: 3600,
            feedback_lock_seconds: 60,
            feedback_max_delivery_count: 10,
            feedback_max_records: 100_000,
        }
    }
}

impl CloudToDevice {
    /// As core takes it.
    pub fn settings(&self) -> CloudToDeviceSettings {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        CloudToDeviceSettings {
            default_ttl: seconds(self.default_ttl_seconds),
            max_delivery_count: self.max_delivery_count,
            lock_expiry_counts: self.lock_expiry_counts,
            feedback: FeedbackSettings {
                ttl: seconds(self.feedback_ttl_seconds),
                lock: seconds(self.feedback_lock_seconds),
                max_delivery_count: self.feedback_max_delivery_count,
                max_records: self.feedback_max_records.into(),
            },
        }
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        let ttl = 60..=2 * 24 * 3600;
        within(
            "cloud_to_device.default_ttl_seconds",
            self.default_ttl_seconds,
            ttl.clone(),
        )?;
        within(
            "cloud_to_device.max_delivery_count",
            self.max_delivery_count,
            1..=100,
        )?;
        within(
            "cloud_to_device.feedback_ttl_seconds",
            self.feedback_ttl_seconds,
            ttl,
        )?;
        within(
            "cloud_to_device.feedback_lock_seconds",
            self.feedback_lock_seconds,
            5..=300,
        )?;
        within(
            "cloud_to_device.feedback_max_delivery_count",
            self.feedback_max_delivery_count,
            1..=100,
        )?;
        within(
            "cloud_to_device.feedback_max_records",
            self.feedback_max_records,
            1..=10_000_000,
        )
    }
}
