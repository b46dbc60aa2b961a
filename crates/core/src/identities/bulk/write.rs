//! What each import mode does with its item.

use super::{BulkItem, BulkMode, ItemError};
use crate::access::{ModulesWritePermit, RegistryWritePermit};
use crate::etag::Precondition;
use crate::identities::Status;
use crate::identities::device::{DeviceSpec, PutDeviceError};
use crate::identities::module::{ModuleSpec, PutModuleError};
use crate::identities::registry::{Registry, TwinChange, TwinVersions};
use crate::ids::ModuleId;
use crate::ports::{Announcement, Change, CommitError, Record, Stored, UnitOfWork};
use crate::time::Timestamp;
use crate::twins::Twin;

/// Whether an existing identity may, must or must not be there.
enum Wanted {
    Absent,
    Present(Precondition),
    Either(Precondition),
}

impl Registry {
    pub(super) async fn bulk_item(
        &self,
        permit: &RegistryWritePermit,
        item: BulkItem,
    ) -> Result<(), ItemError> {
        match item.mode {
            BulkMode::Create => self.write_item(permit, item, Wanted::Absent).await,
            BulkMode::Update => {
                self.write_item(permit, item, Wanted::Present(Precondition::Any))
                    .await
            }
            BulkMode::UpdateIfMatchEtag => {
                let etag = required(item.etag.as_deref())?;
                self.write_item(permit, item, Wanted::Present(etag)).await
            }
            BulkMode::CreateOrUpdate => {
                self.write_item(permit, item, Wanted::Either(Precondition::Any))
                    .await
            }
            BulkMode::CreateOrUpdateIfMatchEtag => match item.etag.as_deref().map(precondition) {
                Some(etag) => self.write_item(permit, item, Wanted::Either(etag)).await,
                None => match self.write_item(permit, item, Wanted::Absent).await {
                    Err(error) if exists(&error) => Err(ItemError::EtagMissing),
                    done => done,
                },
            },
            BulkMode::Delete => self.delete_item(permit, &item, Precondition::Any).await,
            BulkMode::DeleteIfMatchEtag => {
                let etag = required(item.etag.as_deref())?;
                self.delete_item(permit, &item, etag).await
            }
            BulkMode::UpdateTwin => self.write_twin(permit, &item, None).await,
            BulkMode::UpdateTwinIfMatchEtag => {
                let etag = item.twin_etag.as_deref().ok_or(ItemError::EtagMissing)?;
                let expected = (etag != "*").then_some(etag);
                self.write_twin(permit, &item, expected).await
            }
        }
    }

    async fn write_item(
        &self,
        permit: &RegistryWritePermit,
        item: BulkItem,
        wanted: Wanted,
    ) -> Result<(), ItemError> {
        match wanted {
            Wanted::Absent => self.put_item(permit, &item, &Precondition::None).await,
            Wanted::Present(if_match) => self.put_item(permit, &item, &if_match).await,
            // Whichever case holds when it is committed; another writer may
            // create or delete it between two tries.
            Wanted::Either(if_match) => loop {
                match self.put_item(permit, &item, &if_match).await {
                    Err(error) if is_absent(&error) => {}
                    done => return done,
                }
                match self.put_item(permit, &item, &Precondition::None).await {
                    Err(error) if exists(&error) => {}
                    done => return done,
                }
            },
        }
    }

    async fn put_item(
        &self,
        permit: &RegistryWritePermit,
        item: &BulkItem,
        if_match: &Precondition,
    ) -> Result<(), ItemError> {
        if let Some(module) = &item.module {
            let permit = permit.modules_of(&item.device);
            return self.put_module_item(&permit, item, module, if_match).await;
        }
        let spec = self.device_spec(permit, item).await?;
        let overwrite = |twin: &mut Twin, now: Timestamp| -> Result<TwinChange, ItemError> {
            Ok(twin.import(&item.twin, now)?)
        };
        self.put_device_and_twin(permit, spec, if_match, overwrite)
            .await?;
        Ok(())
    }

    pub(super) async fn put_module_item(
        &self,
        permit: &ModulesWritePermit,
        item: &BulkItem,
        module: &ModuleId,
        if_match: &Precondition,
    ) -> Result<(), ItemError> {
        let spec = ModuleSpec {
            device: item.device.clone(),
            id: module.clone(),
            authentication: item.authentication.clone(),
            managed_by: item.managed_by.clone(),
        };
        let overwrite = |twin: &mut Twin, now: Timestamp| -> Result<TwinChange, ItemError> {
            Ok(twin.import(&item.twin, now)?)
        };
        self.put_module_and_twin(permit, spec, if_match, overwrite)
            .await?;
        Ok(())
    }

    async fn device_spec(
        &self,
        permit: &RegistryWritePermit,
        item: &BulkItem,
    ) -> Result<DeviceSpec, ItemError> {
        let status = match item.status {
            Some(status) => status,
            None => {
                let found = self.store().device(permit.hub().name(), &item.device);
                found
                    .await?
                    .map_or(Status::Enabled, |found| found.identity.value.status)
            }
        };
        Ok(DeviceSpec {
            id: item.device.clone(),
            authentication: item.authentication.clone(),
            status,
            status_reason: item.status_reason.clone(),
            edge: item.edge,
            scope: item.scope.clone(),
            parent_scopes: item.parent_scopes.clone(),
        })
    }

    async fn delete_item(
        &self,
        permit: &RegistryWritePermit,
        item: &BulkItem,
        if_match: Precondition,
    ) -> Result<(), ItemError> {
        match &item.module {
            None => self.delete_device(permit, &item.device, &if_match).await?,
            Some(module) => {
                let permit = permit.modules_of(&item.device);
                self.delete_module(&permit, module, &if_match).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn write_twin(
        &self,
        permit: &RegistryWritePermit,
        item: &BulkItem,
        expected: Option<&str>,
    ) -> Result<(), ItemError> {
        let hub = permit.hub().name();
        let id = item.id();
        loop {
            let found = self.store().twin(hub, &id).await?;
            let (registered, Stored { revision, value }) =
                found.ok_or_else(|| ItemError::NoSuchTwin(id.clone()))?;
            let mut twin = value;
            if let Some(expected) = expected
                && expected != twin.etag().as_str()
            {
                return Err(ItemError::TwinEtagMismatch {
                    id,
                    current: twin.etag(),
                    expected: expected.to_owned(),
                });
            }
            let (before, now) = (TwinVersions::of(&twin), self.clock().now());
            let seen = twin.import(&item.twin, now)?;
            let announcements = Announcement::of_desired(&twin, seen).into_iter().collect();
            let identity = &registered.identity.value;
            let events = self.tell_overwritten(permit.hub(), identity, before, &twin, now);
            let work = UnitOfWork::new(
                hub.clone(),
                vec![Change::Replace(Record::Twin(twin), revision)],
            )
            .announcing(announcements)
            .with_events(events);
            match self.store().commit(work).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }
}

fn precondition(etag: &str) -> Precondition {
    match etag {
        "*" => Precondition::Any,
        etag => Precondition::Etag(etag.to_owned()),
    }
}

pub(super) fn required(etag: Option<&str>) -> Result<Precondition, ItemError> {
    etag.map(precondition).ok_or(ItemError::EtagMissing)
}

fn is_absent(error: &ItemError) -> bool {
    matches!(
        error,
        ItemError::PutDevice(PutDeviceError::NotRegistered(_))
            | ItemError::PutModule(PutModuleError::NotRegistered(_))
    )
}

fn exists(error: &ItemError) -> bool {
    matches!(
        error,
        ItemError::PutDevice(PutDeviceError::AlreadyExists(_))
            | ItemError::PutModule(PutModuleError::AlreadyExists(_))
    )
}
