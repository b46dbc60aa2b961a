//! Hubs and their policies.

use twinhub_core::hubs::HubRecord;
use twinhub_core::ids::HubName;
use twinhub_core::policies::{Policy, Rights};
use twinhub_core::ports::{Change, Record, RecordKey, StateStore, Stored, UnitOfWork};

use crate::Storage;
use crate::fixture::{Fixture, device, hub_name, insert_device, keys, policy_name};

fn policy(name: &str, rights: Rights) -> Policy {
    Policy {
        name: policy_name(name),
        keys: keys(),
        rights,
    }
}

fn insert(policy: &Policy) -> Change {
    Change::Insert(Record::Policy(policy.clone()))
}

async fn policies(store: &dyn StateStore, hub: &HubName) -> Vec<Stored<Policy>> {
    store.policies(hub).await.unwrap()
}

/// Those that were removed are not.
pub async fn the_stored_hubs_are_listed_by_name(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    for name in ["harbour", "Airport"] {
        fixture.add_hub(&hub_name(name)).await;
    }
    let names = ["Airport", "harbour", "plant"].map(hub_name);
    assert_eq!(fixture.store.hubs().await.unwrap(), names);

    let found = fixture.store.hub(&names[1]).await.unwrap().unwrap();
    let removal = vec![Change::Remove(RecordKey::Hub, found.revision)];
    let work = UnitOfWork::new(names[1].clone(), removal);
    fixture.store.commit(work).await.unwrap();

    let fixture = fixture.reopen().await;
    let left = ["Airport", "plant"].map(hub_name);
    assert_eq!(fixture.store.hubs().await.unwrap(), left);
}

/// Whatever order they were written in; case does not count.
pub async fn a_hub_comes_back_with_its_policies_by_name(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let hub = hub_name("harbour");
    let record = HubRecord {
        name: hub.clone(),
        etag: u64::MAX,
    };
    let written = [
        policy("device", Rights::DEVICE_CONNECT),
        policy("Owner", Rights::all()),
        policy("service", Rights::SERVICE_CONNECT | Rights::REGISTRY_READ),
    ];

    let mut changes = vec![Change::Insert(Record::Hub(record.clone()))];
    changes.extend([2, 0, 1].map(|n| insert(&written[n])));
    let work = UnitOfWork::new(hub.clone(), changes);
    fixture.store.commit(work).await.unwrap();

    let found = fixture.store.hub(&hub).await.unwrap().unwrap();
    assert_eq!(found.value, record);
    let found = policies(&*fixture.store, &hub).await.into_iter();
    let values: Vec<_> = found.map(|policy| policy.value).collect();
    assert_eq!(values, written);
    assert_eq!(policies(&*fixture.store, &fixture.hub).await, []);
    let nowhere = hub_name("nowhere");
    assert_eq!(fixture.store.hub(&nowhere).await.unwrap(), None);
}

/// Two names that differ in case alone are one name.
pub async fn the_case_of_a_policy_name_does_not_matter(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    fixture
        .commit(vec![insert(&policy("Service", Rights::all()))])
        .await;

    let second = policy("SERVICE", Rights::all());
    let over = fixture.conflict(vec![insert(&second)]).await;

    assert_eq!(over, RecordKey::Policy(policy_name("SERVICE")));
    let stored = policies(&*fixture.store, &fixture.hub).await;
    let change = Change::Replace(Record::Policy(second.clone()), stored[0].revision);
    fixture.commit(vec![change]).await;
    let stored = policies(&*fixture.store, &fixture.hub).await;
    assert_eq!(stored[0].value, second);
}

/// Fences work, too.
pub async fn policies_are_replaced_and_removed_at_their_revision(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let first = policy("service", Rights::SERVICE_CONNECT);
    let key = RecordKey::Policy(first.name.clone());
    fixture.commit(vec![insert(&first)]).await;
    let read = policies(&*fixture.store, &fixture.hub).await[0].revision;

    let second = policy("service", Rights::all());
    let replace = Change::Replace(Record::Policy(second.clone()), read);
    fixture.commit(vec![replace.clone()]).await;

    assert_eq!(fixture.conflict(vec![replace]).await, key);
    let stale = Change::Remove(key.clone(), read);
    assert_eq!(fixture.conflict(vec![stale]).await, key);
    let stored = policies(&*fixture.store, &fixture.hub).await;
    assert_eq!(stored[0].value, second);
    let fence = Change::Fence(key.clone(), stored[0].revision);
    fixture.commit(vec![fence.clone()]).await;
    assert_eq!(fixture.conflict(vec![fence]).await, key);
    let read = policies(&*fixture.store, &fixture.hub).await[0].revision;
    fixture.commit(vec![Change::Remove(key, read)]).await;
    assert_eq!(policies(&*fixture.store, &fixture.hub).await, []);
}

/// The second one conflicts.
pub async fn a_hub_is_inserted_once(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let stored = fixture.store.hub(&fixture.hub).await.unwrap().unwrap();

    let again = Change::Insert(Record::Hub(stored.value.clone()));
    assert_eq!(fixture.conflict(vec![again]).await, RecordKey::Hub);

    let next = HubRecord {
        etag: 2,
        ..stored.value
    };
    let replace = Change::Replace(Record::Hub(next.clone()), stored.revision);
    fixture.commit(vec![replace.clone()]).await;
    assert_eq!(fixture.conflict(vec![replace]).await, RecordKey::Hub);
    let found = fixture.store.hub(&fixture.hub).await.unwrap().unwrap();
    assert_eq!(found.value, next);
    let fence = Change::Fence(RecordKey::Hub, found.revision);
    fixture.commit(vec![fence.clone()]).await;
    assert_eq!(fixture.conflict(vec![fence]).await, RecordKey::Hub);
}

/// What is in it must be removed by name, before or along.
pub async fn a_hub_that_holds_something_cannot_be_removed(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let read = fixture.store.hub(&fixture.hub).await.unwrap().unwrap();
    let remove = Change::Remove(RecordKey::Hub, read.revision);

    let over = fixture.conflict(vec![remove.clone()]).await;

    assert_eq!(over, RecordKey::Hub);
    fixture.remove(&pump).await;
    fixture.commit(vec![remove]).await;
    assert_eq!(fixture.store.hub(&fixture.hub).await.unwrap(), None);
}

/// The hub is what is missing.
pub async fn nothing_is_written_into_a_missing_hub(storage: impl Storage) {
    let mut fixture = Fixture::new(storage).await;
    fixture.hub = hub_name("nowhere");

    let over = fixture.conflict(insert_device(device("pump-7"))).await;
    assert_eq!(over, RecordKey::Hub);

    let policy = policy("service", Rights::all());
    assert_eq!(
        fixture.conflict(vec![insert(&policy)]).await,
        RecordKey::Hub
    );
    assert_eq!(fixture.page(None, 10).await, Vec::<String>::new());
}
