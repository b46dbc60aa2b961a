//! The port for exports: all identities of one moment.

use async_trait::async_trait;

use super::StoreError;
use crate::identities::Identity;
use crate::ids::HubName;
use crate::twins::Twin;

/// An identity and its twin.
pub type Member = (Identity, Twin);

/// Where snapshots are taken.
#[async_trait]
pub trait SnapshotStore: Send + Sync + 'static {
    /// The registry as it is now. What was committed before it was asked for
    /// is in it.
    async fn registry_snapshot(
        &self,
        hub: &HubName,
    ) -> Result<Box<dyn RegistrySnapshot>, StoreError>;
}

/// The registry of one moment: what is written later is not in it. Dropping
/// it lets go of the moment, which costs the store something as long as it is
/// held.
#[async_trait]
pub trait RegistrySnapshot: Send {
    /// How many identities there are in it.
    fn identities(&self) -> u64;

    /// The next ones by ID (device, then module; byte order), so that a
    /// device comes before its modules; few megabytes at most, and nothing
    /// once all were told.
    async fn next(&mut self) -> Result<Vec<Member>, StoreError>;
}
