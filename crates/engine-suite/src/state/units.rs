//! Units of work: preconditions, order, all or nothing.

use std::collections::BTreeSet;

use serde_json::json;
use twinhub_core::identities::Identity;
use twinhub_core::ids::IdentityId;
use twinhub_core::ports::{Change, Record, RecordKey, Revision};
use twinhub_core::twins::Twin;

use crate::Storage;
use crate::fixture::{
    Fixture, NOW, desire, device, device_id, disabled, insert_device, remove_identity,
    replace_device,
};

/// One refused step, and nothing of the others is written.
pub async fn a_unit_is_all_or_nothing(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let before = fixture.device("pump-7").await.unwrap();
    let twin = fixture.twin(&pump).await.unwrap();
    let mut desired = twin.value.clone();
    desire(&mut desired, json!({"speed": 3}));

    let mut changes = insert_device(device("valve-1"));
    changes.push(replace_device(disabled("pump-7"), before.revision));
    changes.push(Change::Replace(Record::Twin(desired), twin.revision));
    changes.extend(insert_device(device("pump-7")));
    let over = fixture.conflict(changes).await;

    assert_eq!(over, RecordKey::Identity(pump.clone()));
    assert_eq!(fixture.device("valve-1").await, None);
    assert_eq!(fixture.device("pump-7").await, Some(before));
    assert_eq!(fixture.twin(&pump).await, Some(twin));
}

/// The steps of a unit are done in order.
pub async fn steps_see_the_steps_before_them(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let revision = fixture.revision(&pump).await;

    let mut changes = vec![remove_identity(&pump, revision)];
    changes.extend(insert_device(disabled("pump-7")));
    fixture.commit(changes).await;

    let namesake = fixture.device("pump-7").await.unwrap();
    assert_eq!(namesake.value.status, disabled("pump-7").status);
    let mut twice = insert_device(device("valve-1"));
    twice.extend(insert_device(device("valve-1")));
    let valve = IdentityId::from(device_id("valve-1"));
    assert_eq!(
        fixture.conflict(twice).await,
        RecordKey::Identity(valve.clone())
    );
}

/// What exists can't be inserted.
pub async fn an_insert_needs_absence(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let identity = Change::Insert(Record::Identity(Identity::Device(device("pump-7"))));
    let twin = Change::Insert(Record::Twin(Twin::new(pump.clone(), NOW)));

    assert_eq!(
        fixture.conflict(vec![identity]).await,
        RecordKey::Identity(pump.clone())
    );
    assert_eq!(fixture.conflict(vec![twin]).await, RecordKey::Twin(pump));
}

/// Only the revision that was read can be replaced.
pub async fn a_replacement_needs_the_revision(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let first = fixture.device("pump-7").await.unwrap().revision;
    let twin = fixture.twin(&pump).await.unwrap();

    fixture
        .commit(vec![replace_device(disabled("pump-7"), first)])
        .await;
    fixture
        .commit(vec![Change::Replace(
            Record::Twin(twin.value.clone()),
            twin.revision,
        )])
        .await;

    let stale = replace_device(device("pump-7"), first);
    assert_eq!(
        fixture.conflict(vec![stale]).await,
        RecordKey::Identity(pump.clone())
    );
    let stale = Change::Replace(Record::Twin(twin.value), twin.revision);
    assert_eq!(fixture.conflict(vec![stale]).await, RecordKey::Twin(pump));
    let missing = replace_device(device("valve-1"), first);
    assert_eq!(
        fixture.conflict(vec![missing]).await,
        RecordKey::Identity(device_id("valve-1").into())
    );
}

/// Two units that fence the same record can't both succeed.
pub async fn a_fence_lets_one_of_two_through(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let key = RecordKey::Identity(pump.clone());
    let read = fixture.revision(&pump).await;
    let fence = |valve: &str| {
        let mut changes = vec![Change::Fence(key.clone(), read)];
        changes.extend(insert_device(device(valve)));
        changes
    };

    fixture.commit(fence("valve-1")).await;
    let over = fixture.conflict(fence("valve-2")).await;

    assert_eq!(over, key);
    assert_eq!(fixture.device("valve-2").await, None);
    let twin = fixture.twin(&pump).await.unwrap();
    let twin_key = RecordKey::Twin(pump);
    let fence = Change::Fence(twin_key.clone(), twin.revision);
    fixture.commit(vec![fence.clone()]).await;
    assert_eq!(fixture.conflict(vec![fence]).await, twin_key);
}

/// A fenced record is what it was, at a new revision.
pub async fn a_fence_changes_nothing_but_the_revision(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let before = fixture.device("pump-7").await.unwrap();
    let twin = fixture.twin(&pump).await;

    let fence = Change::Fence(RecordKey::Identity(pump.clone()), before.revision);
    fixture.commit(vec![fence]).await;

    let after = fixture.device("pump-7").await.unwrap();
    assert_eq!(after.value, before.value);
    assert_ne!(after.revision, before.revision);
    assert_eq!(fixture.twin(&pump).await, twin);
}

/// A twin without identity is refused.
pub async fn a_twin_needs_its_identity(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = IdentityId::from(device_id("pump-7"));
    let twin = Twin::new(pump.clone(), NOW);

    let over = fixture
        .conflict(vec![Change::Insert(Record::Twin(twin))])
        .await;

    assert_eq!(over, RecordKey::Identity(pump));
}

/// Not for another record, not for the next version, not for a namesake.
pub async fn a_revision_is_never_given_twice(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = IdentityId::from(device_id("pump-7"));
    let mut seen = BTreeSet::new();
    let mut note = |revision: Revision| assert!(seen.insert(revision), "{revision:?} came twice");

    for _ in 0..5 {
        fixture.with_device("pump-7").await;
        let created = fixture.device("pump-7").await.unwrap().revision;
        note(created);
        note(fixture.twin(&pump).await.unwrap().revision);
        let replaced = replace_device(disabled("pump-7"), created);
        fixture.commit(vec![replaced]).await;
        note(fixture.device("pump-7").await.unwrap().revision);
        // A refused unit gives nothing back.
        fixture.conflict(insert_device(device("pump-7"))).await;
        fixture.remove(&pump).await;
    }
}

/// Nothing to do is done.
pub async fn an_empty_unit_succeeds(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;

    fixture.commit(Vec::new()).await;
}
