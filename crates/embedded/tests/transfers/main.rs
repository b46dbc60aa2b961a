//! Imports and exports of this engine's registry, to and from a folder.
#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod drip;
mod ends;
mod order;
mod plant;
mod progress;

use serde_json::{Value, json};
use twinhub_core::ports::SnapshotStore as _;
use twinhub_core::transfer::{Ended, StartTransferError};

use plant::{KEY, Plant, codes, device, hub_name, with};

#[tokio::test]
async fn an_export_imports_into_another_hub_and_is_exported_alike() {
    let (here, there) = (Plant::new().await, Plant::new().await);
    let edge = json!({"id": "edge", "status": "enabled", "capabilities": {"iotEdge": true},
        "properties": {"desired": {"a": {"b": 1}}, "reported": {"c": [1, 2]}}});
    here.import(&[
        device("pump-7", "create", 7),
        with(device("pump-7", "create", 8), "moduleId", json!("m")),
        edge,
    ])
    .await;
    let agent = json!({"id": "edge", "moduleId": "$edgeAgent", "status": "enabled",
        "properties": {"desired": {"modules": {}}}});
    assert_eq!(here.import(&[agent]).await, [] as [Value; 0]);
    let scope = here.export(false).await[0]["deviceScope"].clone();
    let leaf = with(device("leaf", "create", 9), "deviceScope", scope);
    assert_eq!(here.import(&[leaf]).await, [] as [Value; 0]);

    let exported = here.export(false).await;
    let failures = there.import(&exported).await;
    let again = there.export(false).await;

    assert_eq!(codes(&failures), []);
    // Another hub has its own ETags, versions and generations.
    let comparable = |lines: &[Value]| -> Vec<Value> {
        let lines = lines.iter().cloned().map(|mut line| {
            for own in ["eTag", "twinETag", "deviceScope", "parentScopes"] {
                line.as_object_mut().unwrap().remove(own);
            }
            for section in ["desired", "reported"] {
                let section = &mut line["properties"][section];
                section.as_object_mut().unwrap().remove("$version");
                section["$metadata"] = section["$metadata"]["$lastUpdated"].clone();
            }
            line
        });
        lines.collect()
    };
    assert_eq!(comparable(&again), comparable(&exported));
    let of = |id: &str| again.iter().find(|line| line["id"] == id).unwrap().clone();
    assert_eq!(of("leaf")["deviceScope"], of("edge")["deviceScope"]);
}

#[tokio::test]
async fn each_mode_does_what_it_says_or_is_logged() {
    let plant = Plant::new().await;
    plant.import(&[device("there", "create", 0)]).await;
    let etags = plant.export(false).await[0].clone();
    let stale = |line| with(with(line, "eTag", json!("MQ==")), "twinETag", json!("MQ=="));

    let failures = plant
        .import(&[
            device("there", "create", 1),
            device("gone", "update", 1),
            device("gone", "delete", 1),
            device("gone", "updateTwin", 1),
            device("gone", "updateIfMatchETag", 1),
            stale(device("there", "updateIfMatchETag", 1)),
            stale(device("there", "createOrUpdateIfMatchETag", 1)),
            stale(device("there", "deleteIfMatchETag", 1)),
            stale(device("there", "updateTwinIfMatchETag", 1)),
        ])
        .await;

    let codes = codes(&failures);
    assert_eq!(codes.iter().filter(|(id, _)| *id == "there").count(), 5);
    assert_eq!(codes.iter().filter(|(id, _)| *id == "gone").count(), 4);
    assert_eq!(plant.tags("there").await, Some(json!({"n": 0})));
    assert_eq!(plant.tags("gone").await, None);

    let matching = with(
        device("there", "updateTwinIfMatchETag", 2),
        "twinETag",
        etags["twinETag"].clone(),
    );
    assert_eq!(plant.import(&[matching]).await, [] as [Value; 0]);
    assert_eq!(plant.tags("there").await, Some(json!({"n": 2})));
    let matching = with(
        device("there", "deleteIfMatchETag", 3),
        "eTag",
        etags["eTag"].clone(),
    );
    assert_eq!(plant.import(&[matching]).await, [] as [Value; 0]);
    assert_eq!(plant.tags("there").await, None);
}

#[tokio::test]
async fn a_broken_line_is_logged_and_the_others_are_done() {
    let plant = Plant::new().await;
    let good = device("good", "create", 1);
    plant.put(
        "devices.txt",
        &format!("a note to people\r\n{{\r\n{good}\r\n{{}}"),
    );

    let started = plant.start_import().await.unwrap();

    assert_eq!(plant.ended(&started).await, Ended::Completed);
    let failures = plant.lines("importErrors.log");
    assert_eq!(codes(&failures), [("", 400_012), ("", 400_012)]);
    assert_eq!(plant.tags("good").await, Some(json!({"n": 1})));
}

#[tokio::test]
async fn a_first_line_that_is_no_note_is_logged() {
    let line = device("pump-7", "create", 1);
    for (first, rest, codes_wanted) in [
        ("Keys are left out.", line.to_string(), 0),
        (
            "[{\"id\":\"pump-7\",\"status\":\"enabled\"}]",
            String::new(),
            1,
        ),
        ("[", line.to_string(), 1),
        ("no note to anybody", String::new(), 1),
    ] {
        let plant = Plant::new().await;
        plant.put("devices.txt", &format!("{first}\n{rest}"));

        let started = plant.start_import().await.unwrap();

        assert_eq!(plant.ended(&started).await, Ended::Completed);
        let failures = plant.lines("importErrors.log");
        assert_eq!(
            codes(&failures),
            vec![("", 400_012); codes_wanted],
            "{first}"
        );
        assert_eq!(plant.tags("pump-7").await.is_some(), !rest.is_empty());
    }
}

#[tokio::test]
async fn a_mode_that_compares_etags_says_so_when_it_has_none() {
    let plant = Plant::new().await;
    plant.import(&[device("there", "create", 0)]).await;

    for mode in ["createOrUpdateIfMatchETag", "updateIfMatchETag"] {
        let failures = plant.import(&[device("there", mode, 1)]).await;

        assert_eq!(codes(&failures), [("there", 412_001)]);
        let told = failures[0]["errorStatus"].as_str().unwrap();
        assert!(told.contains("compares an etag"), "{told}");
    }
    let made = plant
        .import(&[device("new", "createOrUpdateIfMatchETag", 1)])
        .await;
    assert_eq!(made, [] as [Value; 0]);
}

#[tokio::test]
async fn an_export_without_keys_says_so_and_has_none() {
    let plant = Plant::new().await;
    plant.import(&[device("pump-7", "create", 1)]).await;

    plant.export(true).await;

    let text = plant.get("devices.txt");
    assert!(!text.starts_with('{'));
    assert!(!text.contains(KEY));
    assert_eq!(
        plant.import(&plant.lines("devices.txt")).await,
        [] as [Value; 0]
    );
}

#[tokio::test]
async fn a_snapshot_holds_nothing_that_is_written_later() {
    let plant = Plant::new().await;
    let lines: Vec<_> = (0..1_200)
        .map(|n| device(&format!("d-{n:04}"), "create", 0))
        .collect();
    plant.import(&lines).await;

    let mut snapshot = plant.engine.registry_snapshot(&hub_name()).await.unwrap();
    plant
        .import(&[device("d-1199", "updateTwin", 1), device("e", "create", 1)])
        .await;
    let mut found = Vec::new();
    loop {
        let batch = snapshot.next().await.unwrap();
        if batch.is_empty() {
            break;
        }
        found.extend(batch);
    }

    assert_eq!(snapshot.identities(), 1_200);
    assert_eq!(found.len(), 1_200);
    assert!(found.is_sorted_by_key(|(_, twin)| twin.id.clone()));
    let last = Value::Object(found[1_199].1.tags.clone());
    assert_eq!(last, json!({"n": 0}));
}

#[tokio::test]
async fn what_is_missing_is_refused_at_once_and_is_no_job() {
    let plant = Plant::new().await;

    let refused = plant.start_import().await;

    assert!(matches!(refused, Err(StartTransferError::Container(_))));
    let permit = plant.caller.registry_read().unwrap();
    assert_eq!(plant.transfers.jobs(&permit).await.unwrap(), []);
}

#[tokio::test]
async fn a_name_that_no_blob_can_have_is_refused_at_once_and_is_no_job() {
    let plant = Plant::new().await;

    let refused = plant.start_export_into("../../x", true).await;

    assert!(matches!(refused, Err(StartTransferError::Container(_))));
    let permit = plant.caller.registry_read().unwrap();
    assert_eq!(plant.transfers.jobs(&permit).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_exports_that_begin_at_once_one_is_started_and_the_others_find_it_busy() {
    let plant = Plant::new().await;

    let (one, two, three) = tokio::join!(
        plant.start_export(true),
        plant.start_export(true),
        plant.start_export(true)
    );

    let (started, refused): (Vec<_>, Vec<_>) =
        [one, two, three].into_iter().partition(Result::is_ok);
    assert_eq!(started.len(), 1);
    for refusal in refused {
        assert!(
            matches!(refusal, Err(StartTransferError::Busy(_))),
            "{refusal:?}"
        );
    }
    let started = started.into_iter().next().unwrap().unwrap();
    assert!(matches!(plant.ended(&started).await, Ended::Completed));
}
