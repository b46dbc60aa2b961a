//! Keys of an identity, made anew.

use super::registry::{Registry, Told};
use super::{Authentication, Identity};
use crate::access::RegistryWritePermit;
use crate::ids::{HubName, IdentityId, ModuleId};
use crate::keys::{KeyName, KeyPair};
use crate::ports::{Announcement, Change, CommitError, Record, StoreError, Stored, UnitOfWork};

/// Which keys to regenerate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichKeys {
    /// One of the two.
    One(KeyName),
    /// Both.
    Both,
}

/// The new keys of an identity.
#[derive(Debug, Clone)]
pub struct RegeneratedKeys {
    /// Whose keys.
    pub id: IdentityId,
    /// The keys.
    pub keys: KeyPair,
}

/// Why keys were not regenerated.
#[derive(Debug, thiserror::Error)]
pub enum RegenerateError {
    /// No such identity.
    #[error("{0} is not registered")]
    NotRegistered(IdentityId),
    /// It has no keys.
    #[error("{0} does not authenticate with keys")]
    NoKeys(IdentityId),
    /// The edge runtime's own.
    #[error("the system module {0} belongs to the edge runtime")]
    SystemModule(IdentityId),
    /// It could not be saved.
    #[error("could not save the keys")]
    Store(#[from] StoreError),
}

impl Registry {
    /// Replaces keys by fresh ones. Sessions that the old ones let in end: the
    /// identity's, and those of a device's modules.
    pub async fn regenerate_keys(
        &self,
        permit: &RegistryWritePermit,
        id: &IdentityId,
        which: WhichKeys,
    ) -> Result<RegeneratedKeys, RegenerateError> {
        let hub = permit.hub().name();
        loop {
            let found = self.store().twin(hub, id).await?;
            let (registered, twin) =
                found.ok_or_else(|| RegenerateError::NotRegistered(id.clone()))?;
            let Stored { revision, value } = registered.identity;
            if id.module_id().is_some_and(ModuleId::is_system) {
                return Err(RegenerateError::SystemModule(id.clone()));
            }
            let (identity, keys) =
                with_new_keys(value, which).ok_or_else(|| RegenerateError::NoKeys(id.clone()))?;
            let now = self.clock().now();
            let told = self.tell_updated_with(permit.hub(), &identity, &twin, now);
            let mut changes = vec![Change::Replace(Record::Identity(identity), revision)];
            let mut events = Vec::new();
            if let Some(Told { fence, event }) = told {
                changes.push(fence);
                events.push(event);
            }
            let work = UnitOfWork::new(hub.clone(), changes)
                .announcing(self.concerned_by_keys(hub, id).await?)
                .with_events(events);
            match self.store().commit(work).await {
                Ok(()) => {
                    return Ok(RegeneratedKeys {
                        id: id.clone(),
                        keys,
                    });
                }
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// Whose sessions an identity's keys may have let in.
    async fn concerned_by_keys(
        &self,
        hub: &HubName,
        id: &IdentityId,
    ) -> Result<Vec<Announcement>, StoreError> {
        let mut concerned = vec![id.clone()];
        if let IdentityId::Device(device) = id
            && let Some((_, modules)) = self.store().device_with_modules(hub, device).await?
        {
            let modules = modules.iter();
            concerned.extend(modules.map(|module| module.identity.value.identity_id()));
        }
        let announcements = concerned.into_iter();
        Ok(announcements.map(Announcement::IdentityChanged).collect())
    }
}

/// The identity with fresh keys and a moved ETag, if it has keys at all.
fn with_new_keys(identity: Identity, which: WhichKeys) -> Option<(Identity, KeyPair)> {
    let roll = |authentication: &mut Authentication| {
        let Authentication::Sas(keys) = authentication else {
            return None;
        };
        match which {
            WhichKeys::One(name) => keys.roll(name),
            WhichKeys::Both => *keys = KeyPair::generate(),
        }
        Some(keys.clone())
    };
    match identity {
        Identity::Device(mut device) => {
            let keys = roll(&mut device.authentication)?;
            device.version = device.version.wrapping_add(1);
            Some((Identity::Device(device), keys))
        }
        Identity::Module(mut module) => {
            let keys = roll(&mut module.authentication)?;
            module.version = module.version.wrapping_add(1);
            Some((Identity::Module(module), keys))
        }
    }
}
