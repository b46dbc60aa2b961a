//! What an engine may make of conditions.

use serde_json::json;
use twinhub_core::ports::Parts;
use twinhub_core::query::Source;

use super::plant::{Plant, names, scan};
use crate::QueryStorage;

/// Conditions, and the devices that fulfil them.
const CONDITIONS: &[(&str, &[&str])] = &[
    ("deviceId = 'number'", &["number"]),
    (
        "deviceId IN ['number', 'text', 'nobody']",
        &["number", "text"],
    ),
    ("STARTSWITH(deviceId, 'n')", &["none", "number"]),
    ("status = 'disabled'", &["off!"]),
    ("tags.x = 1", &["number"]),
    ("tags.x = '1'", &["text"]),
    ("tags.x = true", &["bool"]),
    ("tags.x != '1'", &["bool", "number"]),
    ("tags.x <> 1", &["bool", "text"]),
    ("tags.x < 2", &["number"]),
    ("tags.x < '2'", &["text"]),
    ("tags.x IN [1, '1']", &["number", "text"]),
    ("tags.x NIN ['1']", &["bool", "number"]),
    ("NOT tags.x = '1'", &["bool", "number"]),
    (
        "IS_DEFINED(tags.x)",
        &["array", "bool", "number", "object", "text"],
    ),
    ("NOT IS_DEFINED(tags.x)", &["none", "off!"]),
    ("IS_DEFINED(tags.x.y)", &["object"]),
    ("tags.x.y = 'z'", &["object"]),
    ("tags.x", &["bool"]),
    ("tags.x = '1' OR tags.x = 1", &["number", "text"]),
    (
        "properties.desired.interval = 5 AND tags.x = true",
        &["bool"],
    ),
    (
        "properties.reported.rate = 1.5 AND status = 'disabled'",
        &["off!"],
    ),
    ("connectionState = 'Connected'", &[]),
];

async fn filled(storage: impl QueryStorage) -> Plant {
    let plant = Plant::new(storage).await;
    for (id, tags) in [
        ("none", json!({})),
        ("off!", json!({})),
        ("number", json!({"x": 1})),
        ("text", json!({"x": "1"})),
        ("bool", json!({"x": true})),
        ("object", json!({"x": {"y": "z"}})),
        ("array", json!({"x": [1, "1", true]})),
    ] {
        plant.with_device(id, tags).await;
    }
    plant
}

/// Nothing else, unless the condition is left open.
pub async fn rows_that_fulfil_a_condition_are_found(storage: impl QueryStorage) {
    let plant = filled(storage).await;

    for (condition, expected) in CONDITIONS {
        let (rows, rest) = plant
            .rows(&scan(Source::Devices, &[condition], Parts::empty()), 2)
            .await;

        let found = names(&rows);
        if rest.is_empty() {
            assert_eq!(found, *expected, "{condition}");
        } else {
            assert_eq!(rest, [0], "{condition}");
            let all_there = expected
                .iter()
                .all(|id| found.iter().any(|name| name == id));
            assert!(all_there, "{condition}: {found:?}");
        }
    }
}

/// Whichever of them are left open.
pub async fn conditions_side_by_side_all_count(storage: impl QueryStorage) {
    let plant = filled(storage).await;
    let both = scan(
        Source::Devices,
        &["IS_DEFINED(tags.x)", "STARTSWITH(deviceId, 'n')"],
        Parts::empty(),
    );

    let (rows, rest) = plant.rows(&both, 100).await;

    assert!(rest.iter().all(|index| *index < 2));
    let found = names(&rows);
    assert!(found.contains(&"number".to_owned()));
    assert!(!rest.is_empty() || found == ["number"], "{found:?}");
}
