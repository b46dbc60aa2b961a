//! The identity registry: reads and writes of identities.
//!
//! Every write reads, decides, commits, and starts over if somebody was
//! quicker. An identity and its twin are one unit of work.

use std::sync::Arc;

use super::device::{self, DeviceSpec, PutDeviceError};
use super::module::{self, ModuleSpec, PutModuleError};
use super::{DeviceIdentity, Identity, InvalidScope, ModuleIdentity, scope};
use crate::access::{
    ModulesReadPermit, ModulesWritePermit, RegistryReadPermit, RegistryWritePermit, ServicePermit,
};
use crate::etag::{Etag, Precondition};
use crate::hubs::{Hub, Sku};
use crate::ids::{DeviceId, IdentityId, ModuleId};
use crate::ports::{
    Announcement, Change, CommitError, IdentityCounts, Record, RecordKey, Registered, Sessions,
    StateStore, StoreError, Stored, UnitOfWork,
};
use crate::presence::{Presence, PresenceBook};
use crate::time::{Clock, Timestamp};
use crate::twins::Twin;

/// The most devices that one listing shows.
pub const MAX_LISTED_DEVICES: usize = 1000;

/// The hub's tier allows no more identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hub has {current} identities, its tier allows {max}")]
pub struct HubFull {
    /// How many the tier allows.
    pub max: u64,
    /// How many there are.
    pub current: u64,
}

/// How many devices there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryStatistics {
    /// All devices.
    pub total: u64,
    /// Those that may connect.
    pub enabled: u64,
    /// Those that may not.
    pub disabled: u64,
}

/// Why an identity could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No such device.
    #[error("device {0} is not registered")]
    NoSuchDevice(DeviceId),
    /// No such module.
    #[error("module {0} is not registered")]
    NoSuchModule(IdentityId),
    /// It could not be read.
    #[error("could not read the identity")]
    Store(#[from] StoreError),
}

/// Why an identity was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// No such device.
    #[error("device {0} is not registered")]
    NoSuchDevice(DeviceId),
    /// No such module.
    #[error("module {0} is not registered")]
    NoSuchModule(IdentityId),
    /// The caller did not say which version to delete.
    #[error("an If-Match header is required to delete; use * for any version")]
    EtagMissing,
    /// A stale ETag.
    #[error("{id} is at etag {current}, the request expected {expected}")]
    EtagMismatch {
        /// Which identity.
        id: IdentityId,
        /// What it is at.
        current: Etag,
        /// What the caller saw.
        expected: Precondition,
    },
    /// System modules go with the device's edge capability.
    #[error("the system module {0} belongs to the edge runtime")]
    SystemModule(IdentityId),
    /// It could not be saved.
    #[error("could not delete the identity")]
    Store(#[from] StoreError),
}

/// The identity registry.
pub struct Registry {
    store: Arc<dyn StateStore>,
    sessions: Arc<dyn Sessions>,
    presence: Arc<PresenceBook>,
    clock: Arc<dyn Clock>,
}

impl Registry {
    /// A registry over a store.
    pub fn new(
        store: Arc<dyn StateStore>,
        sessions: Arc<dyn Sessions>,
        presence: Arc<PresenceBook>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Registry {
            store,
            sessions,
            presence,
            clock,
        }
    }

    pub(super) fn store(&self) -> &dyn StateStore {
        &*self.store
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Reads a device.
    pub async fn device(
        &self,
        permit: &RegistryReadPermit,
        id: &DeviceId,
    ) -> Result<(DeviceIdentity, Presence), ReadError> {
        let found = self.store.device(permit.hub().name(), id).await?;
        let device = found.ok_or_else(|| ReadError::NoSuchDevice(id.clone()))?;
        Ok(self.device_with_presence(permit.hub(), device))
    }

    /// Lists devices by ID, at most `top` and never more than
    /// [`MAX_LISTED_DEVICES`].
    pub async fn devices(
        &self,
        permit: &RegistryReadPermit,
        top: usize,
    ) -> Result<Vec<(DeviceIdentity, Presence)>, StoreError> {
        let hub = permit.hub();
        let limit = top.min(MAX_LISTED_DEVICES);
        let devices = self.store.devices(hub.name(), None, limit).await?;
        Ok(devices
            .into_iter()
            .map(|device| self.device_with_presence(hub, device))
            .collect())
    }

    /// Reads a module.
    pub async fn module(
        &self,
        permit: &ModulesReadPermit,
        id: &ModuleId,
    ) -> Result<(ModuleIdentity, Presence), ReadError> {
        let device = permit.device();
        let found = self.store.module(permit.hub().name(), device, id).await?;
        match found {
            (_, Some(module)) => Ok(self.module_with_presence(permit.hub(), module)),
            (Some(_), None) => Err(ReadError::NoSuchModule(IdentityId::module(
                device.clone(),
                id.clone(),
            ))),
            (None, None) => Err(ReadError::NoSuchDevice(device.clone())),
        }
    }

    /// Lists a device's modules by ID.
    pub async fn modules(
        &self,
        permit: &ModulesReadPermit,
    ) -> Result<Vec<(ModuleIdentity, Presence)>, ReadError> {
        let hub = permit.hub();
        let found = self
            .store
            .device_with_modules(hub.name(), permit.device())
            .await?;
        let (_, modules) = found.ok_or_else(|| ReadError::NoSuchDevice(permit.device().clone()))?;
        Ok(modules
            .into_iter()
            .map(|module| self.module_with_presence(hub, module))
            .collect())
    }

    /// Creates a device (no ETag) or replaces its identity (an ETag or the
    /// wildcard). `twin` changes the twin in the same unit of work.
    pub async fn put_device(
        &self,
        permit: &RegistryWritePermit,
        spec: DeviceSpec,
        if_match: &Precondition,
    ) -> Result<(DeviceIdentity, Presence), PutDeviceError> {
        self.put_device_and_twin(permit, spec, if_match, |_, _| Ok(None))
            .await
    }

    /// As [`put_device`](Self::put_device), with a change of the twin.
    pub(super) async fn put_device_and_twin<E: From<PutDeviceError> + From<StoreError>>(
        &self,
        permit: &RegistryWritePermit,
        spec: DeviceSpec,
        if_match: &Precondition,
        change_twin: impl Fn(&mut Twin, Timestamp) -> Result<TwinChange, E>,
    ) -> Result<(DeviceIdentity, Presence), E> {
        let hub = permit.hub();
        loop {
            let current = self.store.device_with_modules(hub.name(), &spec.id).await?;
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
            self.check_parents(hub, &after).await?;

            let mut changes = Vec::new();
            let mut announcements = announce_changed(before, &after, &modules);
            let id = IdentityId::from(after.id.clone());
            match &stored {
                None => {
                    let mut twin = Twin::new(id, now);
                    change_twin(&mut twin, now)?;
                    changes.push(insert(Identity::Device(after.clone())));
                    changes.push(Change::Insert(Record::Twin(twin)));
                }
                Some(device) => {
                    changes.push(Change::Replace(
                        Record::Identity(Identity::Device(after.clone())),
                        device.identity.revision,
                    ));
                    let twin = self.changed_twin(hub, &id, &change_twin, now).await?;
                    if let Some((change, announcement)) = twin {
                        changes.push(change);
                        announcements.extend(announcement);
                    }
                }
            }
            let was_edge = before.is_some_and(|before| before.edge);
            change_system_modules(
                &mut changes,
                &mut announcements,
                was_edge,
                &after,
                &modules,
                now,
            );

            let work = UnitOfWork::new(hub.name().clone(), changes).announcing(announcements);
            match self.store.commit(work).await {
                Ok(()) => {
                    let activity = stored.map(|device| device.activity).unwrap_or_default();
                    let presence = self
                        .presence
                        .of(hub.name(), &after.id.clone().into(), activity);
                    return Ok((after, presence));
                }
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// The write that changes an existing twin, if `change_twin` wants one.
    async fn changed_twin<E: From<StoreError>>(
        &self,
        hub: &Hub,
        id: &IdentityId,
        change_twin: &impl Fn(&mut Twin, Timestamp) -> Result<TwinChange, E>,
        now: Timestamp,
    ) -> Result<Option<(Change, Option<Announcement>)>, E> {
        let found = self.store.twin(hub.name(), id).await?;
        let Some((
            _,
            Stored {
                revision,
                mut value,
            },
        )) = found
        else {
            return Ok(None);
        };
        let before = value.etag;
        let seen = change_twin(&mut value, now)?;
        if value.etag == before {
            return Ok(None);
        }
        let announcement = Announcement::of_desired(&value, seen);
        Ok(Some((
            Change::Replace(Record::Twin(value), revision),
            announcement,
        )))
    }

    /// Creates a module (no ETag) or replaces its identity (an ETag or the
    /// wildcard).
    pub async fn put_module(
        &self,
        permit: &ModulesWritePermit,
        spec: ModuleSpec,
        if_match: &Precondition,
    ) -> Result<(ModuleIdentity, Presence), PutModuleError> {
        self.put_module_and_twin(permit, spec, if_match, |_, _| Ok(None))
            .await
    }

    /// As [`put_module`](Self::put_module), with a change of the twin.
    pub(super) async fn put_module_and_twin<E: From<PutModuleError> + From<StoreError>>(
        &self,
        permit: &ModulesWritePermit,
        spec: ModuleSpec,
        if_match: &Precondition,
        change_twin: impl Fn(&mut Twin, Timestamp) -> Result<TwinChange, E>,
    ) -> Result<(ModuleIdentity, Presence), E> {
        let hub = permit.hub();
        loop {
            let (device, modules) = self
                .store
                .device_with_modules(hub.name(), &spec.device)
                .await?
                .ok_or_else(|| PutModuleError::NoSuchDevice(spec.device.clone()))?;
            let stored = modules
                .iter()
                .find(|module| module.identity.value.id == spec.id);
            if stored.is_none()
                && let Some(full) = self.full(hub).await?
            {
                return Err(PutModuleError::HubFull(full).into());
            }
            let siblings: Vec<_> = modules
                .iter()
                .map(|module| module.identity.value.clone())
                .collect();
            let now = self.clock.now();
            let after = module::decide_put(
                &siblings,
                spec.clone(),
                if_match,
                hub.settings.modules_per_device,
                permit.by_own_device(),
                now,
            )?;

            let id = after.identity_id();
            let mut announcements = Vec::new();
            let mut changes = Vec::new();
            match stored {
                None => {
                    let mut twin = Twin::new(id.clone(), now);
                    change_twin(&mut twin, now)?;
                    // The fence makes two creations count each other.
                    let device_key = RecordKey::Identity(spec.device.clone().into());
                    changes.push(Change::Fence(device_key, device.identity.revision));
                    changes.push(insert(Identity::Module(after.clone())));
                    changes.push(Change::Insert(Record::Twin(twin)));
                }
                Some(module) => {
                    announcements.push(Announcement::IdentityChanged(id.clone()));
                    changes.push(Change::Replace(
                        Record::Identity(Identity::Module(after.clone())),
                        module.identity.revision,
                    ));
                    let twin = self.changed_twin(hub, &id, &change_twin, now).await?;
                    if let Some((change, announcement)) = twin {
                        changes.push(change);
                        announcements.extend(announcement);
                    }
                }
            }
            let activity = stored.map(|module| module.activity).unwrap_or_default();
            let work = UnitOfWork::new(hub.name().clone(), changes).announcing(announcements);
            match self.store.commit(work).await {
                Ok(()) => {
                    let presence = self.presence.of(hub.name(), &id, activity);
                    return Ok((after, presence));
                }
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// Deletes a device with its modules, twins and all that is kept for them.
    pub async fn delete_device(
        &self,
        permit: &RegistryWritePermit,
        id: &DeviceId,
        if_match: &Precondition,
    ) -> Result<(), DeleteError> {
        let hub = permit.hub();
        loop {
            let (device, modules) = self
                .store
                .device_with_modules(hub.name(), id)
                .await?
                .ok_or_else(|| DeleteError::NoSuchDevice(id.clone()))?;
            check_delete(&id.clone().into(), &device.identity.value.etag(), if_match)?;

            let device = Stored {
                revision: device.identity.revision,
                value: Identity::Device(device.identity.value),
            };
            let modules = modules.into_iter().map(|module| Stored {
                revision: module.identity.revision,
                value: Identity::Module(module.identity.value),
            });
            let gone: Vec<_> = modules.chain([device]).collect();
            if self.remove(hub, &gone).await? {
                return Ok(());
            }
        }
    }

    /// Deletes a module with its twin and all that is kept for it.
    pub async fn delete_module(
        &self,
        permit: &ModulesWritePermit,
        id: &ModuleId,
        if_match: &Precondition,
    ) -> Result<(), DeleteError> {
        let hub = permit.hub();
        let name = IdentityId::module(permit.device().clone(), id.clone());
        loop {
            let found = self.store.module(hub.name(), permit.device(), id).await?;
            let module = match found {
                (_, Some(module)) => module.identity,
                (Some(_), None) => return Err(DeleteError::NoSuchModule(name)),
                (None, None) => return Err(DeleteError::NoSuchDevice(permit.device().clone())),
            };
            check_delete(&name, &module.value.etag(), if_match)?;
            if id.is_system() {
                return Err(DeleteError::SystemModule(name));
            }
            let gone = Stored {
                revision: module.revision,
                value: Identity::Module(module.value),
            };
            if self.remove(hub, &[gone]).await? {
                return Ok(());
            }
        }
    }

    /// How many devices are registered.
    pub async fn statistics(
        &self,
        permit: &RegistryReadPermit,
    ) -> Result<RegistryStatistics, StoreError> {
        let counts = self.store.counts(permit.hub().name()).await?;
        Ok(RegistryStatistics {
            total: counts.devices(),
            enabled: counts.enabled_devices,
            disabled: counts.disabled_devices,
        })
    }

    /// How many devices are connected.
    pub fn connected_devices(&self, permit: &ServicePermit) -> u64 {
        self.sessions.connected_devices(permit.hub().name())
    }

    /// Removes identities together; false if one of them changed meanwhile.
    async fn remove(&self, hub: &Hub, gone: &[Stored<Identity>]) -> Result<bool, StoreError> {
        let mut changes = Vec::new();
        let mut announcements = Vec::new();
        for identity in gone {
            let id = identity.value.id();
            changes.push(Change::Remove(
                RecordKey::Identity(id.clone()),
                identity.revision,
            ));
            announcements.push(Announcement::IdentityRemoved(id));
        }
        let work = UnitOfWork::new(hub.name().clone(), changes).announcing(announcements);
        match self.store.commit(work).await {
            Ok(()) => {
                for identity in gone {
                    self.presence.forget(hub.name(), &identity.value.id());
                }
                Ok(true)
            }
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// Whether the hub has no room for one more identity.
    async fn full(&self, hub: &Hub) -> Result<Option<HubFull>, StoreError> {
        let counts = self.store.counts(hub.name()).await?;
        let max = hub.settings.tier.max_identities();
        let current = counted(hub, counts);
        Ok((current >= max).then_some(HubFull { max, current }))
    }

    /// A parent scope must belong to an edge device that exists.
    async fn check_parents(
        &self,
        hub: &Hub,
        device: &DeviceIdentity,
    ) -> Result<(), PutDeviceError> {
        for parent_scope in &device.parent_scopes {
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

    fn device_with_presence(
        &self,
        hub: &Hub,
        device: Registered<DeviceIdentity>,
    ) -> (DeviceIdentity, Presence) {
        let identity = device.identity.value;
        let id = IdentityId::from(identity.id.clone());
        let presence = self.presence.of(hub.name(), &id, device.activity);
        (identity, presence)
    }

    fn module_with_presence(
        &self,
        hub: &Hub,
        module: Registered<ModuleIdentity>,
    ) -> (ModuleIdentity, Presence) {
        let identity = module.identity.value;
        let id = identity.identity_id();
        let presence = self.presence.of(hub.name(), &id, module.activity);
        (identity, presence)
    }
}

/// What devices see of a change of a twin, if it was changed.
pub(super) type TwinChange = Option<serde_json::Value>;

/// The free tier counts devices alone, the others modules, too.
fn counted(hub: &Hub, counts: IdentityCounts) -> u64 {
    match hub.settings.tier.sku {
        Sku::F1 => counts.devices(),
        _ => counts.devices() + counts.modules,
    }
}

fn insert(identity: Identity) -> Change {
    Change::Insert(Record::Identity(identity))
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

/// The edge system modules come and go with the device's edge capability.
fn change_system_modules(
    changes: &mut Vec<Change>,
    announcements: &mut Vec<Announcement>,
    was_edge: bool,
    after: &DeviceIdentity,
    modules: &[Registered<ModuleIdentity>],
    now: Timestamp,
) {
    if after.edge && !was_edge {
        for module in module::system_modules(&after.id, now) {
            let twin = Twin::new(module.identity_id(), now);
            changes.push(insert(Identity::Module(module)));
            changes.push(Change::Insert(Record::Twin(twin)));
        }
    }
    if was_edge && !after.edge {
        for module in modules {
            let identity = &module.identity;
            if identity.value.id.is_system() {
                let id = identity.value.identity_id();
                changes.push(Change::Remove(
                    RecordKey::Identity(id.clone()),
                    identity.revision,
                ));
                announcements.push(Announcement::IdentityRemoved(id));
            }
        }
    }
}

fn check_delete(
    id: &IdentityId,
    current: &Etag,
    if_match: &Precondition,
) -> Result<(), DeleteError> {
    match if_match {
        Precondition::None => Err(DeleteError::EtagMissing),
        if_match if if_match.accepts(current) => Ok(()),
        if_match => Err(DeleteError::EtagMismatch {
            id: id.clone(),
            current: current.clone(),
            expected: if_match.clone(),
        }),
    }
}
