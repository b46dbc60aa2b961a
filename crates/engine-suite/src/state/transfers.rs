//! A hub's imports and exports.

use twinhub_core::ports::{Change, Record, RecordKey, StateStore, Stored};
use twinhub_core::transfer::{Ended, TransferBook, TransferJob, TransferKind};

use crate::Storage;
use crate::fixture::{Fixture, NOW};

async fn book(fixture: &Fixture) -> Option<Stored<TransferBook>> {
    let store: &dyn StateStore = &*fixture.store;
    store.transfer_book(&fixture.hub).await.unwrap()
}

/// Jobs that ended in each way, and one that runs.
fn jobs() -> TransferBook {
    let reason = "the container refuses access".to_owned();
    let ends = [Ended::Completed, Ended::Failed { reason }, Ended::Cancelled];
    let mut book = TransferBook::default();
    for how in ends {
        let job = TransferJob::start(TransferKind::Export, true, NOW);
        book.start(job.clone()).unwrap();
        assert!(book.end(&job.id, how, NOW));
    }
    let running = TransferJob::start(TransferKind::Import, false, NOW);
    book.start(running).unwrap();
    book
}

/// Also by whoever opens the storage later.
pub async fn transfers_come_back_as_they_were_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    assert_eq!(book(&fixture).await, None);
    let written = jobs();

    let insert = Change::Insert(Record::TransferBook(written.clone()));
    fixture.commit(vec![insert]).await;

    let fixture = fixture.reopen().await;
    assert_eq!(book(&fixture).await.unwrap().value, written);
}

/// So that of two who start a job at once, one is refused.
pub async fn transfers_are_replaced_at_their_revision(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let insert = Change::Insert(Record::TransferBook(jobs()));
    fixture.commit(vec![insert.clone()]).await;
    let key = RecordKey::TransferBook;
    assert_eq!(fixture.conflict(vec![insert]).await, key);
    let read = book(&fixture).await.unwrap().revision;

    let empty = Record::TransferBook(TransferBook::default());
    let replace = Change::Replace(empty, read);
    fixture.commit(vec![replace.clone()]).await;

    assert_eq!(fixture.conflict(vec![replace]).await, key);
    let now = book(&fixture).await.unwrap();
    assert_eq!(now.value, TransferBook::default());
    fixture
        .commit(vec![Change::Fence(key.clone(), now.revision)])
        .await;
    let stale = Change::Remove(key.clone(), now.revision);
    assert_eq!(fixture.conflict(vec![stale]).await, key);
    let now = book(&fixture).await.unwrap().revision;
    fixture.commit(vec![Change::Remove(key, now)]).await;
    assert_eq!(book(&fixture).await, None);
}
