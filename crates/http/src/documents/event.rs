//! Events as followers of the hub read them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};
use twinhub_core::events::{EventRef, PartitionId};
use twinhub_core::messages::SystemProperty;

/// An event of `GET /twinhub/v1/events`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventDocument<'a> {
    partition: u16,
    sequence_number: u64,
    offset: String,
    enqueued_time: String,
    device_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    module_id: Option<&'a str>,
    source: &'static str,
    annotations: Map<String, Value>,
    system_properties: Map<String, Value>,
    properties: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    body_base64: String,
}

impl<'a> EventDocument<'a> {
    /// An event of a partition.
    pub fn of(partition: PartitionId, event: &EventRef<'a>) -> Self {
        let (annotations, system_properties) = hub_properties(event);
        EventDocument {
            partition: partition.0,
            sequence_number: event.sequence_number,
            offset: event.offset.to_string(),
            enqueued_time: event.enqueued.to_string(),
            device_id: event.device,
            module_id: event.module,
            source: event.source.name(),
            annotations,
            system_properties,
            properties: event
                .application()
                .map(|(name, value)| (name.to_owned(), value.map_or(Value::Null, Value::from)))
                .collect(),
            body: readable_body(event),
            body_base64: BASE64_STANDARD.encode(event.body()),
        }
    }
}

/// Annotations and system properties, as readers of the built-in endpoint
/// tell them apart.
fn hub_properties(event: &EventRef<'_>) -> (Map<String, Value>, Map<String, Value>) {
    let mut annotations = Map::new();
    let mut annotate = |name: &str, value: &str| {
        annotations.insert(name.to_owned(), value.into());
    };
    annotate("iothub-connection-device-id", event.device);
    if let Some(module) = event.module {
        annotate("iothub-connection-module-id", module);
    }
    if let Some(method) = event.auth_method {
        annotate("iothub-connection-auth-method", &method.to_json());
    }
    annotate(
        "iothub-connection-auth-generation-id",
        &event.generation.ticks().to_string(),
    );
    annotate("iothub-enqueuedtime", &event.enqueued.to_string());
    annotate("iothub-message-source", event.source.name());
    if let Some(model) = event.model_id {
        annotate(SystemProperty::ModelId.name(), model);
    }
    let mut system_properties = Map::new();
    for (property, value) in event.system() {
        let place = if is_annotation(property) {
            &mut annotations
        } else {
            &mut system_properties
        };
        place.entry(property.name()).or_insert_with(|| value.into());
    }
    (annotations, system_properties)
}

fn is_annotation(property: SystemProperty) -> bool {
    match property {
        SystemProperty::Component
        | SystemProperty::InterfaceId
        | SystemProperty::ModelId
        | SystemProperty::DiagnosticId
        | SystemProperty::CorrelationContext => true,
        SystemProperty::MessageId
        | SystemProperty::CorrelationId
        | SystemProperty::UserId
        | SystemProperty::To
        | SystemProperty::ContentType
        | SystemProperty::ContentEncoding
        | SystemProperty::AbsoluteExpiry
        | SystemProperty::CreationTime
        | SystemProperty::OutputName
        | SystemProperty::Schema
        | SystemProperty::Acknowledgement
        | SystemProperty::Operation => false,
    }
}

/// The body as JSON if its sender says that it is, else as text; bytes that
/// are no text are left to `bodyBase64`.
fn readable_body(event: &EventRef<'_>) -> Option<Value> {
    let text = std::str::from_utf8(event.body()).ok()?;
    let is = |property, expected: &str| {
        event
            .system_property(property)
            .is_some_and(|value| value.eq_ignore_ascii_case(expected))
    };
    let is_json = is(SystemProperty::ContentType, "application/json")
        && is(SystemProperty::ContentEncoding, "utf-8");
    let parsed = is_json.then(|| serde_json::from_str(text).ok()).flatten();
    Some(parsed.unwrap_or_else(|| text.into()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;
    use twinhub_core::access::{AuthKind, AuthMethod, AuthScope};
    use twinhub_core::events::{Event, EventSource, Origin};
    use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
    use twinhub_core::messages::Message;
    use twinhub_core::time::Timestamp;

    use super::*;

    fn event(message: Message) -> Event {
        let device = DeviceId::parse("pump-7").unwrap();
        Event {
            sequence_number: 12,
            offset: 3456,
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

    fn document(message: Message) -> Value {
        let event = event(message);
        serde_json::to_value(EventDocument::of(PartitionId(3), &(&event).into())).unwrap()
    }

    #[test]
    fn an_event_shows_where_it_is_who_sent_it_and_what_it_carries() {
        let document = document(Message {
            system: vec![
                (SystemProperty::MessageId, "m-1".into()),
                (SystemProperty::Component, "thermostat".into()),
                (SystemProperty::ContentType, "Application/JSON".into()),
                (SystemProperty::ContentEncoding, "UTF-8".into()),
            ],
            application: vec![("hall".into(), Some("7".into())), ("bare".into(), None)],
            body: Bytes::from_static(b"{\n \"t\": 21.5}"),
        });

        assert_eq!(
            document,
            json!({
                "partition": 3, "sequenceNumber": 12, "offset": "3456",
                "enqueuedTime": "2026-11-21T08:00:00.0000000Z",
                "deviceId": "pump-7", "moduleId": "sensor", "source": "Telemetry",
                "annotations": {
                    "iothub-connection-device-id": "pump-7",
                    "iothub-connection-module-id": "sensor",
                    "iothub-connection-auth-method": "{\"scope\":\"module\",\"type\":\"sas\",\"issuer\":\"iothub\",\"acceptingIpFilterRule\":null}",
                    "iothub-connection-auth-generation-id": "638000000000000000",
                    "iothub-enqueuedtime": "2026-11-21T08:00:00.0000000Z",
                    "iothub-message-source": "Telemetry",
                    "dt-dataschema": "dtmi:plant:pump;1",
                    "dt-subject": "thermostat",
                },
                "systemProperties": {
                    "message-id": "m-1",
                    "content-type": "Application/JSON",
                    "content-encoding": "UTF-8",
                },
                "properties": {"hall": "7", "bare": null},
                "body": {"t": 21.5},
                "bodyBase64": "ewogInQiOiAyMS41fQ==",
            })
        );
    }

    #[test]
    fn a_body_is_text_unless_it_says_json_and_is_and_absent_if_it_is_no_text() {
        let body_of = |content_type: &str, body: &'static [u8]| {
            let document = document(Message {
                system: vec![
                    (SystemProperty::ContentType, content_type.into()),
                    (SystemProperty::ContentEncoding, "utf-8".into()),
                ],
                body: Bytes::from_static(body),
                ..Message::default()
            });
            document.get("body").cloned()
        };

        assert_eq!(
            body_of("application/json", b"{\"a\":1}"),
            Some(json!({"a": 1}))
        );
        assert_eq!(
            body_of("text/plain", b"{\"a\":1}"),
            Some(json!("{\"a\":1}"))
        );
        assert_eq!(
            body_of("application/json", b"{broken"),
            Some(json!("{broken"))
        );
        assert_eq!(body_of("application/json", b"\xff\xfe"), None);
    }
}
