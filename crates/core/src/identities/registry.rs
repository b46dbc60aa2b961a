//! The identity registry: reads and writes of identities.
//!
//! Every write reads, decides, commits, and starts over if somebody was
//! quicker. An identity and its twin are one unit of work.

use std::sync::Arc;

use super::{DeviceIdentity, Identity, ModuleIdentity, Standing};
use crate::access::{
    DevicePermit, ModulesReadPermit, RegistryReadPermit, ServicePermit, StatusPermit,
};
use crate::hubs::{Hub, Sku};
use crate::ids::{DeviceId, IdentityId, ModuleId};
use crate::notifications::{NewEvent, Teller};
use crate::ports::{
    Announcement, Change, IdentityCounts, Record, Registered, Revision, Sessions, StateStore,
    StoreError, Stored,
};
use crate::presence::PresenceBook;
use crate::time::{Clock, Timestamp};
use crate::twins::Twin;

pub use self::delete::DeleteError;
pub(super) use self::telling::{Told, TwinVersions};

mod delete;
mod put_device;
mod put_module;
mod telling;

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

/// How many devices there are, and how many of them are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCounts {
    /// Those that are registered.
    pub registered: RegistryStatistics,
    /// Those that are connected.
    pub connected: u64,
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

/// The identity registry.
pub struct Registry {
    store: Arc<dyn StateStore>,
    sessions: Arc<dyn Sessions>,
    presence: Arc<PresenceBook>,
    clock: Arc<dyn Clock>,
    teller: Teller,
}

impl Registry {
    /// A registry over a store, which tells nobody of what it does.
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
            teller: Teller::default(),
        }
    }

    /// The same, telling of identities and twins that it changes.
    pub fn telling(mut self, teller: Teller) -> Self {
        self.teller = teller;
        self
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
    ) -> Result<(DeviceIdentity, Standing), ReadError> {
        let found = self.store.device(permit.hub().name(), id).await?;
        let device = found.ok_or_else(|| ReadError::NoSuchDevice(id.clone()))?;
        Ok(self.device_and_standing(permit.hub(), device))
    }

    /// Lists devices by ID, at most `top` and never more than
    /// [`MAX_LISTED_DEVICES`].
    pub async fn devices(
        &self,
        permit: &RegistryReadPermit,
        top: usize,
    ) -> Result<Vec<(DeviceIdentity, Standing)>, StoreError> {
        let hub = permit.hub();
        let limit = top.min(MAX_LISTED_DEVICES);
        let devices = self.store.devices(hub.name(), None, limit).await?;
        Ok(devices
            .into_iter()
            .map(|device| self.device_and_standing(hub, device))
            .collect())
    }

    /// Reads a module.
    pub async fn module(
        &self,
        permit: &ModulesReadPermit,
        id: &ModuleId,
    ) -> Result<(ModuleIdentity, Standing), ReadError> {
        let device = permit.device();
        let found = self.store.module(permit.hub().name(), device, id).await?;
        match found {
            (_, Some(module)) => Ok(self.module_and_standing(permit.hub(), module)),
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
    ) -> Result<Vec<(ModuleIdentity, Standing)>, ReadError> {
        let hub = permit.hub();
        let found = self
            .store
            .device_with_modules(hub.name(), permit.device())
            .await?;
        let (_, modules) = found.ok_or_else(|| ReadError::NoSuchDevice(permit.device().clone()))?;
        Ok(modules
            .into_iter()
            .map(|module| self.module_and_standing(hub, module))
            .collect())
    }

    /// The write that changes an existing twin, if `change_twin` wants one.
    async fn changed_twin<E: From<StoreError>>(
        &self,
        hub: &Hub,
        id: &IdentityId,
        change_twin: &impl Fn(&mut Twin, Timestamp) -> Result<TwinChange, E>,
        now: Timestamp,
    ) -> Result<Option<ChangedTwin>, E> {
        let found = self.store.twin(hub.name(), id).await?;
        let Some((registered, Stored { revision, value })) = found else {
            return Ok(None);
        };
        let mut twin = value;
        let before = TwinVersions::of(&twin);
        let seen = change_twin(&mut twin, now)?;
        if TwinVersions::of(&twin) == before {
            return Ok(None);
        }
        let identity = &registered.identity.value;
        Ok(Some(ChangedTwin {
            announcement: Announcement::of_desired(&twin, seen),
            events: self.tell_overwritten(hub, identity, before, &twin, now),
            twin,
            revision,
        }))
    }

    /// How many devices are registered.
    pub async fn statistics(
        &self,
        permit: &RegistryReadPermit,
    ) -> Result<RegistryStatistics, StoreError> {
        self.registered_devices(permit.hub()).await
    }

    /// How many devices are registered and how many are connected, as figures
    /// for whoever sees how the hub stands.
    pub async fn device_counts(&self, permit: &StatusPermit) -> Result<DeviceCounts, StoreError> {
        let hub = permit.hub();
        Ok(DeviceCounts {
            registered: self.registered_devices(hub).await?,
            connected: self.sessions.connected_devices(hub.name()),
        })
    }

    async fn registered_devices(&self, hub: &Hub) -> Result<RegistryStatistics, StoreError> {
        let counts = self.store.counts(hub.name()).await?;
        Ok(RegistryStatistics {
            total: counts.devices(),
            enabled: counts.enabled_devices,
            disabled: counts.disabled_devices,
        })
    }

    /// Notes that a device was heard of by a request, which is no connection.
    pub async fn heard_of(&self, permit: &DevicePermit) -> Result<(), StoreError> {
        let (hub, id) = (permit.hub().name(), permit.id());
        if let Some(device) = self.store.device(hub, id.device_id()).await? {
            self.presence
                .heard_of(hub, id, permit.generation(), device.activity);
        }
        Ok(())
    }

    /// How many devices are connected.
    pub fn connected_devices(&self, permit: &ServicePermit) -> u64 {
        self.sessions.connected_devices(permit.hub().name())
    }

    /// Whether the hub has no room for one more identity.
    async fn full(&self, hub: &Hub) -> Result<Option<HubFull>, StoreError> {
        let counts = self.store.counts(hub.name()).await?;
        let max = hub.settings.tier.max_identities();
        let current = counted(hub, counts);
        Ok((current >= max).then_some(HubFull { max, current }))
    }

    fn device_and_standing(
        &self,
        hub: &Hub,
        device: Registered<DeviceIdentity>,
    ) -> (DeviceIdentity, Standing) {
        let identity = device.identity.value;
        let id = IdentityId::from(identity.id.clone());
        let presence = self
            .presence
            .of(hub.name(), &id, identity.generation, device.activity);
        let standing = Standing {
            presence,
            queued_messages: device.queued_messages,
        };
        (identity, standing)
    }

    fn module_and_standing(
        &self,
        hub: &Hub,
        module: Registered<ModuleIdentity>,
    ) -> (ModuleIdentity, Standing) {
        let identity = module.identity.value;
        let id = identity.identity_id();
        let presence = self
            .presence
            .of(hub.name(), &id, identity.generation, module.activity);
        let standing = Standing {
            presence,
            queued_messages: module.queued_messages,
        };
        (identity, standing)
    }
}

/// A twin that is written with its identity.
struct ChangedTwin {
    twin: Twin,
    /// What it was read at.
    revision: Revision,
    announcement: Option<Announcement>,
    events: Vec<NewEvent>,
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
