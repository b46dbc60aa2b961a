//! Events for tests.

use twinhub_core::access::{AuthKind, AuthMethod, AuthScope};
use twinhub_core::events::{Event, EventSource, Origin};
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::messages::Message;
use twinhub_core::time::Timestamp;

/// A module's event.
pub(crate) fn event(sequence_number: u64, message: Message) -> Event {
    let device = DeviceId::parse("pump-7").unwrap();
    Event {
        sequence_number,
        offset: sequence_number * 100,
        enqueued: Timestamp::parse("2026-11-21T08:00:00Z").unwrap(),
        origin: Origin {
            identity: IdentityId::module(device, ModuleId::parse("sensor").unwrap()),
            generation: Timestamp::from_ticks(638_000_000_000_000_000),
            auth_method: Some(AuthMethod {
                scope: AuthScope::Module,
                kind: AuthKind::Sas,
            }),
            model_id: Some("dtmi:plant:pump;1".into()),
            source: EventSource::Telemetry,
        },
        message,
    }
}
