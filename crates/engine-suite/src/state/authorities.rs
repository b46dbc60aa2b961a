//! Authorities that issue devices' certificates.

use twinhub_core::certificates::{Authority, Certificate, CertificateName};
use twinhub_core::ports::{Change, Record, RecordKey, StateStore, Stored};
use twinhub_core::time::Timestamp;

use crate::Storage;
use crate::fixture::Fixture;

fn authority(name: &str, code: Option<&str>) -> Authority {
    let sample = include_str!("../../../x509/samples/ca.pem");
    Authority {
        name: CertificateName::parse(name).unwrap(),
        certificate: Certificate::from_text(sample).unwrap(),
        verified: code.is_none(),
        code: code.map(str::to_owned),
        created: Timestamp::from_unix_seconds(1),
        updated: Timestamp::from_unix_seconds(2),
        version: u64::MAX,
    }
}

async fn authorities(fixture: &Fixture) -> Vec<Stored<Authority>> {
    let store: &dyn StateStore = &*fixture.store;
    store.authorities(&fixture.hub).await.unwrap()
}

/// By name, whatever its case.
pub async fn authorities_come_back_as_they_were_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let (waiting, verified) = (authority("Plant", Some("00FF")), authority("hall", None));
    let insert = |it: &Authority| Change::Insert(Record::Authority(it.clone()));
    fixture
        .commit(vec![insert(&waiting), insert(&verified)])
        .await;

    let found = authorities(&fixture).await.into_iter();
    let found: Vec<_> = found.map(|stored| stored.value).collect();
    assert_eq!(found, [verified, waiting]);

    let namesake = authority("PLANT", None);
    let key = RecordKey::Authority(namesake.name.clone());
    assert_eq!(fixture.conflict(vec![insert(&namesake)]).await, key);
}

/// Fences work, too.
pub async fn authorities_are_replaced_and_removed_at_their_revision(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let first = authority("plant", Some("00FF"));
    let key = RecordKey::Authority(first.name.clone());
    let insert = Change::Insert(Record::Authority(first));
    fixture.commit(vec![insert]).await;
    let read = authorities(&fixture).await[0].revision;

    let second = authority("plant", None);
    let replace = Change::Replace(Record::Authority(second.clone()), read);
    fixture.commit(vec![replace.clone()]).await;

    assert_eq!(fixture.conflict(vec![replace]).await, key);
    let stale = Change::Remove(key.clone(), read);
    assert_eq!(fixture.conflict(vec![stale]).await, key);
    let stored = authorities(&fixture).await;
    assert_eq!(stored[0].value, second);
    let fence = Change::Fence(key.clone(), stored[0].revision);
    fixture.commit(vec![fence.clone()]).await;
    assert_eq!(fixture.conflict(vec![fence]).await, key);
    let read = authorities(&fixture).await[0].revision;
    fixture.commit(vec![Change::Remove(key, read)]).await;
    assert_eq!(authorities(&fixture).await, []);
}
