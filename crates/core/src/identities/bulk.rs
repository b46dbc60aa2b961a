//! Many identities in one call: items are independent, each a unit of work.
//!
//! The import modes are those of import and export jobs.
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-bulk-identity-mgmt>

use futures_util::future::join_all;

use super::Status;
use super::authentication::AuthenticationSpec;
use super::device::PutDeviceError;
use super::module::PutModuleError;
use super::registry::{DeleteError, Registry};
use crate::access::RegistryWritePermit;
use crate::etag::Etag;
use crate::ids::{DeviceId, IdentityId, ModuleId};
use crate::ports::StoreError;
use crate::twins::{ImportedTwin, InvalidProperties};

mod import;
mod write;

pub use self::import::parents_of;

/// The most items of one call.
pub const MAX_BULK_ITEMS: usize = 100;

/// What to do with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkMode {
    /// Register; an error if it exists.
    Create,
    /// Overwrite; an error if it does not exist.
    Update,
    /// Overwrite if the ETag matches.
    UpdateIfMatchEtag,
    /// Delete; an error if it does not exist.
    Delete,
    /// Delete if the ETag matches.
    DeleteIfMatchEtag,
    /// Register or overwrite.
    CreateOrUpdate,
    /// Register, or overwrite if the ETag matches.
    CreateOrUpdateIfMatchEtag,
    /// Overwrite the given parts of the twin.
    UpdateTwin,
    /// The same if the twin's ETag matches.
    UpdateTwinIfMatchEtag,
}

impl BulkMode {
    /// The mode that a text names; clients write it in different cases.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "create" => Some(BulkMode::Create),
            "update" => Some(BulkMode::Update),
            "updateifmatchetag" => Some(BulkMode::UpdateIfMatchEtag),
            "delete" => Some(BulkMode::Delete),
            "deleteifmatchetag" => Some(BulkMode::DeleteIfMatchEtag),
            "createorupdate" => Some(BulkMode::CreateOrUpdate),
            "createorupdateifmatchetag" => Some(BulkMode::CreateOrUpdateIfMatchEtag),
            "updatetwin" => Some(BulkMode::UpdateTwin),
            "updatetwinifmatchetag" => Some(BulkMode::UpdateTwinIfMatchEtag),
            _ => None,
        }
    }
}

/// One item.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkItem {
    /// The device.
    pub device: DeviceId,
    /// The module, if it is about one.
    pub module: Option<ModuleId>,
    /// What to do.
    pub mode: BulkMode,
    /// The identity's ETag, for the modes that compare it.
    pub etag: Option<String>,
    /// The twin's ETag, for the mode that compares it.
    pub twin_etag: Option<String>,
    /// The status; if absent what it is, or enabled.
    pub status: Option<Status>,
    /// Why.
    pub status_reason: Option<String>,
    /// Authentication; if absent keys are generated.
    pub authentication: AuthenticationSpec,
    /// Whether it runs the edge runtime.
    pub edge: bool,
    /// Its scope.
    pub scope: Option<String>,
    /// Its parents' scopes.
    pub parent_scopes: Vec<String>,
    /// Who manages the module.
    pub managed_by: Option<String>,
    /// Parts of its twin.
    pub twin: ImportedTwin,
}

impl BulkItem {
    /// Whom the item is about.
    pub fn id(&self) -> IdentityId {
        match &self.module {
            None => self.device.clone().into(),
            Some(module) => IdentityId::module(self.device.clone(), module.clone()),
        }
    }
}

/// Why an item was not done.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// A device was not written.
    #[error(transparent)]
    PutDevice(#[from] PutDeviceError),
    /// A module was not written.
    #[error(transparent)]
    PutModule(#[from] PutModuleError),
    /// An identity was not deleted.
    #[error(transparent)]
    Delete(#[from] DeleteError),
    /// A mode that compares an ETag, without one.
    #[error("the import mode compares an etag, and none is given")]
    EtagMissing,
    /// There is no twin to update.
    #[error("{0} is not registered")]
    NoSuchTwin(IdentityId),
    /// The twin's ETag is stale.
    #[error("twin {id} is at etag {current}, the item expected {expected}")]
    TwinEtagMismatch {
        /// Whose twin.
        id: IdentityId,
        /// What it is at.
        current: Etag,
        /// What the caller saw.
        expected: String,
    },
    /// Twin data that breaks a rule.
    #[error(transparent)]
    Properties(#[from] InvalidProperties),
    /// It could not be saved.
    #[error("could not save the item")]
    Store(#[from] StoreError),
}

impl ItemError {
    /// The store's failure, if that is what it was: other items would fail
    /// as well.
    pub fn into_store_error(self) -> Option<StoreError> {
        match self {
            ItemError::PutDevice(PutDeviceError::Store(error))
            | ItemError::PutModule(PutModuleError::Store(error))
            | ItemError::Delete(DeleteError::Store(error))
            | ItemError::Store(error) => Some(error),
            ItemError::PutDevice(_)
            | ItemError::PutModule(_)
            | ItemError::Delete(_)
            | ItemError::EtagMissing
            | ItemError::NoSuchTwin(_)
            | ItemError::TwinEtagMismatch { .. }
            | ItemError::Properties(_) => None,
        }
    }
}

/// An item that was not done.
#[derive(Debug)]
pub struct BulkError {
    /// Whom it was about.
    pub id: IdentityId,
    /// Why.
    pub error: ItemError,
}

impl Registry {
    /// Does each item; tells of those that failed, in the order of the items.
    /// Items are committed together with whatever else waits for the disk.
    pub async fn bulk(&self, permit: &RegistryWritePermit, items: Vec<BulkItem>) -> Vec<BulkError> {
        let done = items.into_iter().map(|item| async move {
            let id = item.id();
            let done = self.bulk_item(permit, item).await;
            done.err().map(|error| BulkError { id, error })
        });
        join_all(done).await.into_iter().flatten().collect()
    }
}
