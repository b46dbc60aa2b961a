//! Properties of plug and play models that changed, as a JSON Patch on the
//! digital twin.
//!
//! A component is an object that is marked with `"__t": "c"`; what is beside
//! components belongs to the root. What a device reports with a version and a
//! status code acknowledges what was desired; else it is a property of its own.
//!
//! <https://learn.microsoft.com/azure/iot/concepts-digital-twin>

use serde_json::{Map, Value, json};

use super::event::Kind;
use super::teller::TwinPart;
use crate::events::EventSource;
use crate::twins::Twin;

pub(super) const KIND: Kind = Kind {
    source: EventSource::DigitalTwinChange,
    content_type: "application/json-patch+json",
    schema: "digitalTwinChangeNotification",
    operation: "updateDigitalTwin",
};

const COMPONENT_MARK: &str = "__t";

/// The patch; none if the parts say nothing of a property.
pub(super) fn patch(twin: &Twin, parts: &[TwinPart<'_>]) -> Option<Value> {
    let mut operations = Vec::new();
    for part in parts {
        match part {
            TwinPart::Tags(_) => {}
            TwinPart::Desired(patch) => {
                let version = twin.desired.version;
                each_property(patch, |component, name, value| {
                    operations.push(desired(component, name, value, version));
                });
            }
            TwinPart::Reported(patch) => {
                let at = twin.reported.metadata.last_updated.to_string();
                each_property(patch, |component, name, value| {
                    reported(&mut operations, component, name, value, &at);
                });
            }
        }
    }
    (!operations.is_empty()).then_some(Value::Array(operations))
}

/// Calls `each` with a component's path, a property's name and its value.
fn each_property(patch: &Map<String, Value>, mut each: impl FnMut(&str, &str, &Value)) {
    for (name, value) in patch.iter().filter(|(name, _)| is_property(name)) {
        match value {
            Value::Object(component) if component.contains_key(COMPONENT_MARK) => {
                let path = format!("/{}", escaped(name));
                let properties = component.iter().filter(|(name, _)| is_property(name));
                properties.for_each(|(name, value)| each(&path, name, value));
            }
            value => each("", name, value),
        }
    }
}

fn is_property(name: &str) -> bool {
    name != COMPONENT_MARK && !name.starts_with('$')
}

fn desired(component: &str, name: &str, value: &Value, version: u64) -> Value {
    let path = format!("{component}/$metadata/{}", escaped(name));
    match value {
        Value::Null => json!({"op": "remove", "path": path}),
        value => json!({
            "op": "add",
            "path": path,
            "value": {"desiredValue": value, "desiredVersion": version}
        }),
    }
}

fn reported(operations: &mut Vec<Value>, component: &str, name: &str, value: &Value, at: &str) {
    let name = escaped(name);
    let metadata = format!("{component}/$metadata/{name}");
    let path = format!("{component}/{name}");
    if value.is_null() {
        operations.push(json!({"op": "remove", "path": path}));
        return;
    }
    let mut add = |path: String, value: &Value| {
        operations.push(json!({"op": "add", "path": path, "value": value}));
    };
    let acknowledged = acknowledgement(value);
    if let Some((answer, _)) = acknowledged {
        for (member, meaning) in [
            ("ac", "ackCode"),
            ("ad", "ackDescription"),
            ("av", "ackVersion"),
        ] {
            if let Some(value) = answer.get(member) {
                add(format!("{metadata}/{meaning}"), value);
            }
        }
    }
    add(format!("{metadata}/lastUpdateTime"), &json!(at));
    add(path, acknowledged.map_or(value, |(_, value)| value));
}

/// The answer to what was desired and the value that it carries, if it is one.
fn acknowledgement(value: &Value) -> Option<(&Map<String, Value>, &Value)> {
    let answer = value.as_object()?;
    let is_answer = answer.contains_key("ac") && answer.contains_key("av");
    answer
        .get("value")
        .filter(|_| is_answer)
        .map(|value| (answer, value))
}

/// A name within a JSON Pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
