//! The twin merge, by example and against a small model.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::ids::DeviceId;

const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);

fn twin() -> Twin {
    Twin::new(DeviceId::parse("pump-7").unwrap().into(), NOW)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is not an object"),
    }
}

fn desired(value: Value) -> TwinPatch {
    TwinPatch {
        desired: Some(object(value)),
        ..TwinPatch::default()
    }
}

fn tags(value: Value) -> TwinPatch {
    TwinPatch {
        tags: Some(object(value)),
        ..TwinPatch::default()
    }
}

#[test]
fn null_removes_objects_merge_and_arrays_replace() {
    let mut twin = twin();
    twin.patch(&desired(json!({"a": {"x": 1, "y": 2}, "l": [1, 2]})), NOW)
        .unwrap();

    twin.patch(&desired(json!({"a": {"x": null, "z": 3}, "l": [3]})), NOW)
        .unwrap();

    assert_eq!(
        Value::Object(twin.desired.properties),
        json!({"a": {"y": 2, "z": 3}, "l": [3]})
    );
}

#[test]
fn nulling_the_last_child_leaves_an_empty_object() {
    let mut twin = twin();
    twin.patch(&desired(json!({"a": {"x": 1}})), NOW).unwrap();

    twin.patch(&desired(json!({"a": {"x": null}})), NOW)
        .unwrap();

    assert_eq!(Value::Object(twin.desired.properties), json!({"a": {}}));
}

#[test]
fn devices_see_the_patch_with_its_version() {
    let mut twin = twin();

    let seen = twin
        .patch(&desired(json!({"a": 1, "gone": null})), NOW)
        .unwrap();

    assert_eq!(seen, Some(json!({"a": 1, "gone": null, "$version": 2})));
}

#[test]
fn tags_move_the_etag_but_not_the_desired_version_and_no_device_sees_them() {
    let mut twin = twin();
    let before = twin.etag();

    let seen = twin.patch(&tags(json!({"site": "north"})), NOW).unwrap();

    assert_eq!(seen, None);
    assert_ne!(twin.etag(), before);
    assert_eq!(twin.desired.version, 1);
}

#[test]
fn reported_properties_do_not_move_the_etag() {
    let mut twin = twin();
    let before = twin.etag();

    twin.report(&object(json!({"t": 21.5})), NOW).unwrap();

    assert_eq!(twin.etag(), before);
    assert_eq!(twin.reported.version, 2);
}

#[test]
fn a_replacement_wipes_what_it_does_not_name() {
    let mut twin = twin();
    twin.patch(&tags(json!({"site": "north"})), NOW).unwrap();
    twin.patch(&desired(json!({"a": 1, "b": 2})), NOW).unwrap();

    let seen = twin
        .replace(&desired(json!({"b": 3, "c": null})), NOW)
        .unwrap();

    assert!(twin.tags.is_empty());
    assert_eq!(seen, Some(json!({"b": 3, "$version": 3})));
    assert_eq!(twin.desired.metadata.children.len(), 1);
}

#[test]
fn metadata_tells_moment_and_version_of_each_leaf() {
    let mut twin = twin();
    let later = NOW.plus(std::time::Duration::from_secs(1));
    twin.patch(&desired(json!({"a": {"x": 1}, "b": 1})), NOW)
        .unwrap();

    twin.patch(&desired(json!({"a": {"y": [1]}})), later)
        .unwrap();

    let at = |moment: Timestamp, version: u64| json!({"$lastUpdated": moment.to_string(), "$lastUpdatedVersion": version});
    let mut expected = at(later, 3);
    expected["b"] = at(NOW, 2);
    expected["a"] = at(later, 3);
    expected["a"]["x"] = at(NOW, 2);
    expected["a"]["y"] = at(later, 3);
    assert_eq!(twin.desired.metadata.to_json(), expected);
}

#[test]
fn sent_back_server_members_are_ignored() {
    let mut twin = twin();

    twin.patch(
        &desired(json!({"a": 1, "$version": 77, "$metadata": {"a": {}}})),
        NOW,
    )
    .unwrap();

    assert_eq!(twin.desired.version, 2);
    assert_eq!(Value::Object(twin.desired.properties), json!({"a": 1}));
}

#[test]
fn a_broken_rule_changes_nothing() {
    let deep = |levels: usize| (0..levels).fold(json!(1), |value, _| json!({ "d": value }));
    let refused = [
        json!({"a.b": 1}),
        json!({"a$": 1}),
        json!({"a#": 1}),
        json!({"a b": 1}),
        json!({"a\u{7}": 1}),
        json!({"a\u{85}": 1}),
        json!({"": 1}),
        json!({"k".repeat(1025): 1}),
        json!({"a": "s".repeat(4097)}),
        json!({"a": 4_503_599_627_370_496_i64}),
        json!({"a": -4_503_599_627_370_497_i64}),
        json!({"a": u64::MAX}),
        json!({"a": [1, null]}),
        json!({"a": {"b": [[null]]}}),
        json!({"a": [{"$x": 1}]}),
        deep(12),
    ];

    for properties in refused {
        let mut twin = twin();
        let patch = TwinPatch {
            tags: Some(object(json!({"fine": true}))),
            desired: Some(object(properties.clone())),
        };

        assert!(twin.patch(&patch, NOW).is_err(), "{properties}");
        assert_eq!(twin, super::tests::twin(), "{properties}");
    }
}

#[test]
fn values_that_count_as_no_bytes_cannot_pile_up() {
    let empties = [json!([]), json!({}), json!("")];

    for empty in empties {
        let many = json!({"a": vec![empty.clone(); 20_000]});

        let mut twin = twin();
        assert!(
            matches!(
                twin.report(&object(many), NOW),
                Err(InvalidProperties::TooManyValues { values: 20_001, .. })
            ),
            "{empty}"
        );
        assert_eq!(twin, super::tests::twin());
    }
}

#[test]
fn arrays_nest_as_deep_as_objects() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |value, _| json!([value]));

    assert!(
        twin()
            .patch(&desired(json!({"a": nested(11)})), NOW)
            .is_ok()
    );
    assert!(matches!(
        twin().patch(&desired(json!({"a": nested(12)})), NOW),
        Err(InvalidProperties::TooDeep { .. })
    ));
}

#[test]
fn what_is_just_within_the_rules_is_taken() {
    let deep = |levels: usize| (0..levels).fold(json!(1), |value, _| json!({ "d": value }));
    let taken = [
        json!({"k".repeat(1024): 1}),
        json!({"a": "s".repeat(4096)}),
        json!({"a": 4_503_599_627_370_495_i64, "b": -4_503_599_627_370_496_i64}),
        json!({"a": 1.5e300}),
        json!({"ü-ß_/\\": [1, "two", {"three": false}]}),
        deep(11),
    ];

    for properties in taken {
        assert!(
            twin().patch(&desired(properties.clone()), NOW).is_ok(),
            "{properties}"
        );
    }
}

#[test]
fn sizes_count_keys_strings_numbers_and_booleans() {
    // Eight keys of four bytes, eight strings: 8 KB to the byte with 4,092 left over.
    let fits = json!({"k": "s".repeat(4096), "l": "s".repeat(4096 - 2 - 8 - 1 - 4 - 1), "n": 1, "b": true});

    assert!(twin().patch(&tags(fits.clone()), NOW).is_ok());
    let mut one_more = fits;
    one_more["bb"] = json!({});
    assert_eq!(
        twin().patch(&tags(one_more), NOW),
        Err(InvalidProperties::TooLarge {
            place: Place::Tags,
            bytes: MAX_TAGS_BYTES + 2,
            max: MAX_TAGS_BYTES
        })
    );
}

/// Any JSON that the rules allow, small, with keys that collide often.
fn properties() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-100i64..100).prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
        prop::collection::vec(0..3i64, 0..3).prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop::collection::btree_map("[abc]", inner, 0..4)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    })
}

fn patches() -> impl Strategy<Value = Vec<Map<String, Value>>> {
    let patch = prop::collection::btree_map("[abc]", properties(), 0..4)
        .prop_map(|members| members.into_iter().collect());
    prop::collection::vec(patch, 1..8)
}

/// RFC 7396, from the paper.
fn model(target: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let mut merged = target.as_object().cloned().unwrap_or_default();
    for (key, value) in patch {
        if value.is_null() {
            merged.remove(key);
        } else {
            let before = merged.get(key).unwrap_or(&Value::Null);
            merged.insert(key.clone(), model(before, value));
        }
    }
    Value::Object(merged)
}

/// The metadata's tree has the properties' shape.
fn mirrors(metadata: &Metadata, value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            object.len() == metadata.children.len()
                && object.iter().all(|(key, value)| {
                    metadata
                        .children
                        .get(key)
                        .is_some_and(|child| mirrors(child, value))
                })
        }
        _ => metadata.children.is_empty(),
    }
}

proptest! {
    #[test]
    fn merging_follows_the_model_and_metadata_mirrors_it(patches in patches()) {
        let mut twin = twin();
        let mut expected = json!({});

        for (count, patch) in patches.iter().enumerate() {
            twin.report(patch, NOW).unwrap();
            expected = model(&expected, &Value::Object(patch.clone()));

            let merged = Value::Object(twin.reported.properties.clone());
            prop_assert_eq!(&merged, &expected);
            prop_assert!(mirrors(&twin.reported.metadata, &merged));
            prop_assert_eq!(twin.reported.version, count as u64 + 2);
        }
    }

    #[test]
    fn replaying_what_devices_see_rebuilds_the_desired_properties(patches in patches()) {
        let mut twin = twin();
        let mut device = json!({});

        for patch in &patches {
            let seen = twin.patch(&desired(Value::Object(patch.clone())), NOW).unwrap();
            device = model(&device, &seen.unwrap());
        }

        prop_assert_eq!(device, twin.desired.for_device());
    }
}
