//! Items that another hub, or this one at another time, has exported.
//!
//! They are done as bulk items are, with two differences. A scope holds the
//! generation of its edge device, which is another here: scopes are
//! translated to those of the devices of the same names. And system modules,
//! which are made with their device, take the keys and twins that they had.

use futures_util::future::join_all;

use super::write::required;
use super::{BulkError, BulkItem, BulkMode, ItemError};
use crate::access::RegistryWritePermit;
use crate::etag::Precondition;
use crate::identities::registry::Registry;
use crate::identities::{AuthenticationKind, scope};
use crate::ids::{DeviceId, HubName, ModuleId};
use crate::ports::StoreError;

/// The devices, other than itself, whose scopes an item is in.
pub fn parents_of(item: &BulkItem) -> Vec<DeviceId> {
    let scopes = item.scope.iter().chain(&item.parent_scopes);
    let devices = scopes.filter_map(|scope| scope::parse(scope).ok());
    let devices = devices.map(|(device, _)| device);
    devices.filter(|device| *device != item.device).collect()
}

impl Registry {
    /// Does each item; tells of those that failed, in the order of the items.
    /// The items don't concern each other: see [`Wave`](crate::transfer::Wave).
    pub async fn import(
        &self,
        permit: &RegistryWritePermit,
        items: Vec<BulkItem>,
    ) -> Vec<BulkError> {
        let done = items.into_iter().map(|item| async move {
            let id = item.id();
            let done = self.import_item(permit, item).await;
            done.err().map(|error| BulkError { id, error })
        });
        join_all(done).await.into_iter().flatten().collect()
    }

    async fn import_item(
        &self,
        permit: &RegistryWritePermit,
        mut item: BulkItem,
    ) -> Result<(), ItemError> {
        if let Some(module) = item.module.clone().filter(ModuleId::is_system) {
            return self.import_system_module(permit, item, &module).await;
        }
        self.translate_scopes(permit.hub().name(), &mut item)
            .await?;
        self.bulk_item(permit, item).await
    }

    /// A scope whose device is not here stays, and is refused where the item
    /// is written.
    async fn translate_scopes(&self, hub: &HubName, item: &mut BulkItem) -> Result<(), StoreError> {
        if item.edge {
            // Its own, which is made here.
            item.scope = None;
        }
        for scope in item.scope.iter_mut().chain(&mut item.parent_scopes) {
            let Ok((parent, _)) = scope::parse(scope) else {
                continue;
            };
            let found = self.store().device(hub, &parent).await?;
            let local = found.and_then(|parent| parent.identity.value.scope);
            if let Some(local) = local {
                *scope = local;
            }
        }
        Ok(())
    }

    /// It is there since its device is an edge device, so creating it is
    /// overwriting it.
    async fn import_system_module(
        &self,
        permit: &RegistryWritePermit,
        item: BulkItem,
        module: &ModuleId,
    ) -> Result<(), ItemError> {
        let if_match = match item.mode {
            BulkMode::Create | BulkMode::CreateOrUpdate | BulkMode::Update => Precondition::Any,
            BulkMode::CreateOrUpdateIfMatchEtag | BulkMode::UpdateIfMatchEtag => {
                required(item.etag.as_deref())?
            }
            BulkMode::Delete
            | BulkMode::DeleteIfMatchEtag
            | BulkMode::UpdateTwin
            | BulkMode::UpdateTwinIfMatchEtag => return self.bulk_item(permit, item).await,
        };
        // The device's runtime has not taken it into use yet.
        if item.authentication.kind == Some(AuthenticationKind::None) {
            return self.write_twin(permit, &item, None).await;
        }
        let permit = permit.imported_modules_of(&item.device);
        self.put_module_item(&permit, &item, module, &if_match)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::lines;

    #[test]
    fn parents_are_those_whose_scopes_are_named_but_not_itself() {
        let line = br#"{"id":"mid","status":"enabled","capabilities":{"iotEdge":true},
            "deviceScope":"ms-azure-iot-edge://mid-5","parentScopes":["ms-azure-iot-edge://top-4"]}"#;

        let parents = parents_of(&lines::parse(line).unwrap());

        let names: Vec<_> = parents.iter().map(DeviceId::as_str).collect();
        assert_eq!(names, ["top"]);
    }
}
