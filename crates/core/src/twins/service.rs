//! Reading and writing stored twins.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{InvalidProperties, Twin, TwinPatch};
use crate::access::{DevicePermit, ServicePermit};
use crate::etag::{Etag, Precondition};
use crate::hubs::Hub;
use crate::identities::{Identity, Standing};
use crate::ids::IdentityId;
use crate::notifications::{About, NewEvent, Teller, TwinPart};
use crate::ports::{
    Announcement, Change, CommitError, Record, Registered, StateStore, StoreError, Stored,
    UnitOfWork,
};
use crate::presence::PresenceBook;
use crate::time::{Clock, Timestamp};

/// A twin with what it mirrors of its identity.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinView {
    /// The identity.
    pub identity: Identity,
    /// Whether it is connected, and what waits for it.
    pub standing: Standing,
    /// The twin.
    pub twin: Twin,
}

/// How the back end writes a twin.
#[derive(Debug, Clone, PartialEq)]
pub enum TwinWrite {
    /// Merge.
    Patch(TwinPatch),
    /// Replace tags and desired properties as a whole.
    Replace(TwinPatch),
}

/// A patch of a device's reported properties.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedPatch {
    /// What to merge.
    pub properties: Map<String, Value>,
    /// The version that the section must be at, if the device named one.
    pub expected_version: Option<u64>,
}

/// Why a twin could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadTwinError {
    /// No such identity.
    #[error("{0} is not registered")]
    NotRegistered(IdentityId),
    /// It could not be read.
    #[error("could not read the twin")]
    Store(#[from] StoreError),
}

/// Why a twin was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteTwinError {
    /// No such identity.
    #[error("{0} is not registered")]
    NotRegistered(IdentityId),
    /// A stale ETag.
    #[error("twin {id} is at etag {current}, the request expected {expected}")]
    EtagMismatch {
        /// Whose twin.
        id: IdentityId,
        /// What it is at.
        current: Etag,
        /// What the caller saw.
        expected: Precondition,
    },
    /// Properties that break a rule.
    #[error(transparent)]
    Properties(#[from] InvalidProperties),
    /// It could not be saved.
    #[error("could not save the twin")]
    Store(#[from] StoreError),
}

/// Why reported properties were not written.
#[derive(Debug, thiserror::Error)]
pub enum PatchReportedError {
    /// The identity is gone.
    #[error("{0} is not registered")]
    NotRegistered(IdentityId),
    /// The section is at another version.
    #[error("the reported properties are at version {current}, the patch expected {expected}")]
    VersionMismatch {
        /// What it is at.
        current: u64,
        /// What the device saw.
        expected: u64,
    },
    /// Properties that break a rule.
    #[error(transparent)]
    Properties(#[from] InvalidProperties),
    /// It could not be saved.
    #[error("could not save the twin")]
    Store(#[from] StoreError),
}

/// The twins of all hubs.
pub struct Twins {
    store: Arc<dyn StateStore>,
    presence: Arc<PresenceBook>,
    clock: Arc<dyn Clock>,
    teller: Teller,
}

impl Twins {
    /// Twins over a store; nobody is told of their changes but their owners.
    pub fn new(
        store: Arc<dyn StateStore>,
        presence: Arc<PresenceBook>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Twins {
            store,
            presence,
            clock,
            teller: Teller::default(),
        }
    }

    /// The same, telling of what changes.
    pub fn telling(mut self, teller: Teller) -> Self {
        self.teller = teller;
        self
    }

    /// Reads a twin for the back end.
    pub async fn read(
        &self,
        permit: &ServicePermit,
        id: &IdentityId,
    ) -> Result<TwinView, ReadTwinError> {
        let hub = permit.hub();
        let found = self.store.twin(hub.name(), id).await?;
        let (registered, twin) = found.ok_or_else(|| ReadTwinError::NotRegistered(id.clone()))?;
        Ok(TwinView {
            standing: self.standing_of(hub, &registered),
            identity: registered.identity.value,
            twin: twin.value,
        })
    }

    /// Writes a twin for the back end; a live session that wants it is told
    /// of desired properties. A patch that says nothing writes nothing.
    pub async fn write(
        &self,
        permit: &ServicePermit,
        id: &IdentityId,
        write: &TwinWrite,
        if_match: &Precondition,
    ) -> Result<TwinView, WriteTwinError> {
        let hub = permit.hub();
        loop {
            let found = self.store.twin(hub.name(), id).await?;
            let (registered, Stored { revision, value }) =
                found.ok_or_else(|| WriteTwinError::NotRegistered(id.clone()))?;
            let before = value;
            if !if_match.accepts(&before.etag()) {
                return Err(WriteTwinError::EtagMismatch {
                    id: id.clone(),
                    current: before.etag(),
                    expected: if_match.clone(),
                });
            }
            let mut twin = before.clone();
            let now = self.clock.now();
            let seen = match write {
                TwinWrite::Patch(patch) if patch.is_empty() => None,
                TwinWrite::Patch(patch) => twin.patch(patch, now)?,
                TwinWrite::Replace(with) => twin.replace(with, now)?,
            };

            let is_changed = twin != before;
            let events = match is_changed {
                true => self.tell_written(hub, &registered, &twin, write, now),
                false => Vec::new(),
            };
            if !is_changed || self.save(hub, &twin, revision, seen, events).await? {
                if is_changed {
                    hub.traffic().twin_written();
                }
                return Ok(TwinView {
                    standing: self.standing_of(hub, &registered),
                    identity: registered.identity.value,
                    twin,
                });
            }
        }
    }

    /// Reads an identity's own twin.
    pub async fn read_own(&self, permit: &DevicePermit) -> Result<Twin, ReadTwinError> {
        let found = self.store.twin(permit.hub().name(), permit.id()).await?;
        let (_, twin) = found.ok_or_else(|| ReadTwinError::NotRegistered(permit.id().clone()))?;
        Ok(twin.value)
    }

    /// Merges what an identity reports; tells the new version.
    pub async fn report(
        &self,
        permit: &DevicePermit,
        patch: &ReportedPatch,
    ) -> Result<u64, PatchReportedError> {
        let (hub, id) = (permit.hub(), permit.id());
        loop {
            let found = self.store.twin(hub.name(), id).await?;
            let (
                registered,
                Stored {
                    revision,
                    mut value,
                },
            ) = found.ok_or_else(|| PatchReportedError::NotRegistered(id.clone()))?;
            let current = value.reported.version;
            if let Some(expected) = patch.expected_version
                && expected != current
            {
                return Err(PatchReportedError::VersionMismatch { current, expected });
            }
            let now = self.clock.now();
            value.report(&patch.properties, now)?;
            let about = about(hub, &registered, &value, now);
            let parts = [TwinPart::Reported(&patch.properties)];
            let events = self.teller.twin_updated(&about, &value, &parts);
            if self.save(hub, &value, revision, None, events).await? {
                hub.traffic().twin_written();
                return Ok(value.reported.version);
            }
        }
    }

    /// Notes the plug-and-play model that an identity announced.
    pub async fn announce_model(
        &self,
        permit: &DevicePermit,
        model_id: &str,
    ) -> Result<(), WriteTwinError> {
        let (hub, id) = (permit.hub(), permit.id());
        loop {
            let found = self.store.twin(hub.name(), id).await?;
            let (
                _,
                Stored {
                    revision,
                    mut value,
                },
            ) = found.ok_or_else(|| WriteTwinError::NotRegistered(id.clone()))?;
            if value.model_id == model_id {
                return Ok(());
            }
            value.model_id = model_id.to_owned();
            // No event tells of models.
            let events = Vec::new();
            if self.save(hub, &value, revision, None, events).await? {
                return Ok(());
            }
        }
    }

    fn tell_written(
        &self,
        hub: &Hub,
        registered: &Registered<Identity>,
        twin: &Twin,
        write: &TwinWrite,
        now: Timestamp,
    ) -> Vec<NewEvent> {
        let about = about(hub, registered, twin, now);
        match write {
            TwinWrite::Patch(patch) => {
                let tags = patch.tags.as_ref().map(TwinPart::Tags);
                let desired = patch.desired.as_ref().map(TwinPart::Desired);
                let parts: Vec<_> = tags.into_iter().chain(desired).collect();
                self.teller.twin_updated(&about, twin, &parts)
            }
            TwinWrite::Replace(_) => {
                let parts = [TwinPart::Desired(&twin.desired.properties)];
                self.teller.twin_replaced(&about, twin, &parts)
            }
        }
    }

    fn standing_of(&self, hub: &Hub, registered: &Registered<Identity>) -> Standing {
        let identity = &registered.identity.value;
        Standing {
            presence: self.presence.of(
                hub.name(),
                &identity.id(),
                identity.generation(),
                registered.activity,
            ),
            queued_messages: registered.queued_messages,
        }
    }

    /// Saves a twin that was read at `revision`; false if it changed since.
    async fn save(
        &self,
        hub: &Hub,
        twin: &Twin,
        revision: crate::ports::Revision,
        seen_by_device: Option<Value>,
        events: Vec<NewEvent>,
    ) -> Result<bool, StoreError> {
        let announcement = Announcement::of_desired(twin, seen_by_device);
        let work = UnitOfWork::new(
            hub.name().clone(),
            vec![Change::Replace(Record::Twin(twin.clone()), revision)],
        )
        .announcing(announcement.into_iter().collect())
        .with_events(events);
        match self.store.commit(work).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

fn about<'a>(
    hub: &'a Hub,
    registered: &Registered<Identity>,
    twin: &'a Twin,
    at: Timestamp,
) -> About<'a> {
    About {
        hub: hub.name(),
        id: &twin.id,
        generation: registered.identity.value.generation(),
        at,
    }
}
