//! The books of all hubs: what the store holds, and the ends of jobs that it
//! has not taken yet.
//!
//! A job has ended when its end is noted here: everyone sees it from then on,
//! and no other job is held up by it. The store learns it as soon as it takes
//! writes. An end that it has not learned when the process goes is lost: the
//! next one finds the job active.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::book::TransferBook;
use super::job::{Ended, TransferId};
use crate::ids::HubName;
use crate::ports::{
    Change, CommitError, Conflict, Record, RecordKey, StateStore, StoreError, UnitOfWork,
};
use crate::time::{Clock, Timestamp};

/// How long to wait before the end of a job is tried to be saved again.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Ledger {
    store: Arc<dyn StateStore>,
    clock: Arc<dyn Clock>,
    unsaved: Mutex<HashMap<TransferId, Unsaved>>,
}

/// An end that the store may not have.
#[derive(Clone)]
struct Unsaved {
    hub: HubName,
    at: Timestamp,
    how: Ended,
}

impl Ledger {
    pub(super) fn new(store: Arc<dyn StateStore>, clock: Arc<dyn Clock>) -> Self {
        Ledger {
            store,
            clock,
            unsaved: Mutex::default(),
        }
    }

    /// The hubs that may have a book.
    pub(super) async fn hubs(&self) -> Result<Vec<HubName>, StoreError> {
        self.store.hubs().await
    }

    /// A hub's book as it is now.
    pub(super) async fn book(&self, hub: &HubName) -> Result<TransferBook, StoreError> {
        // Before the store is asked: an end that it has by then is noted twice.
        let ends = self.ends_of(hub);
        let stored = self.store.transfer_book(hub).await?;
        let mut book = stored.map(|stored| stored.value).unwrap_or_default();
        end_all(&mut book, &ends);
        Ok(book)
    }

    /// Changes a hub's book, which `change` says whether it did; starts over
    /// if somebody was quicker.
    pub(super) async fn change<E: From<StoreError>>(
        &self,
        hub: &HubName,
        change: impl Fn(&mut TransferBook) -> Result<bool, E>,
    ) -> Result<TransferBook, E> {
        loop {
            let ends = self.ends_of(hub);
            let stored = self.store.transfer_book(hub).await?;
            let revision = stored.as_ref().map(|stored| stored.revision);
            let mut book = stored.map(|stored| stored.value).unwrap_or_default();
            let has_ends = end_all(&mut book, &ends);
            if !change(&mut book)? && !has_ends {
                return Ok(book);
            }
            let record = Record::TransferBook(book.clone());
            let change = match revision {
                None => Change::Insert(record),
                Some(revision) => Change::Replace(record, revision),
            };
            let work = UnitOfWork::new(hub.clone(), vec![change]);
            match self.store.commit(work).await {
                Ok(()) => return Ok(book),
                Err(CommitError::Conflict(Conflict(RecordKey::Hub))) => {
                    let gone = Conflict(RecordKey::Hub);
                    return Err(StoreError::not_written("the hub is gone", gone).into());
                }
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// Saves the ends that are noted of a hub's jobs.
    pub(super) async fn save(&self, hub: &HubName) -> Result<(), StoreError> {
        let nothing_more = |_: &mut TransferBook| Ok::<_, StoreError>(false);
        self.change(hub, nothing_more).await.map(drop)
    }

    /// Notes how a job has ended.
    pub(super) fn note(&self, hub: &HubName, id: &TransferId, how: Ended) {
        let (hub, at) = (hub.clone(), self.clock.now());
        let end = Unsaved { hub, at, how };
        self.lock().insert(id.clone(), end);
    }

    /// Saves a noted end, however long that takes; a hub that stops tries once
    /// more.
    pub(super) async fn save_end(
        &self,
        hub: &HubName,
        id: &TransferId,
        stopping: &CancellationToken,
    ) {
        let mut is_told = false;
        while let Err(error) = self.save(hub).await {
            if !mem::replace(&mut is_told, true) {
                tracing::error!(job = %id, %error, "the end of an import or export is not saved yet");
            }
            if stopping.is_cancelled() {
                return;
            }
            let patience = tokio::time::sleep(PATIENCE);
            stopping.run_until_cancelled(patience).await;
        }
        self.lock().remove(id);
    }

    fn ends_of(&self, hub: &HubName) -> Vec<(TransferId, Unsaved)> {
        let unsaved = self.lock();
        let ends = unsaved.iter().filter(|(_, end)| end.hub == *hub);
        ends.map(|(id, end)| (id.clone(), end.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TransferId, Unsaved>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one of them was not in the book.
fn end_all(book: &mut TransferBook, ends: &[(TransferId, Unsaved)]) -> bool {
    let ended = ends
        .iter()
        .filter(|(id, end)| book.end(id, end.how.clone(), end.at));
    ended.count() > 0
}
