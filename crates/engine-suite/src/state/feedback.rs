//! Feedback, and the book of its batches.

use std::time::Duration;

use twinhub_core::c2d::{
    FeedbackBook, FeedbackRecord, FeedbackStatus, Lock, LockToken, LockedBatch,
};
use twinhub_core::ids::IdentityId;
use twinhub_core::ports::{Change, FeedbackStock, Record, RecordKey, UnitOfWork};
use twinhub_core::time::Timestamp;

use crate::Storage;
use crate::fixture::{Fixture, NOW, device_id, hub_name, module_id};

fn record(message: &str, enqueued: Timestamp) -> FeedbackRecord {
    FeedbackRecord {
        original_message_id: Some(message.into()),
        enqueued,
        status: FeedbackStatus::Success,
        identity: device_id("pump-7").into(),
        generation: NOW,
    }
}

fn second(number: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(number))
}

impl Fixture {
    /// Appends records with these names, a second apart.
    async fn append(&self, messages: &[&str]) {
        let changes = (0..).zip(messages);
        self.commit(
            changes
                .map(|(number, message)| Change::AppendFeedback(record(message, second(number))))
                .collect(),
        )
        .await;
    }

    async fn feedback_after(&self, after: u64, limit: usize) -> Vec<(u64, String)> {
        let found = self.store.feedback(&self.hub, after, limit).await.unwrap();
        found
            .into_iter()
            .map(|found| {
                let message = found.record.original_message_id.unwrap_or_default();
                (found.number, message.into_string())
            })
            .collect()
    }

    async fn feedback_names(&self) -> Vec<String> {
        let found = self.feedback_after(0, usize::MAX).await;
        found.into_iter().map(|(_, message)| message).collect()
    }
}

/// Each status, with and without what is optional.
pub async fn feedback_comes_back_as_it_was_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let statuses = [
        FeedbackStatus::Success,
        FeedbackStatus::Expired,
        FeedbackStatus::DeliveryCountExceeded,
        FeedbackStatus::Rejected,
        FeedbackStatus::Purged,
    ];
    let mut written: Vec<_> = statuses
        .into_iter()
        .map(|status| FeedbackRecord {
            status,
            ..record("m \"1\"", NOW)
        })
        .collect();
    written[1].original_message_id = None;
    written[2].identity = IdentityId::module(device_id("pump-7"), module_id("sensor"));

    let changes = written.iter().cloned().map(Change::AppendFeedback);
    fixture.commit(changes.collect()).await;

    let found = fixture.store.feedback(&fixture.hub, 0, 10).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|found| found.record).collect();
    assert_eq!(found, written);
}

/// In the order of the commits, in pages; no number is given twice.
pub async fn feedback_is_numbered_and_read_in_pages(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    fixture.append(&["a", "b"]).await;
    fixture.append(&["c"]).await;

    let all = fixture.feedback_after(0, usize::MAX).await;
    assert_eq!(fixture.feedback_names().await, ["a", "b", "c"]);
    assert!(all.is_sorted());
    assert_eq!(fixture.feedback_after(all[0].0, 1).await, all[1..2]);
    assert_eq!(fixture.feedback_after(all[2].0, 10).await, []);

    let (first, last) = (all[0].0, all[2].0);
    fixture
        .commit(vec![Change::RemoveFeedback { first, last }])
        .await;
    let fixture = fixture.reopen().await;
    fixture.append(&["d"]).await;
    assert_eq!(fixture.feedback_after(last, 10).await.len(), 1);
}

/// Those between two numbers, and no others.
pub async fn feedback_is_removed_by_number(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    fixture.append(&["a", "b", "c", "d"]).await;
    let all = fixture.feedback_after(0, 10).await;

    let (first, last) = (all[1].0, all[2].0);
    for _ in 0..2 {
        fixture
            .commit(vec![Change::RemoveFeedback { first, last }])
            .await;
        assert_eq!(fixture.feedback_names().await, ["a", "d"]);
    }
}

/// By age, and then by number.
pub async fn too_much_feedback_is_trimmed(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    fixture.append(&["a", "b", "c", "d", "e"]).await;
    let trim = |before, keep| vec![Change::TrimFeedback { before, keep }];

    fixture
        .commit(trim(NOW.minus(Duration::from_secs(1)), 5))
        .await;
    assert_eq!(fixture.feedback_names().await.len(), 5);
    fixture.commit(trim(second(1), 5)).await;
    assert_eq!(fixture.feedback_names().await, ["c", "d", "e"]);
    fixture.commit(trim(NOW, 1)).await;
    assert_eq!(fixture.feedback_names().await, ["e"]);
}

/// Only hubs that have some.
pub async fn stocks_tell_how_much_feedback_there_is(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    fixture.add_hub(&hub_name("elsewhere")).await;
    assert_eq!(fixture.store.feedback_stocks().await.unwrap(), []);

    fixture.append(&["a", "b"]).await;

    let stock = FeedbackStock {
        hub: fixture.hub.clone(),
        records: 2,
        oldest: NOW,
    };
    assert_eq!(fixture.store.feedback_stocks().await.unwrap(), [stock]);
}

/// One per hub, at its revision, also after reopening.
pub async fn the_book_of_batches_is_written_at_its_revision(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let lock = Lock {
        token: LockToken::random(),
        until: NOW,
    };
    let batch = |records, lock| LockedBatch {
        records,
        made: NOW,
        delivery_count: 3,
        lock,
    };
    let book = FeedbackBook {
        batched_through: 9,
        batches: vec![batch((1, 4), Some(lock)), batch((5, 9), None)],
    };
    let hub = fixture.hub.clone();
    assert_eq!(fixture.store.feedback_book(&hub).await.unwrap(), None);

    let insert = Change::Insert(Record::FeedbackBook(book.clone()));
    fixture.commit(vec![insert.clone()]).await;
    assert_eq!(
        fixture.conflict(vec![insert]).await,
        RecordKey::FeedbackBook
    );
    let fixture = fixture.reopen().await;
    let found = fixture.store.feedback_book(&hub).await.unwrap().unwrap();
    assert_eq!(found.value, book);

    let empty = Record::FeedbackBook(FeedbackBook::default());
    let replace = Change::Replace(empty, found.revision);
    fixture.commit(vec![replace.clone()]).await;
    assert_eq!(
        fixture.conflict(vec![replace]).await,
        RecordKey::FeedbackBook
    );
}

/// Each hub has its own feedback and its own book.
pub async fn feedback_of_two_hubs_is_apart(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let elsewhere = hub_name("elsewhere");
    fixture.add_hub(&elsewhere).await;
    let book = Record::FeedbackBook(FeedbackBook::default());

    fixture.append(&["a"]).await;
    fixture.commit(vec![Change::Insert(book)]).await;

    let (store, found) = (&fixture.store, fixture.feedback_after(0, 1).await);
    assert_eq!(store.feedback(&elsewhere, 0, 10).await.unwrap(), []);
    assert_eq!(store.feedback_book(&elsewhere).await.unwrap(), None);
    let (first, last) = (0, found[0].0);
    let remove = vec![
        Change::RemoveFeedback { first, last },
        Change::TrimFeedback {
            before: second(9),
            keep: 0,
        },
    ];
    let work = UnitOfWork::new(elsewhere, remove);
    store.commit(work).await.unwrap();
    assert_eq!(fixture.feedback_names().await, ["a"]);
}
