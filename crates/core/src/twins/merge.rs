//! Merge patch on plain JSON objects.
//!
//! Null removes, objects merge, scalars and arrays replace. An object whose
//! last member is removed stays, empty.

use serde_json::{Map, Value};

/// Merges `patch` into `target`.
pub(super) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(key);
            }
            Value::Object(patch) => merge(object_at(target, key), patch),
            scalar => {
                target.insert(key.clone(), scalar.clone());
            }
        }
    }
}

/// The object at `key`; whatever else was there makes way for an empty one.
fn object_at<'a>(target: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let slot = target.entry(key).or_insert(Value::Null);
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    match slot {
        Value::Object(object) => object,
        _ => unreachable!("the slot was just made an object"),
    }
}
