//! Creating and replacing device identities.

use super::{Registry, TwinChange, insert};
use crate::access::RegistryWritePermit;
use crate::etag::Precondition;
use crate::hubs::Hub;
use crate::identities::device::{self, DeviceSpec, PutDeviceError};
use crate::identities::{
    DeviceIdentity, Identity, InvalidScope, ModuleIdentity, Standing, module, scope,
};
use crate::ids::IdentityId;
use crate::ports::{
    Announcement, Change, CommitError, Record, RecordKey, Registered, StoreError, UnitOfWork,
};
use crate::time::Timestamp;
use crate::twins::Twin;

impl Registry {
    /// Creates a device (no ETag) or replaces its identity (an ETag or the
    /// wildcard). `twin` changes the twin in the same unit of work.
    pub async fn put_device(
        &self,
        permit: &RegistryWritePermit,
        spec: DeviceSpec,
        if_match: &Precondition,
    ) -> Result<(DeviceIdentity, Standing), PutDeviceError> {
        self.put_device_and_twin(permit, spec, if_match, |_, _| Ok(None))
            .await
    }

    /// As [`put_device`](Self::put_device), with a change of the twin.
    pub(in crate::identities) async fn put_device_and_twin<
        E: From<PutDeviceError> + From<StoreError>,
    >(
        &self,
        permit: &RegistryWritePermit,
        spec: DeviceSpec,
        if_match: &Precondition,
        change_twin: impl Fn(&mut Twin, Timestamp) -> Result<TwinChange, E>,
    ) -> Result<(DeviceIdentity, Standing), E> {
        let hub = permit.hub();
        loop {
            // Most of those that are put are new, and this is the quicker read.
            let current = match self.store.device(hub.name(), &spec.id).await? {
                Some(_) => self.store.device_with_modules(hub.name(), &spec.id).await?,
                None => None,
            };
            if current.is_none()
                && let Some(full) = self.full(hub).await?
            {
                return Err(PutDeviceError::HubFull(full).into());
            }
            let now = self.clock.now();
            let (stored, modules) = match current {
                Some((device, modules)) => (Some(device), modules),
                None => (None, Vec::new()),
            };
            let before = stored.as_ref().map(|device| &device.identity.value);
            let after = device::decide_put(before, spec.clone(), if_match, now)?;
            self.check_parents(hub, before, &after).await?;

            let mut changes = Vec::new();
            let mut announcements = announce_changed(before, &after, &modules);
            let mut events = Vec::new();
            let id = IdentityId::from(after.id.clone());
            match &stored {
                None => {
                    let mut twin = Twin::new(id, now);
                    change_twin(&mut twin, now)?;
                    let identity = Identity::Device(after.clone());
                    events.extend(self.tell_created(hub, &identity, &twin, now));
                    changes.push(insert(identity));
                    changes.push(Change::Insert(Record::Twin(twin)));
                }
                Some(device) => {
                    changes.push(Change::Replace(
                        Record::Identity(Identity::Device(after.clone())),
                        device.identity.revision,
                    ));
                    let changed = self.changed_twin(hub, &id, &change_twin, now).await?;
                    if let Some(changed) = changed {
                        changes.push(Change::Replace(
                            Record::Twin(changed.twin),
                            changed.revision,
                        ));
                        announcements.extend(changed.announcement);
                        events.extend(changed.events);
                    }
                }
            }
            let mut work = UnitOfWork::new(hub.name().clone(), changes)
                .announcing(announcements)
                .with_events(events);
            let was_edge = before.is_some_and(|before| before.edge);
            if after.edge && !was_edge {
                self.add_system_modules(hub, &mut work, &after, now);
            }
            if was_edge && !after.edge {
                self.remove_system_modules(hub, &mut work, &modules, now)
                    .await?;
            }

            match self.store.commit(work).await {
                Ok(()) => {
                    let (activity, queued_messages) = stored
                        .map(|device| (device.activity, device.queued_messages))
                        .unwrap_or_default();
                    let id = after.id.clone().into();
                    let presence = self
                        .presence
                        .of(hub.name(), &id, after.generation, activity);
                    let standing = Standing {
                        presence,
                        queued_messages,
                    };
                    return Ok((after, standing));
                }
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// The edge system modules come with the device's edge capability.
    fn add_system_modules(
        &self,
        hub: &Hub,
        work: &mut UnitOfWork,
        device: &DeviceIdentity,
        now: Timestamp,
    ) {
        for module in module::system_modules(&device.id, now) {
            let twin = Twin::new(module.identity_id(), now);
            let identity = Identity::Module(module);
            let told = self.tell_created(hub, &identity, &twin, now);
            work.events.extend(told);
            work.changes.push(insert(identity));
            work.changes.push(Change::Insert(Record::Twin(twin)));
        }
    }

    /// They go with it, too.
    async fn remove_system_modules(
        &self,
        hub: &Hub,
        work: &mut UnitOfWork,
        modules: &[Registered<ModuleIdentity>],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let identities = modules.iter().map(|module| &module.identity);
        for identity in identities.filter(|identity| identity.value.id.is_system()) {
            let module = Identity::Module(identity.value.clone());
            if let Some(told) = self.tell_deleted(hub, &module, now).await? {
                work.changes.push(told.fence);
                work.events.push(told.event);
            }
            let id = module.id();
            work.changes.push(Change::Remove(
                RecordKey::Identity(id.clone()),
                identity.revision,
            ));
            work.announcements.push(Announcement::IdentityRemoved(id));
        }
        Ok(())
    }

    /// A parent scope must belong to an edge device that exists.
    async fn check_parents(
        &self,
        hub: &Hub,
        before: Option<&DeviceIdentity>,
        after: &DeviceIdentity,
    ) -> Result<(), PutDeviceError> {
        let known = before.map_or(&[][..], |before| &before.parent_scopes);
        let new = after.parent_scopes.iter();
        for parent_scope in new.filter(|scope| !known.contains(scope)) {
            let (parent, _) = scope::parse(parent_scope)?;
            let found = self.store.device(hub.name(), &parent).await?;
            let is_its_scope = found.is_some_and(|found| {
                let parent = found.identity.value;
                parent.edge && parent.scope.as_ref() == Some(parent_scope)
            });
            if !is_its_scope {
                return Err(InvalidScope::NoSuchParent(parent_scope.clone()).into());
            }
        }
        Ok(())
    }
}

/// Sessions that a change of keys or status concerns: the device's and its
/// modules', which can't connect while the device is disabled.
fn announce_changed(
    before: Option<&DeviceIdentity>,
    after: &DeviceIdentity,
    modules: &[Registered<ModuleIdentity>],
) -> Vec<Announcement> {
    let same = before.is_none_or(|before| {
        before.status == after.status && before.authentication == after.authentication
    });
    if same {
        return Vec::new();
    }
    let modules = modules
        .iter()
        .map(|module| module.identity.value.identity_id());
    [IdentityId::from(after.id.clone())]
        .into_iter()
        .chain(modules)
        .map(Announcement::IdentityChanged)
        .collect()
}
