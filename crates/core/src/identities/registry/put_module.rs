//! Creating and replacing module identities.

use super::{Registry, TwinChange, insert};
use crate::access::ModulesWritePermit;
use crate::etag::Precondition;
use crate::identities::module::{self, ModuleSpec, PutModuleError};
use crate::identities::{Identity, ModuleIdentity, Standing};
use crate::ports::{Announcement, Change, CommitError, Record, RecordKey, StoreError, UnitOfWork};
use crate::time::Timestamp;
use crate::twins::Twin;

impl Registry {
    /// Creates a module (no ETag) or replaces its identity (an ETag or the
    /// wildcard).
    pub async fn put_module(
        &self,
        permit: &ModulesWritePermit,
        spec: ModuleSpec,
        if_match: &Precondition,
    ) -> Result<(ModuleIdentity, Standing), PutModuleError> {
        self.put_module_and_twin(permit, spec, if_match, |_, _| Ok(None))
            .await
    }

    /// As [`put_module`](Self::put_module), with a change of the twin.
    pub(in crate::identities) async fn put_module_and_twin<
        E: From<PutModuleError> + From<StoreError>,
    >(
        &self,
        permit: &ModulesWritePermit,
        spec: ModuleSpec,
        if_match: &Precondition,
        change_twin: impl Fn(&mut Twin, Timestamp) -> Result<TwinChange, E>,
    ) -> Result<(ModuleIdentity, Standing), E> {
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
            let mut events = Vec::new();
            let identity = Identity::Module(after.clone());
            match stored {
                None => {
                    let mut twin = Twin::new(id.clone(), now);
                    change_twin(&mut twin, now)?;
                    // The fence makes two creations count each other.
                    let device_key = RecordKey::Identity(spec.device.clone().into());
                    changes.push(Change::Fence(device_key, device.identity.revision));
                    events.extend(self.tell_created(hub, &identity, &twin, now));
                    changes.push(insert(identity));
                    changes.push(Change::Insert(Record::Twin(twin)));
                }
                Some(module) => {
                    announcements.push(Announcement::IdentityChanged(id.clone()));
                    let changed = self.changed_twin(hub, &id, &change_twin, now).await?;
                    match changed {
                        Some(changed) => {
                            let told = self.tell_updated_along(hub, &identity, &changed.twin, now);
                            events.extend(told.into_iter().chain(changed.events));
                            announcements.extend(changed.announcement);
                            let twin = Record::Twin(changed.twin);
                            changes.push(Change::Replace(twin, changed.revision));
                        }
                        None => {
                            if let Some(told) = self.tell_updated(hub, &identity, now).await? {
                                changes.push(told.fence);
                                events.push(told.event);
                            }
                        }
                    }
                    changes.push(Change::Replace(
                        Record::Identity(identity),
                        module.identity.revision,
                    ));
                }
            }
            let (activity, queued_messages) = stored
                .map(|module| (module.activity, module.queued_messages))
                .unwrap_or_default();
            let work = UnitOfWork::new(hub.name().clone(), changes)
                .announcing(announcements)
                .with_events(events);
            match self.store.commit(work).await {
                Ok(()) => {
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
}
