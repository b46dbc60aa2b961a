//! Removal, and what goes along.

use twinhub_core::ports::{Change, RecordKey, SessionRecord};
use twinhub_core::presence::Activity;

use crate::Storage;
use crate::fixture::{
    Fixture, activity, device_id, disabled, module_id, remove_identity, replace_device,
};

/// Twin, session and activity go with their identity, whatever they hold.
pub async fn an_identity_takes_what_is_its_own_along(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let kept = SessionRecord {
        identity: pump.clone(),
        state: b"subscriptions".to_vec(),
    };
    fixture
        .commit(vec![Change::PutSession(kept, fixture.enter(&pump))])
        .await;
    let batch = vec![(pump.clone(), activity(5))];
    let store = &fixture.store;
    store.record_activity(&fixture.hub, batch).await.unwrap();

    fixture.remove(&pump).await;

    assert_eq!(fixture.device("pump-7").await, None);
    assert_eq!(fixture.twin(&pump).await, None);
    assert_eq!(store.session(&fixture.hub, &pump).await.unwrap(), None);
}

/// What a removed identity left is not found by the next of that name.
pub async fn a_namesake_starts_anew(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let stale = fixture.revision(&pump).await;
    let stale_twin = fixture.twin(&pump).await.unwrap().revision;
    let kept = SessionRecord {
        identity: pump.clone(),
        state: b"subscriptions".to_vec(),
    };
    fixture
        .commit(vec![Change::PutSession(kept, fixture.enter(&pump))])
        .await;
    let batch = vec![(pump.clone(), activity(5))];
    let store = &fixture.store;
    store.record_activity(&fixture.hub, batch).await.unwrap();
    fixture.remove(&pump).await;

    fixture.with_device("pump-7").await;

    let found = store.device(&fixture.hub, &device_id("pump-7")).await;
    assert_eq!(found.unwrap().unwrap().activity, Activity::default());
    assert_eq!(store.session(&fixture.hub, &pump).await.unwrap(), None);
    let over = fixture
        .conflict(vec![replace_device(disabled("pump-7"), stale)])
        .await;
    assert_eq!(over, RecordKey::Identity(pump.clone()));
    let key = RecordKey::Twin(pump);
    let over = fixture
        .conflict(vec![Change::Fence(key.clone(), stale_twin)])
        .await;
    assert_eq!(over, key);
}

/// Modules are removed by name, in the same unit or not at all.
pub async fn a_device_does_not_take_its_modules_along(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let left = fixture.with_module("pump-7", "left").await;
    let gone = fixture.with_module("pump-7", "gone").await;

    let changes = vec![
        remove_identity(&pump, fixture.revision(&pump).await),
        remove_identity(&gone, fixture.revision(&gone).await),
    ];
    fixture.commit(changes).await;

    assert!(fixture.twin(&left).await.is_some());
    assert_eq!(fixture.twin(&gone).await, None);
    let (device, module) = fixture
        .store
        .module(&fixture.hub, &device_id("pump-7"), &module_id("left"))
        .await
        .unwrap();
    assert_eq!(device, None);
    assert!(module.is_some());
}

/// What changed since it was read is not removed.
pub async fn a_stale_removal_is_refused(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let read = fixture.revision(&pump).await;
    fixture
        .commit(vec![replace_device(disabled("pump-7"), read)])
        .await;

    let over = fixture.conflict(vec![remove_identity(&pump, read)]).await;

    assert_eq!(over, RecordKey::Identity(pump.clone()));
    assert!(fixture.twin(&pump).await.is_some());
    fixture.remove(&pump).await;
    let over = fixture.conflict(vec![remove_identity(&pump, read)]).await;
    assert_eq!(over, RecordKey::Identity(pump));
}
