//! Identities that were created, updated or deleted: the body is the twin.

use serde_json::{Map, Value, json};

use super::event::{Kind, Naming};
use crate::events::EventSource;
use crate::time::Timestamp;
use crate::twins::{Section, Twin};

/// What became of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    Created,
    /// Modules alone.
    Updated,
    Deleted,
}

pub(super) fn kind(happening: Happening, of_module: bool, naming: Naming) -> Kind {
    let named_as_module = of_module && naming == Naming::AsModules;
    let operation = match (happening, named_as_module) {
        (Happening::Created, false) => "createDeviceIdentity",
        (Happening::Updated, false) => "updateDeviceIdentity",
        (Happening::Deleted, false) => "deleteDeviceIdentity",
        (Happening::Created, true) => "createModuleIdentity",
        (Happening::Updated, true) => "updateModuleIdentity",
        (Happening::Deleted, true) => "deleteModuleIdentity",
    };
    let schema = if named_as_module {
        "moduleLifecycleNotification"
    } else {
        "deviceLifecycleNotification"
    };
    Kind {
        source: EventSource::Lifecycle,
        content_type: "application/json",
        schema,
        operation,
    }
}

/// The twin as it is, or as it was last.
pub(super) fn body(twin: &Twin) -> Value {
    let mut body = named(twin);
    if !twin.tags.is_empty() {
        body.insert("tags".to_owned(), Value::Object(twin.tags.clone()));
    }
    let properties =
        json!({"desired": section(&twin.desired), "reported": section(&twin.reported)});
    body.insert("properties".to_owned(), properties);
    Value::Object(body)
}

/// What every whole twin begins with.
pub(super) fn named(twin: &Twin) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("deviceId".to_owned(), json!(twin.id.device_id().as_str()));
    if let Some(module) = twin.id.module_id() {
        body.insert("moduleId".to_owned(), json!(module.as_str()));
    }
    body.insert("etag".to_owned(), json!(twin.etag().as_str()));
    body.insert("version".to_owned(), json!(twin.version));
    body
}

/// A section that nobody has written yet was never updated.
fn section(section: &Section) -> Value {
    if section.version > 1 || !section.properties.is_empty() {
        return section.for_service();
    }
    json!({"$metadata": {"$lastUpdated": Timestamp::NEVER.to_string()}, "$version": 1})
}
