//! What kinds of events are called: as Event Grid's, as far as it has them.
//! <https://learn.microsoft.com/azure/event-grid/event-schema-iot-hub>

use twinhub_core::events::{EventRef, EventSource};

/// What an event tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Telemetry,
    Connected,
    Disconnected,
    Created,
    Deleted,
    /// An identity changed; Event Grid has no such event.
    Updated,
    /// A part of a twin changed; Event Grid has no such event.
    TwinUpdated,
    /// A twin was replaced; Event Grid has no such event.
    TwinReplaced,
    /// A plug and play property changed; Event Grid has no such event.
    DigitalTwinChanged,
    /// A job moved on; Event Grid has no such event.
    JobChanged,
}

impl Kind {
    pub(super) fn of(event: &EventRef<'_>) -> Self {
        let operation = operation(event).unwrap_or_default();
        match event.source {
            EventSource::Telemetry => Kind::Telemetry,
            EventSource::ConnectionState if operation.ends_with("Disconnected") => {
                Kind::Disconnected
            }
            EventSource::ConnectionState => Kind::Connected,
            EventSource::Lifecycle if operation.starts_with("create") => Kind::Created,
            EventSource::Lifecycle if operation.starts_with("delete") => Kind::Deleted,
            EventSource::Lifecycle => Kind::Updated,
            EventSource::TwinChange if operation == "replaceTwin" => Kind::TwinReplaced,
            EventSource::TwinChange => Kind::TwinUpdated,
            EventSource::DigitalTwinChange => Kind::DigitalTwinChanged,
            EventSource::JobLifecycle => Kind::JobChanged,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Telemetry => "Microsoft.Devices.DeviceTelemetry",
            Kind::Connected => "Microsoft.Devices.DeviceConnected",
            Kind::Disconnected => "Microsoft.Devices.DeviceDisconnected",
            Kind::Created => "Microsoft.Devices.DeviceCreated",
            Kind::Deleted => "Microsoft.Devices.DeviceDeleted",
            Kind::Updated => "Twinhub.Devices.IdentityUpdated",
            Kind::TwinUpdated => "Twinhub.Devices.TwinUpdated",
            Kind::TwinReplaced => "Twinhub.Devices.TwinReplaced",
            Kind::DigitalTwinChanged => "Twinhub.Devices.DigitalTwinChanged",
            Kind::JobChanged => "Twinhub.Devices.JobChanged",
        }
    }
}

/// The operation that a hub's own event tells of.
fn operation<'a>(event: &EventRef<'a>) -> Option<&'a str> {
    let mut properties = event.application();
    properties
        .find(|(name, _)| *name == "opType")
        .and_then(|(_, value)| value)
}
