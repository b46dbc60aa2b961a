//! Events: what the hub's readers read.
//!
//! A device's message becomes an event once the hub has stamped it with who
//! sent it and when. The hub makes events of its own, too. Readers are lent
//! events by the batch; an [`Event`] owns what it holds.

mod batch;
mod view;

use std::fmt;

use crate::access::AuthMethod;
use crate::ids::{DeviceId, IdentityId, ModuleId};
use crate::messages::Message;
use crate::time::Timestamp;

pub use self::batch::{EventBatch, StoredEvents};
pub use self::view::{ApplicationPair, Content, EventRef, Listed, StoredContent, SystemPair};

/// What kind of happening an event tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventSource {
    /// A device's or module's message.
    Telemetry,
    /// An identity connected or disconnected.
    ConnectionState,
    /// An identity was created or deleted.
    Lifecycle,
    /// A twin changed.
    TwinChange,
    /// A scheduled job moved on.
    JobLifecycle,
    /// A plug and play property changed.
    DigitalTwinChange,
}

impl EventSource {
    /// The value of `iothub-message-source`.
    /// <https://learn.microsoft.com/azure/iot-hub/iot-hub-non-telemetry-event-schema>
    pub fn name(self) -> &'static str {
        match self {
            EventSource::Telemetry => "Telemetry",
            EventSource::ConnectionState => "deviceConnectionStateEvents",
            EventSource::Lifecycle => "deviceLifecycleEvents",
            EventSource::TwinChange => "twinChangeEvents",
            EventSource::JobLifecycle => "deviceJobLifecycleEvents",
            EventSource::DigitalTwinChange => "digitalTwinChangeEvents",
        }
    }

    /// Every one of them.
    pub const ALL: [EventSource; 6] = [
        EventSource::Telemetry,
        EventSource::ConnectionState,
        EventSource::Lifecycle,
        EventSource::TwinChange,
        EventSource::JobLifecycle,
        EventSource::DigitalTwinChange,
    ];

    /// The `source` of routes that are about such events.
    /// <https://learn.microsoft.com/rest/api/iothub/iot-hub-resource/create-or-update>
    pub fn route_source(self) -> &'static str {
        match self {
            EventSource::Telemetry => "DeviceMessages",
            EventSource::ConnectionState => "DeviceConnectionStateEvents",
            EventSource::Lifecycle => "DeviceLifecycleEvents",
            EventSource::TwinChange => "TwinChangeEvents",
            EventSource::JobLifecycle => "DeviceJobLifecycleEvents",
            EventSource::DigitalTwinChange => "DigitalTwinChangeEvents",
        }
    }

    /// The source whose routes are written so, in any case.
    pub fn of_route_source(text: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|source| source.route_source().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What all events of one sender have in common, resolved when it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who sends, or whom the events are about.
    pub identity: IdentityId,
    /// Which of its namesakes, as the hub's generation ID.
    pub generation: Timestamp,
    /// How it proved who it is; `None` for events that the hub makes.
    pub auth_method: Option<AuthMethod>,
    /// The plug and play model that it announced.
    pub model_id: Option<Box<str>>,
    /// What its events tell of.
    pub source: EventSource,
}

/// A partition of a hub's events, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId(pub u16);

impl PartitionId {
    /// The partition of a device's events and its modules', of `count`: always
    /// the same one. FNV-1a of the device ID's bytes, in 64 bits with the
    /// halves folded, modulo `count`.
    pub fn of(device: &DeviceId, count: u16) -> Self {
        let hash = device
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let folded = (hash >> 32) ^ (hash & 0xffff_ffff);
        let partition = folded % u64::from(count.max(1));
        PartitionId(u16::try_from(partition).expect("a remainder of a u16 fits"))
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event as readers get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place among the events of its partition: from 0, without gaps.
    pub sequence_number: u64,
    /// Its place as readers store it: grows, and means nothing to them.
    pub offset: u64,
    /// When the hub took it.
    pub enqueued: Timestamp,
    /// Who sent it, and of what it tells.
    pub origin: Origin,
    /// What was sent.
    pub message: Message,
}

impl Event {
    /// The device that it is from or about.
    pub fn device(&self) -> &DeviceId {
        self.origin.identity.device_id()
    }

    /// The module, if it is a module's.
    pub fn module(&self) -> Option<&ModuleId> {
        self.origin.identity.module_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_stays_in_its_partition_in_every_release() {
        let of = |id: &str, count| PartitionId::of(&DeviceId::parse(id).unwrap(), count).0;

        assert_eq!(
            [
                of("pump-1", 4),
                of("pump-2", 4),
                of("pump-3", 4),
                of("x", 4)
            ],
            [0, 1, 2, 3],
        );
    }

    #[test]
    fn devices_spread_over_all_partitions() {
        let mut counts = [0_u32; 32];
        for number in 0..32_000 {
            let device = DeviceId::parse(&format!("device-{number}")).unwrap();
            counts[usize::from(PartitionId::of(&device, 32).0)] += 1;
        }

        assert!(
            counts.iter().all(|count| (800..1200).contains(count)),
            "{counts:?}"
        );
    }
}
