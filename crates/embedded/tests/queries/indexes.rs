//! Indexes that nobody declares: when they are made, and that they are used.

use std::time::Duration;

use serde_json::json;
use twinhub_core::identities::{Authentication, Status};
use twinhub_embedded::{IndexSettings, QueryIndex};

use crate::plant::{Plant, device, eager, hub, module};

const RARE: &str = "SELECT * FROM devices WHERE tags.rare = 'yes'";

/// Devices of which two are rare.
async fn fill(plant: &Plant, count: usize) {
    for first in (0..count).step_by(500) {
        let numbers = first..count.min(first + 500);
        plant
            .with(numbers.map(|number| {
                let rare = number == 7 || number == 11;
                let tags = json!({"rare": if rare { "yes" } else { "no" }, "number": number});
                device(&format!("d{number:05}")).tags(tags)
            }))
            .await;
    }
}

/// Asks until its path is indexed.
async fn indexed(plant: &Plant, query: &str) {
    let before = plant.engine.query_indexes(&hub()).await.unwrap().len();
    let declared = async {
        while plant.engine.query_indexes(&hub()).await.unwrap().len() == before {
            plant.rows(query, 100).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        plant.indexes_built().await;
    };
    soon(declared).await;
}

fn values(plant: &Plant) -> i64 {
    let count = "SELECT count(*) FROM query_values";
    plant.sql().query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_is_searched_in_vain_is_found_by_an_index_later() {
    let plant = Plant::new().await;
    fill(&plant, 11_000).await;

    indexed(&plant, RARE).await;
    let found = plant.rows(RARE, 1).await.unwrap();
    // Without its values, an index leads nowhere: it was asked.
    plant.sql().execute("DELETE FROM query_values", []).unwrap();
    let led_astray = plant.rows(RARE, 1).await.unwrap();

    assert_eq!(found, ["d00007", "d00011"]);
    assert_eq!(led_astray, [""; 0]);
}

/// SQL leaves decimals to core.
#[tokio::test]
async fn decimals_are_found_by_an_index_later() {
    let plant = Plant::new().await;
    for first in (0..11_000).step_by(500) {
        let devices = (first..first + 500).map(|number| {
            let tenth = f64::from(number) / 10.0;
            device(&format!("d{number:05}")).tags(json!({"tenth": tenth}))
        });
        plant.with(devices).await;
    }

    let query = "SELECT * FROM devices WHERE tags.tenth = 7 OR tags.tenth >= 1099.85";
    indexed(&plant, query).await;

    let found = plant.rows(query, 9).await.unwrap();
    assert_eq!(found, ["d00070", "d10999"]);
}

#[tokio::test]
async fn a_condition_that_many_fulfil_is_not_looked_up() {
    let plant = Plant::new().await;
    fill(&plant, 11_000).await;

    indexed(&plant, RARE).await;
    plant
        .sql()
        .execute("DELETE FROM query_values WHERE value = 'yes'", [])
        .unwrap();
    let common = plant.rows("SELECT COUNT() AS n FROM devices WHERE tags.rare = 'no'", 1);

    assert_eq!(common.await.unwrap(), [json!({"n": 10_998})]);
}

#[tokio::test]
async fn every_kind_of_condition_is_looked_up() {
    let plant = Plant::eager().await;
    let long = "é".repeat(70);
    for (id, tags) in [
        ("a", json!({"x": 1, "y": {"z": "one"}})),
        ("b", json!({"x": -2.5, "y": {"z": "two"}})),
        ("c", json!({"x": "text", "y": 0})),
        ("d", json!({"x": long.clone() + "a"})),
        ("e", json!({"x": long.clone() + "b"})),
        ("f", json!({"x": true, "y": {"z": false}})),
        ("g", json!({"x": {"z": 1}})),
        ("h", json!({})),
    ] {
        plant.with([device(id).tags(tags)]).await;
    }
    let all = "SELECT * FROM devices WHERE IS_DEFINED(tags.x) AND IS_DEFINED(tags.y.z)";
    plant.rows(all, 9).await.unwrap();
    plant
        .rows("SELECT * FROM devices WHERE tags.y.z = 1", 9)
        .await
        .unwrap();
    plant.indexes_built().await;

    for (condition, expected) in [
        ("tags.x = 1", "a"),
        ("1 > tags.x", "b"),
        ("tags.x <= 1", "ab"),
        ("tags.x >= 'text'", "cde"),
        ("tags.x < 'tf'", "c"),
        (&format!("tags.x = '{long}a'"), "d"),
        (&format!("tags.x > '{long}a'"), "e"),
        (&format!("STARTSWITH(tags.x, '{long}')"), "de"),
        (&format!("STARTSWITH(tags.x, '{long}b')"), "e"),
        ("STARTSWITH(tags.x, '')", "cde"),
        ("tags.x", "f"),
        ("tags.x = null", ""),
        ("IS_DEFINED(tags.x)", "abcdefg"),
        ("IS_DEFINED(tags.y.z)", "abf"),
        ("tags.x IN [1, 'text', true, undefined]", "acf"),
        ("tags.x = 1 OR tags.y.z = 'two'", "ab"),
        ("tags.x = -2.5 AND tags.y.z = 'two'", "b"),
        (
            "(tags.x = 1 AND tags.y.z = 'one') OR tags.y.z = false",
            "af",
        ),
    ] {
        let query = format!("SELECT * FROM devices WHERE {condition}");

        for size in [1, 100] {
            let found = plant.rows(&query, size).await.unwrap();
            let found: String = found.iter().filter_map(|id| id.as_str()).collect();
            assert_eq!(found, expected, "{condition}");
        }
    }
    plant.sql().execute("DELETE FROM query_values", []).unwrap();
    let led_astray = plant.rows("SELECT * FROM devices WHERE IS_DEFINED(tags.x)", 9);
    assert_eq!(led_astray.await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn an_index_follows_writes_of_devices_and_modules() {
    let plant = Plant::eager().await;
    let of = |colour: &str| json!({"colour": colour});
    plant
        .with([
            device("a").tags(of("red")),
            device("b").tags(of("blue")),
            module("a", "m").tags(of("red")),
        ])
        .await;
    let red = "SELECT * FROM devices WHERE tags.colour = 'red'";
    let red_modules = "SELECT * FROM devices.modules WHERE tags.colour = 'red'";
    indexed(&plant, red).await;

    plant.with([device("c").tags(of("red"))]).await;
    plant.replace(&device("a").tags(of("blue"))).await;
    plant.replace(&device("b").tags(of("red"))).await;
    let changed = plant.rows(red, 9).await.unwrap();
    plant.remove(&device("b").identity.id()).await;
    plant.replace(&device("a")).await;
    let removed = plant.rows(red, 9).await.unwrap();

    assert_eq!(changed, ["b", "c"]);
    assert_eq!(removed, ["c"]);
    assert_eq!(plant.rows(red_modules, 9).await.unwrap(), ["a/m"]);
    assert_eq!(values(&plant), 2, "nothing is left of what is gone");
}

/// Each kind of member, of few among many.
#[tokio::test]
async fn what_is_mirrored_of_identities_is_found_by_an_index_too() {
    let plant = Plant::new().await;
    fill(&plant, 11_000).await;
    let rare = device("rare").model("dtmi:pump;1").device(|device| {
        device.status = Status::Disabled;
        device.status_reason = Some("leaks".to_owned());
        device.authentication = Authentication::CertificateAuthority;
        device.edge = true;
        device.scope = Some("ms-azure-iot-edge://site".to_owned());
    });
    plant.with([rare]).await;

    for condition in [
        "status = 'disabled'",
        "statusReason = 'leaks'",
        "authenticationType = 'certificateAuthority'",
        "capabilities.iotEdge = true",
        "STARTSWITH(deviceScope, 'ms-azure-iot-edge:')",
        "modelId = 'dtmi:pump;1'",
    ] {
        let query = format!("SELECT * FROM devices WHERE {condition}");
        indexed(&plant, &query).await;
        let found = plant.rows(&query, 9).await.unwrap();
        // Without its values, an index leads nowhere: it was asked.
        plant.sql().execute("DELETE FROM query_values", []).unwrap();
        let led_astray = plant.rows(&query, 9).await.unwrap();

        assert_eq!(found, ["rare"], "{condition}");
        assert_eq!(led_astray, [""; 0], "{condition}");
    }
}

#[tokio::test]
async fn an_index_follows_writes_of_identities() {
    let plant = Plant::eager().await;
    let disabled = |id: &str| device(id).device(|device| device.status = Status::Disabled);
    plant
        .with([device("a"), disabled("b"), module("a", "m")])
        .await;
    let query = "SELECT * FROM devices WHERE status = 'disabled'";
    indexed(&plant, query).await;

    plant.with([disabled("c")]).await;
    plant.replace_identity(&disabled("a")).await;
    plant.replace_identity(&device("b")).await;
    let changed = plant.rows(query, 9).await.unwrap();
    plant.remove(&device("a").identity.id()).await;
    plant.replace(&disabled("c")).await;
    let removed = plant.rows(query, 9).await.unwrap();

    assert_eq!(changed, ["a", "c"]);
    assert_eq!(removed, ["c"]);
    assert_eq!(values(&plant), 2, "nothing is left of what is gone");
}

#[tokio::test]
async fn a_refused_write_leaves_indexes_alone() {
    let plant = Plant::eager().await;
    plant.with([device("a").tags(json!({"x": 1}))]).await;
    let query = "SELECT * FROM devices WHERE tags.x = 1";
    indexed(&plant, query).await;

    use twinhub_core::ports::{Change, Record, Revision, StateStore as _, UnitOfWork};
    let stale = device("a").tags(json!({"x": 2})).twin();
    let change = Change::Replace(Record::Twin(stale), Revision(0));
    let refused = plant.engine.commit(UnitOfWork::new(hub(), vec![change]));

    assert!(refused.await.is_err());
    assert_eq!(plant.rows(query, 9).await.unwrap(), ["a"]);
    assert_eq!(values(&plant), 1);
}

#[tokio::test]
async fn an_index_that_was_half_built_is_built_after_a_restart() {
    let slow = IndexSettings {
        step: 10,
        least_pause: Duration::from_secs(3600),
        ..eager()
    };
    let plant = Plant::open(tempfile::tempdir().unwrap(), slow).await;
    fill(&plant, 100).await;
    plant.rows(RARE, 9).await.unwrap();
    soon(async {
        while plant.engine.query_indexes(&hub()).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let building = plant.engine.query_indexes(&hub()).await.unwrap();

    let plant = plant.reopen_with(eager()).await;
    let soon = plant.rows(RARE, 9).await.unwrap();
    plant.indexes_built().await;
    let later = plant.rows(RARE, 9).await.unwrap();

    assert!(!building[0].built);
    assert_eq!(
        (building[0].section, &*building[0].keys[0]),
        ("tags", "rare")
    );
    assert_eq!(soon, ["d00007", "d00011"]);
    assert_eq!(soon, later);
    assert_eq!(values(&plant), 100);
}

#[tokio::test]
async fn there_is_room_for_few_and_the_idle_one_makes_way() {
    let few = || IndexSettings { most: 2, ..eager() };
    let plant = Plant::open(tempfile::tempdir().unwrap(), few()).await;
    fill(&plant, 20).await;
    let asks = |key: &str| format!("SELECT * FROM devices WHERE tags.{key} = 7");
    indexed(&plant, &asks("rare")).await;
    indexed(&plant, &asks("number")).await;
    plant.rows(&asks("third"), 9).await.unwrap();
    plant.wishes_looked_at().await;

    let idle = "UPDATE query_indexes SET idle_hours = 24 WHERE path = '[\"rare\"]'";
    plant.sql().execute(idle, []).unwrap();
    indexed_instead(&plant, &asks("fourth"), "fourth").await;
    let indexes = plant.engine.query_indexes(&hub()).await.unwrap();

    let keys: Vec<_> = indexes.iter().map(|index| index.keys[0].as_str()).collect();
    assert_eq!(keys, ["number", "fourth"]);
    // The values of what made way go in the background.
    soon(async {
        while values(&plant) > 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_path_that_no_twin_has_keeps_no_other_out() {
    let one = IndexSettings { most: 1, ..eager() };
    let plant = Plant::open(tempfile::tempdir().unwrap(), one).await;
    fill(&plant, 20).await;
    indexed(&plant, "SELECT * FROM devices WHERE tags.mistyped = 7").await;

    indexed_instead(
        &plant,
        "SELECT * FROM devices WHERE tags.number = 7",
        "number",
    )
    .await;

    let indexes = plant.engine.query_indexes(&hub()).await.unwrap();
    assert_eq!(indexes.len(), 1);
}

#[tokio::test]
async fn an_index_goes_that_is_not_used_for_a_week() {
    let short = IndexSettings {
        hour: Duration::from_millis(10),
        ..eager()
    };
    let plant = Plant::open(tempfile::tempdir().unwrap(), short).await;
    fill(&plant, 20).await;
    let unused = "SELECT * FROM devices WHERE tags.number = 7";
    indexed(&plant, RARE).await;
    indexed(&plant, unused).await;

    let gone = async {
        while plant.engine.query_indexes(&hub()).await.unwrap().len() == 2 {
            plant.rows(RARE, 9).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(gone).await;

    let indexes = plant.engine.query_indexes(&hub()).await.unwrap();
    let keys: Vec<_> = indexes.iter().map(|index| index.keys.concat()).collect();
    assert_eq!(keys, ["rare"]);
    assert_eq!(plant.rows(unused, 9).await.unwrap(), ["d00007"]);
}

async fn indexed_instead(plant: &Plant, query: &str, key: &str) {
    let indexed = async {
        loop {
            plant.rows(query, 9).await.unwrap();
            let indexes = plant.engine.query_indexes(&hub()).await.unwrap();
            let of_key = |index: &QueryIndex| index.keys == [key] && index.built;
            if indexes.iter().any(of_key) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(indexed).await;
}

async fn soon(future: impl Future<Output = ()>) {
    let waited = tokio::time::timeout(Duration::from_secs(60), future).await;
    waited.expect("it happens soon");
}
