//! Consumer groups.

use twinhub_core::consumer_groups::{ConsumerGroup, ConsumerGroupName};
use twinhub_core::ports::{Change, Record, RecordKey, StateStore, Stored};
use twinhub_core::time::Timestamp;

use crate::Storage;
use crate::fixture::Fixture;

fn group(name: &str, ticks: i64) -> ConsumerGroup {
    ConsumerGroup {
        name: ConsumerGroupName::parse(name).unwrap(),
        created: Some(Timestamp::from_ticks(ticks)),
    }
}

fn insert(group: &ConsumerGroup) -> Change {
    Change::Insert(Record::ConsumerGroup(group.clone()))
}

async fn groups(fixture: &Fixture) -> Vec<Stored<ConsumerGroup>> {
    let store: &dyn StateStore = &*fixture.store;
    store.consumer_groups(&fixture.hub).await.unwrap()
}

/// By name, whatever its case.
pub async fn consumer_groups_come_back_as_they_were_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let (reports, alarms) = (group("Reports", i64::MAX), group("alarms", 7));
    fixture
        .commit(vec![insert(&reports), insert(&alarms)])
        .await;

    let found = groups(&fixture).await.into_iter();
    let found: Vec<_> = found.map(|stored| stored.value).collect();
    assert_eq!(found, [alarms, reports]);

    let namesake = group("REPORTS", 9);
    let key = RecordKey::ConsumerGroup(namesake.name.clone());
    assert_eq!(fixture.conflict(vec![insert(&namesake)]).await, key);
}

/// Fences and replacements work, too; the hub can't go before its groups.
pub async fn consumer_groups_are_removed_at_their_revision(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let first = group("reports", 1);
    let key = RecordKey::ConsumerGroup(first.name.clone());
    fixture.commit(vec![insert(&first)]).await;
    let read = groups(&fixture).await[0].revision;

    let second = group("reports", 2);
    let replace = Change::Replace(Record::ConsumerGroup(second.clone()), read);
    fixture.commit(vec![replace.clone()]).await;

    assert_eq!(fixture.conflict(vec![replace]).await, key);
    let stale = Change::Remove(key.clone(), read);
    assert_eq!(fixture.conflict(vec![stale]).await, key);
    let stored = groups(&fixture).await;
    assert_eq!(stored[0].value, second);
    let fence = Change::Fence(key.clone(), stored[0].revision);
    fixture.commit(vec![fence.clone()]).await;
    assert_eq!(fixture.conflict(vec![fence]).await, key);
    let hub = fixture.store.hub(&fixture.hub).await.unwrap().unwrap();
    let remove_hub = Change::Remove(RecordKey::Hub, hub.revision);
    let over = fixture.conflict(vec![remove_hub.clone()]).await;
    assert_eq!(over, RecordKey::Hub);
    let read = groups(&fixture).await[0].revision;
    fixture
        .commit(vec![Change::Remove(key, read), remove_hub])
        .await;
    assert_eq!(groups(&fixture).await, []);
}
