//! What a gateway keeps for an identity between two connections.
//!
//! Core does not look into it: a gateway writes its own, versioned form, and
//! writes only when it changed, so that a reconnect storm writes nothing.
//!
//! Only the session in its identity's place may write. What it loads is
//! therefore final: an older session that is late is refused.

use std::sync::Arc;

use crate::access::DevicePermit;
use crate::ports::{
    Change, CommitError, Conflict, RecordKey, SessionNumber, SessionRecord, StateStore, StoreError,
    UnitOfWork,
};

/// Why a session's state was not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveSessionError {
    /// The identity is gone.
    #[error("the identity is no longer registered")]
    NotRegistered,
    /// The session that saves is no longer the identity's.
    #[error("a newer session has taken the identity's place")]
    Superseded,
    /// It could not be saved.
    #[error("could not save the session")]
    Store(#[from] StoreError),
}

/// The kept state of sessions.
pub struct StoredSessions {
    store: Arc<dyn StateStore>,
}

impl StoredSessions {
    /// Kept in a store.
    pub fn new(store: Arc<dyn StateStore>) -> Self {
        StoredSessions { store }
    }

    /// What was last saved for the identity. Asked for by its session, once
    /// that has its place.
    pub async fn load(&self, permit: &DevicePermit) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.store.session(permit.hub().name(), permit.id()).await?;
        Ok(found.map(|record| record.state))
    }

    /// Saves the identity's state in place of what was there.
    pub async fn save(
        &self,
        permit: &DevicePermit,
        session: SessionNumber,
        state: Vec<u8>,
    ) -> Result<(), SaveSessionError> {
        let record = SessionRecord {
            identity: permit.id().clone(),
            state,
        };
        self.commit(permit, Change::PutSession(record, session))
            .await
    }

    /// Forgets the identity's state.
    pub async fn discard(
        &self,
        permit: &DevicePermit,
        session: SessionNumber,
    ) -> Result<(), SaveSessionError> {
        let removal = Change::RemoveSession(permit.id().clone(), session);
        self.commit(permit, removal).await
    }

    async fn commit(&self, permit: &DevicePermit, change: Change) -> Result<(), SaveSessionError> {
        let work = UnitOfWork::new(permit.hub().name().clone(), vec![change]);
        match self.store.commit(work).await {
            Ok(()) => Ok(()),
            Err(CommitError::Conflict(Conflict(RecordKey::Session(_)))) => {
                Err(SaveSessionError::Superseded)
            }
            Err(CommitError::Conflict(_)) => Err(SaveSessionError::NotRegistered),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}
