//! Events in the outbox, of format 1: where they come from as JSON, and the
//! message as messages in queues are.

use serde::{Deserialize, Serialize};
use twinhub_core::events::EventSource;
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::notifications::NewEvent;
use twinhub_core::time::Timestamp;

use super::message::{decode_message, encode_message};
use crate::records::{OutboxRow, from_json, to_json};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Origin {
    source: Source,
    device: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    /// Ticks.
    generation: i64,
}

macro_rules! sources {
    ($($name:ident),+) => {
        #[derive(Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Source { $($name),+ }

        impl Source {
            fn of(source: EventSource) -> Self {
                match source { $(EventSource::$name => Source::$name),+ }
            }

            fn into_core(self) -> EventSource {
                match self { $(Source::$name => EventSource::$name),+ }
            }
        }
    };
}

sources!(
    Telemetry,
    ConnectionState,
    Lifecycle,
    TwinChange,
    JobLifecycle,
    DigitalTwinChange
);

pub(crate) fn encode(event: &NewEvent) -> OutboxRow {
    let origin = Origin {
        source: Source::of(event.source),
        device: event.identity.device_id().to_string(),
        module: event.identity.module_id().map(ToString::to_string),
        generation: event.generation.ticks(),
    };
    OutboxRow {
        at: event.at.ticks(),
        origin: to_json(&origin),
        message: encode_message(&event.message),
    }
}

pub(crate) fn decode(row: &OutboxRow) -> Option<NewEvent> {
    let origin: Origin = from_json(&row.origin)?;
    let device = DeviceId::parse(&origin.device).ok()?;
    Some(NewEvent {
        source: origin.source.into_core(),
        identity: match origin.module {
            Some(module) => IdentityId::module(device, ModuleId::parse(&module).ok()?),
            None => device.into(),
        },
        generation: Timestamp::from_ticks(origin.generation),
        message: decode_message(&row.message)?,
        at: Timestamp::from_ticks(row.at),
    })
}
