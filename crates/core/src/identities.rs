//! Identities: who may connect, and with what.
//!
//! A device may have modules. Creating an identity creates its twin with it;
//! deleting a device deletes its modules. Each write moves the identity's
//! ETag, and a deleted identity that is created again has a new generation.

use crate::etag::Etag;
use crate::ids::{DeviceId, IdentityId, ModuleId};
use crate::presence::Presence;
use crate::time::Timestamp;

pub use self::authentication::{
    Authentication, AuthenticationKind, AuthenticationSpec, InvalidAuthentication, Thumbprints,
};
pub use self::bulk::{BulkError, BulkItem, BulkMode, ItemError, MAX_BULK_ITEMS, parents_of};
pub use self::device::{DeviceSpec, PutDeviceError};
pub use self::module::{ModuleSpec, PutModuleError};
pub use self::regenerate::{RegenerateError, RegeneratedKeys, WhichKeys};
pub use self::registry::{
    DeleteError, DeviceCounts, HubFull, MAX_LISTED_DEVICES, ReadError, Registry, RegistryStatistics,
};
pub use self::scope::InvalidScope;

mod authentication;
mod bulk;
mod device;
mod module;
mod regenerate;
mod registry;
mod scope;

/// Whether a device may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// It may.
    #[default]
    Enabled,
    /// It can't use any device-facing endpoint.
    Disabled,
}

/// A device identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceIdentity {
    /// Its ID.
    pub id: DeviceId,
    /// When it was created: tells namesakes apart.
    pub generation: Timestamp,
    /// The number behind its ETag.
    pub version: u64,
    /// What it proves itself with.
    pub authentication: Authentication,
    /// Whether it may connect.
    pub status: Status,
    /// Why, in the words of whoever set the status; up to 128 characters.
    pub status_reason: Option<String>,
    /// When the status last changed.
    pub status_updated: Timestamp,
    /// Whether it runs the edge runtime.
    pub edge: bool,
    /// An edge device's own scope; a leaf's parent's scope.
    pub scope: Option<String>,
    /// An edge device's parent's scope; for a leaf the same as `scope`.
    pub parent_scopes: Vec<String>,
}

/// A module identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleIdentity {
    /// The device it belongs to.
    pub device: DeviceId,
    /// Its ID there.
    pub id: ModuleId,
    /// When it was created: tells namesakes apart.
    pub generation: Timestamp,
    /// The number behind its ETag.
    pub version: u64,
    /// What it proves itself with.
    pub authentication: Authentication,
    /// Who manages it, such as `iotEdge`.
    pub managed_by: Option<String>,
}

/// A device or a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A device.
    Device(DeviceIdentity),
    /// A module.
    Module(ModuleIdentity),
}

/// What changes around an identity, and is shown with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is connected, and when it was last heard of.
    pub presence: Presence,
    /// How many messages wait in its queue, those that are locked included.
    pub queued_messages: u32,
}

impl DeviceIdentity {
    /// The device's ETag.
    pub fn etag(&self) -> Etag {
        Etag::from_decimal(self.version)
    }
}

impl ModuleIdentity {
    /// The module's ETag.
    pub fn etag(&self) -> Etag {
        Etag::from_decimal(self.version)
    }

    /// Whether the edge runtime made it, as `managedBy` says.
    pub fn is_managed_by_edge(&self) -> bool {
        let manager = self.managed_by.as_deref();
        manager.is_some_and(|manager| manager.eq_ignore_ascii_case("iotEdge"))
    }

    /// The module's name in the whole hub.
    pub fn identity_id(&self) -> IdentityId {
        IdentityId::module(self.device.clone(), self.id.clone())
    }
}

impl Identity {
    /// Its name in the whole hub.
    pub fn id(&self) -> IdentityId {
        match self {
            Identity::Device(device) => device.id.clone().into(),
            Identity::Module(module) => module.identity_id(),
        }
    }

    /// When it was created.
    pub fn generation(&self) -> Timestamp {
        match self {
            Identity::Device(device) => device.generation,
            Identity::Module(module) => module.generation,
        }
    }

    /// Its ETag.
    pub fn etag(&self) -> Etag {
        match self {
            Identity::Device(device) => device.etag(),
            Identity::Module(module) => module.etag(),
        }
    }

    /// What it proves itself with.
    pub fn authentication(&self) -> &Authentication {
        match self {
            Identity::Device(device) => &device.authentication,
            Identity::Module(module) => &module.authentication,
        }
    }
}

/// The ETag number of a new identity: looks random, so that a client holding
/// the ETag of a deleted namesake is refused.
fn first_version(generation: Timestamp) -> u64 {
    // Knuth's multiplicative hash: spreads neighbouring moments.
    (generation
        .ticks()
        .unsigned_abs()
        .wrapping_mul(2_654_435_761)
        >> 8)
        & 0x3fff_ffff
}
