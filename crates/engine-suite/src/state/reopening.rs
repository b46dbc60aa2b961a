//! What is committed outlives the engine.

use serde_json::json;
use twinhub_core::policies::{Policy, Rights};
use twinhub_core::ports::{Change, Record, SessionRecord};

use crate::Storage;
use crate::fixture::{Fixture, activity, desire, device_id, keys, module_id, policy_name};

/// Every kind of record, at its revision.
pub async fn everything_is_there_after_reopening(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    fixture.with_module("pump-7", "sensor").await;
    let policy = Policy {
        name: policy_name("service"),
        keys: keys(),
        rights: Rights::SERVICE_CONNECT,
    };
    let found = fixture.twin(&pump).await.unwrap();
    let mut twin = found.value;
    desire(&mut twin, json!({"speed": 3}));
    let kept = SessionRecord {
        identity: pump.clone(),
        state: vec![1, 2, 3],
    };
    let changes = vec![
        Change::Insert(Record::Policy(policy)),
        Change::Replace(Record::Twin(twin), found.revision),
        Change::PutSession(kept, fixture.enter(&pump)),
    ];
    fixture.commit(changes).await;
    let batch = vec![(pump.clone(), activity(5))];
    let recorded = fixture.store.record_activity(&fixture.hub, batch).await;
    recorded.unwrap();

    let before = Everything::of(&fixture).await;
    let fixture = fixture.reopen().await;

    assert_eq!(Everything::of(&fixture).await, before);
    assert_eq!(fixture.recorder.heard(), []);
}

#[derive(Debug, PartialEq)]
struct Everything(Vec<String>);

impl Everything {
    async fn of(fixture: &Fixture) -> Self {
        let (store, hub) = (&fixture.store, &fixture.hub);
        let (device, module) = (device_id("pump-7"), module_id("sensor"));
        let policies = store.policies(hub).await.unwrap();
        assert_eq!(policies.len(), 1);
        // Debug hides keys, so they are looked at by hand.
        let secret = policies[0].value.keys.secondary.expose().to_owned();
        let kept = store.session(hub, &device.clone().into()).await.unwrap();
        assert!(kept.is_some());
        Everything(vec![
            format!("{:?}", store.hub(hub).await.unwrap()),
            format!("{policies:?}"),
            secret,
            format!("{:?}", store.module(hub, &device, &module).await.unwrap()),
            format!("{:?}", store.twin(hub, &device.into()).await.unwrap()),
            format!("{kept:?}"),
            format!("{:?}", store.counts(hub).await.unwrap()),
        ])
    }
}

/// Not even those of records that are gone.
pub async fn revisions_are_not_given_again_after_reopening(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let fence = |revision| Change::Fence(twinhub_core::ports::RecordKey::Hub, revision);
    let hub = fixture.store.hub(&fixture.hub).await.unwrap().unwrap();
    fixture.commit(vec![fence(hub.revision)]).await;
    let newest = fixture.store.hub(&fixture.hub).await.unwrap().unwrap();
    let before = [
        hub.revision,
        newest.revision,
        fixture.revision(&pump).await,
        fixture.twin(&pump).await.unwrap().revision,
    ];
    fixture.remove(&pump).await;

    let fixture = fixture.reopen().await;
    fixture.with_device("pump-7").await;

    let after = [
        fixture.revision(&pump).await,
        fixture.twin(&pump).await.unwrap().revision,
    ];
    assert!(after.iter().all(|revision| !before.contains(revision)));
}
