//! An event as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twinhub_core::events::{EventRef, PartitionId};
use twinhub_core::messages::SystemProperty;
use twinhub_core::routing::WebhookSchema;

use super::hook::Hook;
use super::kinds::Kind;
use super::object::Object;

/// The types of bodies that are JSON; the hub's own events have both.
const JSON: [&str; 2] = ["application/json", "application/json-patch+json"];

/// What all events of a partition have in common.
pub(super) struct Sender {
    schema: WebhookSchema,
    hub: String,
    /// The hub, as a path of resources.
    path: String,
    /// What the IDs of its events begin with.
    place: String,
}

impl Sender {
    pub(super) fn new(hook: &Hook, partition: PartitionId) -> Self {
        Sender {
            schema: hook.schema(),
            hub: hook.hub().to_owned(),
            path: hook.resource_path(),
            place: format!("{}-{partition}", hook.endpoint()),
        }
    }

    /// Appends an event. It is the same, with the same ID, however often it is
    /// sent.
    pub(super) fn write(&self, event: &EventRef<'_>, out: &mut Vec<u8>) {
        let kind = Kind::of(event);
        let id = format!("{}-{}", self.place, event.sequence_number);
        let time = event.enqueued.to_string();
        let subject = match event.module {
            Some(module) => format!("devices/{}/modules/{module}", event.device),
            None => format!("devices/{}", event.device),
        };
        Object::write(out, |object| match self.schema {
            WebhookSchema::CloudEvents => {
                object.text("specversion", "1.0");
                object.text("id", &id);
                object.text("source", &self.path);
                object.text("subject", &subject);
                object.text("type", kind.name());
                object.text("time", &time);
                object.text("datacontenttype", "application/json");
                object.object("data", |data| self.write_data(kind, event, data));
            }
            WebhookSchema::EventGrid => {
                let version = match kind {
                    Kind::Telemetry => "",
                    _ => "1",
                };
                object.text("id", &id);
                object.text("topic", &self.path.to_uppercase());
                object.text("subject", &subject);
                object.text("eventType", kind.name());
                object.text("eventTime", &time);
                object.object("data", |data| self.write_data(kind, event, data));
                object.text("dataVersion", version);
                object.text("metadataVersion", "1");
            }
        });
    }

    fn write_data(&self, kind: Kind, event: &EventRef<'_>, data: &mut Object<'_>) {
        if kind == Kind::Telemetry {
            data.object("properties", |all| write_application(event, all));
            data.object("systemProperties", |all| write_system(event, all));
            write_body("body", event, data);
            return;
        }
        data.text("hubName", &self.hub);
        data.text("deviceId", event.device);
        if let Some(module) = event.module {
            data.text("moduleId", module);
        }
        match kind {
            Kind::Connected | Kind::Disconnected => {
                write_body("deviceConnectionStateEventInfo", event, data);
            }
            Kind::Created | Kind::Deleted | Kind::Updated => write_body("twin", event, data),
            Kind::TwinUpdated | Kind::TwinReplaced => write_body("twin", event, data),
            Kind::DigitalTwinChanged | Kind::JobChanged | Kind::Telemetry => {
                write_body("body", event, data);
            }
        }
        // What enrichments added stands among them.
        data.object("properties", |all| write_application(event, all));
    }
}

fn write_application(event: &EventRef<'_>, all: &mut Object<'_>) {
    for (name, value) in event.application() {
        all.text(name, value.unwrap_or_default());
    }
}

fn write_system(event: &EventRef<'_>, all: &mut Object<'_>) {
    for (property, value) in event.system() {
        all.text(name_in_event_grid(property), value);
    }
    all.text("iothub-connection-device-id", event.device);
    if let Some(module) = event.module {
        all.text("iothub-connection-module-id", module);
    }
    if let Some(method) = event.auth_method {
        all.text("iothub-connection-auth-method", &method.to_json());
    }
    let generation = event.generation.ticks().to_string();
    all.text("iothub-connection-auth-generation-id", &generation);
    all.text("iothub-enqueuedtime", &event.enqueued.to_string());
    all.text("iothub-message-source", event.source.name());
    let is_said = event.system_property(SystemProperty::ModelId).is_some();
    if let Some(model) = event.model_id.filter(|_| !is_said) {
        all.text(SystemProperty::ModelId.name(), model);
    }
}

/// Event Grid says whose words the content's type and encoding are.
fn name_in_event_grid(property: SystemProperty) -> &'static str {
    match property {
        SystemProperty::ContentType => "iothub-content-type",
        SystemProperty::ContentEncoding => "iothub-content-encoding",
        _ => property.name(),
    }
}

/// The body as JSON, if it is said to be JSON and is; in base64 otherwise.
fn write_body(name: &str, event: &EventRef<'_>, data: &mut Object<'_>) {
    match crate::json::body(event, &JSON) {
        Some(json) => data.json(name, json),
        None => data.text(name, &STANDARD.encode(event.body())),
    }
}
