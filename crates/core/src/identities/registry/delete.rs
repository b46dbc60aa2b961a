//! Deleting identities, with all that is kept for them.

use super::Registry;
use crate::access::{ModulesWritePermit, RegistryWritePermit};
use crate::etag::{Etag, Precondition};
use crate::hubs::Hub;
use crate::identities::Identity;
use crate::ids::{DeviceId, IdentityId, ModuleId};
use crate::ports::{Announcement, Change, CommitError, RecordKey, StoreError, Stored, UnitOfWork};

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

impl Registry {
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

    /// Removes identities together; false if one of them changed meanwhile.
    async fn remove(&self, hub: &Hub, gone: &[Stored<Identity>]) -> Result<bool, StoreError> {
        let (mut changes, mut announcements, mut events) = (Vec::new(), Vec::new(), Vec::new());
        let now = self.clock.now();
        for identity in gone {
            let id = identity.value.id();
            if let Some(told) = self.tell_deleted(hub, &identity.value, now).await? {
                changes.push(told.fence);
                events.push(told.event);
            }
            changes.push(Change::Remove(
                RecordKey::Identity(id.clone()),
                identity.revision,
            ));
            announcements.push(Announcement::IdentityRemoved(id));
        }
        let work = UnitOfWork::new(hub.name().clone(), changes)
            .announcing(announcements)
            .with_events(events);
        match self.store.commit(work).await {
            Ok(()) => {
                for identity in gone {
                    let generation = identity.value.generation();
                    self.presence
                        .forget(hub.name(), &identity.value.id(), generation);
                }
                Ok(true)
            }
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(CommitError::Store(error)) => Err(error),
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
