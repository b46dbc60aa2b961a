//! What a change of JSON is: a merge patch, property by property.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The merge patch that makes `to` out of `from`: what is not in `to` becomes
/// null. A null in `to` asks for removal as well.
pub fn patch(from: &Map<String, Value>, to: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (name, was) in from {
        match to.get(name) {
            None | Some(Value::Null) => {
                patch.insert(name.clone(), Value::Null);
            }
            Some(is) => {
                if let Some(changed) = patch_value(was, is) {
                    patch.insert(name.clone(), changed);
                }
            }
        }
    }
    for (name, is) in to {
        if !from.contains_key(name) && !is.is_null() {
            patch.insert(name.clone(), without_nulls(is));
        }
    }
    patch
}

fn patch_value(was: &Value, is: &Value) -> Option<Value> {
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            let changed = patch(was, is);
            (!changed.is_empty()).then_some(Value::Object(changed))
        }
        (was, is) => {
            let is = without_nulls(is);
            (*was != is).then_some(is)
        }
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                kept.map(|(name, value)| (name.clone(), without_nulls(value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// What a merge patch makes of an object.
pub fn apply(to: &Map<String, Value>, patch: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = to.clone();
    for (name, value) in patch {
        match value {
            Value::Null => {
                merged.remove(name);
            }
            Value::Object(below) => {
                let nothing = Map::new();
                let was = to.get(name).and_then(Value::as_object);
                let value = apply(was.unwrap_or(&nothing), below);
                merged.insert(name.clone(), Value::Object(value));
            }
            other => {
                merged.insert(name.clone(), other.clone());
            }
        }
    }
    merged
}

/// Properties by their path, as compact JSON; what has nothing below it is one.
pub fn leaves(object: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect("", object, &mut found);
    found
}

fn collect(above: &str, object: &Map<String, Value>, found: &mut BTreeMap<String, String>) {
    for (name, value) in object {
        let path = match above {
            "" => name.clone(),
            above => format!("{above}.{name}"),
        };
        match value {
            Value::Object(below) if !below.is_empty() => collect(&path, below, found),
            other => {
                found.insert(path, other.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_patch_names_what_changed_and_nothing_else() {
        let from = object(json!({ "a": 1, "b": { "c": [1], "d": "x" }, "gone": true }));
        let to = object(json!({ "a": 1, "b": { "c": [1, 2], "d": "x" }, "new": { "e": 0 } }));

        let patch = patch(&from, &to);

        let expected = json!({ "b": { "c": [1, 2] }, "gone": null, "new": { "e": 0 } });
        assert_eq!(Value::Object(patch.clone()), expected);
        assert_eq!(apply(&from, &patch), to);
    }

    #[test]
    fn what_did_not_change_is_an_empty_patch() {
        let same = object(json!({ "a": { "b": {} }, "c": [] }));

        assert!(patch(&same, &same).is_empty());
    }

    #[test]
    fn a_patch_leads_from_anything_to_anything() {
        let values = [
            json!({}),
            json!({ "a": {} }),
            json!({ "a": 1 }),
            json!({ "a": { "b": { "c": 1 } } }),
            json!({ "a": { "b": 1 }, "d": [{}] }),
        ];
        for from in &values {
            for to in &values {
                let (from, to) = (object(from.clone()), object(to.clone()));
                assert_eq!(apply(&from, &patch(&from, &to)), to, "{from:?}");
            }
        }
    }

    #[test]
    fn a_null_removes() {
        let from = object(json!({ "a": 1 }));
        let to = object(json!({ "a": null, "b": null, "c": { "d": null, "e": 1 } }));

        let expected = json!({ "a": null, "c": { "e": 1 } });
        assert_eq!(Value::Object(patch(&from, &to)), expected);
    }

    #[test]
    fn leaves_are_named_by_their_path() {
        let leaves = leaves(&object(json!({ "a": { "b": [1], "c": {} }, "d": "x" })));

        let listed: Vec<_> = leaves
            .iter()
            .map(|(path, value)| format!("{path}={value}"))
            .collect();
        assert_eq!(listed, ["a.b=[1]", "a.c={}", "d=\"x\""]);
    }
}
