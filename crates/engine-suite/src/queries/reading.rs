//! Which rows are read, in which order, and what is in them.

use std::sync::Arc;

use serde_json::json;
use twinhub_core::identities::Identity;
use twinhub_core::ports::{Parts, Wanted};
use twinhub_core::presence::PresenceBook;
use twinhub_core::query::{Expr, Sieve, Source};
use twinhub_core::time::SystemClock;

use super::plant::{Plant, condition, names, scan};
use crate::QueryStorage;
use crate::fixture::{NOW, device, device_id, hub_name};

async fn filled(storage: impl QueryStorage) -> Plant {
    let plant = Plant::new(storage).await;
    for id in ["b", "A", "a", "a-1", "_", "$c"] {
        plant.with_device(id, json!({})).await;
    }
    for (device, id) in [("b", "m"), ("a", "z"), ("a", "B"), ("a-1", "m")] {
        plant.with_module(device, id, json!({})).await;
    }
    plant
}

/// However few are read at once.
pub async fn twins_of_a_source_come_by_id(storage: impl QueryStorage) {
    let plant = filled(storage).await;
    let devices = scan(Source::Devices, &[], Parts::empty());
    let modules = scan(Source::Modules, &[], Parts::empty());

    for limit in [1, 2, 5, 100] {
        let (found, _) = plant.rows(&devices, limit).await;
        assert_eq!(names(&found), ["$c", "A", "_", "a", "a-1", "b"]);
        let (found, _) = plant.rows(&modules, limit).await;
        assert_eq!(names(&found), ["a/B", "a/z", "a-1/m", "b/m"]);
    }
}

/// Also after one that is not there.
pub async fn a_slice_begins_after_any_identity(storage: impl QueryStorage) {
    let plant = filled(storage).await;
    let devices = scan(Source::Devices, &[], Parts::empty());
    let after = |id: &str| Some(device_id(id).into());

    let next = plant.slice(&devices, after("a").as_ref(), 1).await;
    let gone = plant.slice(&devices, after("a-0").as_ref(), 100).await;
    let end = plant.slice(&devices, after("b").as_ref(), 100).await;

    assert_eq!(names(&next.rows), ["a-1"]);
    assert_eq!(names(&gone.rows), ["a-1", "b"]);
    assert_eq!((end.rows.len(), end.next), (0, None));
}

/// All of them make the twin that is read by itself.
pub async fn wanted_parts_are_as_they_were_written(storage: impl QueryStorage) {
    let plant = Plant::new(storage).await;
    plant.with_device("d", json!({"site": {"hall": 3}})).await;
    plant.with_module("d", "m", json!({"a": "é"})).await;

    for source in [Source::Devices, Source::Modules] {
        let (rows, _) = plant.rows(&scan(source, &[], Parts::all()), 10).await;
        let [row] = rows.try_into().unwrap();
        let read = plant.store.twin(&plant.hub, &row.id).await.unwrap();
        let (registered, twin) = read.unwrap();
        assert_eq!(row.into_whole(), Some((registered, twin.value)));
    }
}

/// Each part by itself.
pub async fn one_part_is_read_without_the_others(storage: impl QueryStorage) {
    let plant = Plant::new(storage).await;
    plant.with_device("d", json!({"a": 1})).await;

    for part in Parts::all().iter() {
        let (rows, _) = plant.rows(&scan(Source::Devices, &[], part), 10).await;
        let [row] = rows.try_into().unwrap();

        assert_eq!(row.identity.is_some(), part == Parts::IDENTITY);
        assert_eq!(row.tags.is_some(), part == Parts::TAGS);
        if part == Parts::DESIRED {
            let desired = row.desired.unwrap();
            assert_eq!((desired.version, desired.metadata), (2, None));
        } else if part == Parts::REPORTED {
            let reported = row.reported.unwrap();
            assert_eq!(reported.properties["rate"], 1.5);
        }
        assert_eq!((row.etag, row.version), (2, 2));
    }
}

/// What else is in the documents may be there or not.
pub async fn wanted_paths_are_there_with_what_open_conditions_need(storage: impl QueryStorage) {
    let plant = Plant::new(storage).await;
    plant
        .with_device("d", json!({"a": {"b": 1, "c": 2}, "d": 3}))
        .await;
    let Expr::Path(path) = condition("tags.a.b") else {
        panic!("it is a path");
    };
    // Hardly any engine computes this by itself.
    let conditions = ["tags.d * 2 = 6", "properties.reported.rate - 1 = 0.5"];

    let mut scan = scan(Source::Devices, &conditions, Parts::empty());
    scan.wanted = Wanted::of([path]);
    let (rows, rest) = plant.rows(&scan, 10).await;

    let [row] = rows.try_into().unwrap();
    let tags = row.tags.unwrap();
    assert_eq!(tags["a"]["b"], 1);
    if rest.contains(&0) {
        assert_eq!(tags["d"], 3);
    }
    if rest.contains(&1) {
        assert_eq!(row.reported.unwrap().properties["rate"], 1.5);
    }
}

/// There may be others among them, for who is connected is left open.
pub async fn the_connected_are_read_by_id_however_many_they_are(storage: impl QueryStorage) {
    let plant = filled(storage).await;
    let presence = Arc::new(PresenceBook::new(Arc::new(SystemClock)));
    let mut scan = scan(
        Source::Devices,
        &["connectionState = 'Connected'"],
        Parts::IDENTITY,
    );
    scan.connected = Some(presence.connected_ids(&plant.hub, Source::Devices));

    let mut connections = Vec::new();
    let mut expected = Vec::new();
    for id in ["not-there", "a-1", "b", "$c", "_", "A", "a"] {
        connections.push(presence.connected(&plant.hub, &device_id(id).into(), NOW));
        if id != "not-there" {
            expected.push(id);
            expected.sort_unstable();
        }
        for limit in [1, 2, 5, 100] {
            let (found, rest) = plant.rows(&scan, limit).await;
            let mut found = names(&found);
            if rest == [0] {
                found.retain(|id| expected.contains(&id.as_str()));
            }
            assert_eq!(found, expected, "by {limit}");
        }
    }
}

/// Whether the engine asks it or not.
pub async fn what_the_sieve_lets_through_is_read_and_no_slice_ends_early(
    storage: impl QueryStorage,
) {
    let plant = filled(storage).await;
    // Hardly any engine computes these by itself.
    let conditions = ["ENDSWITH(deviceId, 'a')", "ENDSWITH(deviceId, '1')"];
    let either = format!("{} OR {}", conditions[0], conditions[1]);
    let mut scan = scan(Source::Devices, &[&either], Parts::all());
    let presence = Arc::new(PresenceBook::new(Arc::new(SystemClock)));
    let sieve = Sieve::new(plant.hub.clone(), scan.conditions.clone(), presence);
    scan.sieve = Some(sieve.clone());

    for limit in [1, 2, 100] {
        let (mut found, rest) = plant.rows(&scan, limit).await;
        found.retain(|row| sieve.keeps(&rest, row));
        assert_eq!(names(&found), ["a", "a-1"], "by {limit}");
        assert!(found.into_iter().all(|row| row.into_whole().is_some()));
    }
}

/// Namesakes included.
pub async fn hubs_are_apart(storage: impl QueryStorage) {
    let plant = filled(storage).await;
    let other = hub_name("harbour");
    plant.add_hub(&other).await;
    let namesake = Identity::Device(device("a"));
    plant.with(&other, namesake, json!({"at": "harbour"})).await;

    let all = scan(Source::Devices, &[], Parts::TAGS);
    let found = plant.queries.scan(&other, &all, None, 100).await.unwrap();
    let there = scan(Source::Devices, &["tags.at = 'harbour'"], Parts::empty());
    let (here, rest) = plant.rows(&there, 100).await;

    assert_eq!(names(&found.rows), ["a"]);
    assert!(here.is_empty() || rest == [0]);
}
