//! The SQL, a file per table.
//!
//! Writes return whether their precondition held; what they run in is the
//! caller's transaction. A `Stored` record's revision is its row's.

use twinhub_core::ids::IdentityId;
use twinhub_core::ports::Revision;

pub(crate) mod activity;
pub(crate) mod documents;
pub(crate) mod feedback;
pub(crate) mod hubs;
pub(crate) mod identities;
pub(crate) mod indexed;
pub(crate) mod indexes;
pub(crate) mod outbox;
pub(crate) mod queues;
pub(crate) mod scan;
pub(crate) mod sessions;
pub(crate) mod snapshot;
pub(crate) mod twins;

/// A hub's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HubNumber(pub i64);

/// An identity's number: what belongs to it hangs on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdentityNumber(pub i64);

/// The two columns that name an identity; a device's module is empty.
fn columns_of(id: &IdentityId) -> (&str, &str) {
    let module = id.module_id().map_or("", |module| module.as_str());
    (id.device_id().as_str(), module)
}

fn to_column(revision: Revision) -> i64 {
    revision.0.cast_signed()
}

fn from_column(revision: i64) -> Revision {
    Revision(revision.cast_unsigned())
}
