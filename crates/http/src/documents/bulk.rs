//! Bulk requests, and what is told of their items.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twinhub_core::identities::{BulkItem, BulkMode, WhichKeys};
use twinhub_core::ids::{DeviceId, ModuleId};
use twinhub_core::keys::KeyName;
use twinhub_core::transfer::lines::{AuthenticationInput, CapabilitiesInput, StatusInput};
use twinhub_core::twins::TwinPatch;

use crate::refusal::Refusal;
use crate::router::invalid_id;

/// An item of `POST /devices`, called `ExportImportDevice` by the SDKs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemInput {
    id: Option<String>,
    module_id: Option<String>,
    #[serde(alias = "etag", alias = "ETag")]
    e_tag: Option<String>,
    #[serde(alias = "ImportMode", alias = "importmode")]
    import_mode: Option<String>,
    status: Option<StatusInput>,
    status_reason: Option<String>,
    authentication: Option<AuthenticationInput>,
    capabilities: Option<CapabilitiesInput>,
    device_scope: Option<String>,
    parent_scopes: Option<Vec<String>>,
    managed_by: Option<String>,
    #[serde(rename = "twinETag", alias = "twinEtag")]
    twin_etag: Option<String>,
    tags: Option<Map<String, Value>>,
    properties: Option<PropertiesInput>,
}

#[derive(Debug, Default, Deserialize)]
struct PropertiesInput {
    desired: Option<Map<String, Value>>,
}

/// An item of which at least the ID could be read.
pub struct NamedItem {
    /// The device, as given.
    pub id: String,
    /// The module, as given.
    pub module_id: Option<String>,
    /// The mode, as given.
    pub operation: Option<String>,
    /// The item, or why it can't be done.
    pub item: Result<BulkItem, Refusal>,
}

impl ItemInput {
    /// The item; an item without ID can't be told of and spoils the request.
    pub fn named(self) -> Result<NamedItem, Refusal> {
        let id = self
            .id
            .clone()
            .ok_or_else(|| Refusal::invalid("each item needs an id"))?;
        Ok(NamedItem {
            module_id: self.module_id.clone(),
            operation: self.import_mode.clone(),
            item: self.into_item(&id),
            id,
        })
    }

    fn into_item(self, id: &str) -> Result<BulkItem, Refusal> {
        let device = DeviceId::parse(id).map_err(|error| invalid_id("device", &error))?;
        let module = self.module_id.filter(|module| !module.is_empty());
        let module = module
            .map(|module| ModuleId::parse(&module).map_err(|error| invalid_id("module", &error)))
            .transpose()?;
        Ok(BulkItem {
            device,
            module,
            mode: parse_mode(self.import_mode.as_deref())?,
            etag: self.e_tag.map(unquoted),
            twin_etag: self.twin_etag.map(unquoted),
            status: self.status.map(Into::into),
            status_reason: self.status_reason,
            authentication: self.authentication.unwrap_or_default().into(),
            edge: self.capabilities.unwrap_or_default().edge(),
            scope: self.device_scope,
            parent_scopes: self.parent_scopes.unwrap_or_default(),
            managed_by: self.managed_by,
            twin: TwinPatch {
                tags: self.tags,
                desired: self.properties.unwrap_or_default().desired,
            }
            .into(),
        })
    }
}

fn unquoted(etag: String) -> String {
    match etag.strip_prefix('"').and_then(|e| e.strip_suffix('"')) {
        Some(bare) => bare.to_owned(),
        None => etag,
    }
}

/// A missing one is .NET's default.
fn parse_mode(mode: Option<&str>) -> Result<BulkMode, Refusal> {
    let Some(mode) = mode else {
        return Ok(BulkMode::CreateOrUpdate);
    };
    BulkMode::parse(mode).ok_or_else(|| {
        Refusal::invalid(
            "importMode must be create, update, updateIfMatchETag, delete, deleteIfMatchETag, \
             createOrUpdate, createOrUpdateIfMatchETag, updateTwin or updateTwinIfMatchETag",
        )
    })
}

/// What became of the items.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkResult {
    /// Whether all were done.
    pub is_successful: bool,
    /// Those that were not.
    pub errors: Vec<ItemErrorDocument>,
    /// Those that were done in part: none, an item is done wholly or not at all.
    pub warnings: [(); 0],
}

/// An item that was not done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemErrorDocument {
    /// Its device.
    pub device_id: String,
    /// Its module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module_id: Option<String>,
    /// The error's name.
    pub error_code: &'static str,
    /// The error's sentence.
    pub error_status: String,
    /// The mode, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// A request to regenerate keys.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegenerateInput {
    policy_key: String,
    /// Whose keys.
    pub devices: Vec<RegenerateItemInput>,
}

/// Whose keys to regenerate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegenerateItemInput {
    /// The device.
    pub id: String,
    /// The module, if it is one.
    pub module_id: Option<String>,
}

impl RegenerateInput {
    /// Which keys.
    pub fn which(&self) -> Result<(WhichKeys, &'static str), Refusal> {
        match self.policy_key.to_ascii_lowercase().as_str() {
            "primarykey" => Ok((WhichKeys::One(KeyName::Primary), "primaryKey")),
            "secondarykey" => Ok((WhichKeys::One(KeyName::Secondary), "secondaryKey")),
            "both" => Ok((WhichKeys::Both, "both")),
            _ => Err(Refusal::invalid(
                "policyKey must be primaryKey, secondaryKey or both",
            )),
        }
    }
}

/// What became of the keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegenerateResult {
    /// Which keys.
    pub policy_key: &'static str,
    /// The new ones.
    pub rotated_keys: Vec<RotatedKeys>,
    /// Those that stayed.
    pub errors: Vec<RegenerateErrorDocument>,
}

/// New keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RotatedKeys {
    /// The device.
    pub id: String,
    /// The module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module_id: Option<String>,
    /// The first key.
    pub primary_key: String,
    /// The second key.
    pub secondary_key: String,
}

/// Keys that stayed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegenerateErrorDocument {
    /// The device.
    pub id: String,
    /// The module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module_id: Option<String>,
    /// The error's name.
    pub error_code: &'static str,
    /// The error's sentence.
    pub error_status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(json: serde_json::Value) -> BulkItem {
        let input: ItemInput = serde_json::from_value(json).unwrap();
        input.named().unwrap().item.unwrap()
    }

    #[test]
    fn etag_is_read_in_each_spelling() {
        for spelling in ["eTag", "etag", "ETag"] {
            let item = item(serde_json::json!({"id": "d", spelling: "\"MA==\""}));

            assert_eq!(item.etag.as_deref(), Some("MA=="), "{spelling}");
        }
    }

    #[test]
    fn twin_etag_is_read_in_each_spelling() {
        for spelling in ["twinETag", "twinEtag"] {
            let item = item(serde_json::json!({"id": "d", spelling: "MA=="}));

            assert_eq!(item.twin_etag.as_deref(), Some("MA=="), "{spelling}");
        }
    }

    #[test]
    fn modes_are_read_in_any_case_and_default_to_create_or_update() {
        assert_eq!(
            parse_mode(Some("DeleteIfMatchETag")).unwrap(),
            BulkMode::DeleteIfMatchEtag
        );
        assert_eq!(parse_mode(Some("Update")).unwrap(), BulkMode::Update);
        assert_eq!(parse_mode(None).unwrap(), BulkMode::CreateOrUpdate);
        assert!(parse_mode(Some("upsert")).is_err());
    }

    #[test]
    fn nulls_of_dotnet_are_taken() {
        let item = item(serde_json::json!({
            "id": "d", "moduleId": null, "deviceScope": null, "parentScopes": null,
            "tags": null, "properties": null, "authentication": null
        }));

        assert_eq!(item.module, None);
        assert!(item.twin.is_empty());
    }
}
