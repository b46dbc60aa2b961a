//! What the registry tells of what it does, if somebody wants to know.
//!
//! The body of an event is the twin. Where a unit of work does not write the
//! twin itself, it fences it: what is told is what was there at that moment.

use super::Registry;
use crate::hubs::Hub;
use crate::identities::Identity;
use crate::ids::{IdentityId, ModuleId};
use crate::notifications::{About, NewEvent, TwinPart};
use crate::ports::{Change, RecordKey, StoreError, Stored};
use crate::time::Timestamp;
use crate::twins::{Section, Twin};

/// An event, and the fence that keeps it true.
pub(in crate::identities) struct Told {
    pub fence: Change,
    pub event: NewEvent,
}

/// How far a twin was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::identities) struct TwinVersions {
    etag: u64,
    desired: u64,
    reported: u64,
}

impl TwinVersions {
    pub(in crate::identities) fn of(twin: &Twin) -> Self {
        TwinVersions {
            etag: twin.etag,
            desired: twin.desired.version,
            reported: twin.reported.version,
        }
    }
}

impl Registry {
    /// Of an identity that is made with this twin. Modules that the edge
    /// runtime manages are told of while it runs.
    pub(super) fn tell_created(
        &self,
        hub: &Hub,
        identity: &Identity,
        twin: &Twin,
        now: Timestamp,
    ) -> Option<NewEvent> {
        let is_told = self.teller.wants_lifecycle(hub.name())
            && match identity {
                Identity::Device(_) => true,
                Identity::Module(module) => {
                    !module.is_managed_by_edge() || self.edge_runs(hub, &twin.id)
                }
            };
        is_told.then(|| {
            let about = about(hub, &twin.id, identity, now);
            self.teller.created(&about, twin)
        })
    }

    fn edge_runs(&self, hub: &Hub, id: &IdentityId) -> bool {
        [ModuleId::edge_agent(), ModuleId::edge_hub()]
            .into_iter()
            .any(|module| {
                let id = IdentityId::module(id.device_id().clone(), module);
                self.sessions.is_connected(hub.name(), &id)
            })
    }

    /// Of an identity that goes. Its twin may be gone already: then so is it.
    pub(super) async fn tell_deleted(
        &self,
        hub: &Hub,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Option<Told>, StoreError> {
        if !self.teller.wants_lifecycle(hub.name()) {
            return Ok(None);
        }
        let twin = self.store.twin(hub.name(), &identity.id()).await?;
        Ok(twin.map(|(_, twin)| {
            let about = about(hub, &twin.value.id, identity, now);
            told(&twin, self.teller.deleted(&about, &twin.value))
        }))
    }

    /// Of a module whose keys or manager are written, and whose twin is not.
    pub(super) async fn tell_updated(
        &self,
        hub: &Hub,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Option<Told>, StoreError> {
        if !self.teller.wants_update_of(hub.name(), identity) {
            return Ok(None);
        }
        let twin = self.store.twin(hub.name(), &identity.id()).await?;
        Ok(twin.and_then(|(_, twin)| self.tell_updated_with(hub, identity, &twin, now)))
    }

    /// The same, of a module with this twin.
    pub(in crate::identities) fn tell_updated_with(
        &self,
        hub: &Hub,
        identity: &Identity,
        twin: &Stored<Twin>,
        now: Timestamp,
    ) -> Option<Told> {
        self.teller
            .wants_update_of(hub.name(), identity)
            .then(|| told(twin, self.updated_event(hub, identity, &twin.value, now)))
    }

    /// The same, of a module whose twin is written along.
    pub(super) fn tell_updated_along(
        &self,
        hub: &Hub,
        identity: &Identity,
        twin: &Twin,
        now: Timestamp,
    ) -> Option<NewEvent> {
        self.teller
            .wants_update_of(hub.name(), identity)
            .then(|| self.updated_event(hub, identity, twin, now))
    }

    fn updated_event(
        &self,
        hub: &Hub,
        identity: &Identity,
        twin: &Twin,
        now: Timestamp,
    ) -> NewEvent {
        let about = about(hub, &twin.id, identity, now);
        self.teller.updated(&about, twin)
    }

    /// Of a twin that was at these versions, and of which parts were
    /// overwritten.
    pub(in crate::identities) fn tell_overwritten(
        &self,
        hub: &Hub,
        identity: &Identity,
        before: TwinVersions,
        twin: &Twin,
        now: Timestamp,
    ) -> Vec<NewEvent> {
        let about = about(hub, &twin.id, identity, now);
        let is_new = |section: &Section, before| section.version != before;
        let desired = is_new(&twin.desired, before.desired)
            .then_some(TwinPart::Desired(&twin.desired.properties));
        let reported = is_new(&twin.reported, before.reported)
            .then_some(TwinPart::Reported(&twin.reported.properties));
        let parts: Vec<_> = [desired, reported].into_iter().flatten().collect();
        self.teller.twin_replaced(&about, twin, &parts)
    }
}

fn about<'a>(hub: &'a Hub, id: &'a IdentityId, identity: &Identity, at: Timestamp) -> About<'a> {
    About {
        hub: hub.name(),
        id,
        generation: identity.generation(),
        at,
    }
}

fn told(twin: &Stored<Twin>, event: NewEvent) -> Told {
    let key = RecordKey::Twin(twin.value.id.clone());
    Told {
        fence: Change::Fence(key, twin.revision),
        event,
    }
}
