//! One import or export.

use std::fmt;

use uuid::Uuid;

use crate::time::Timestamp;

/// A job's name: made by the hub.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TransferId(String);

impl TransferId {
    /// A name that no other job has.
    pub fn generate() -> Self {
        TransferId(Uuid::new_v4().to_string())
    }

    /// A name as somebody has it; whether there is such a job is the book's.
    pub fn named(text: &str) -> Self {
        TransferId(text.to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which way identities go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferKind {
    /// Out of a container, into the registry.
    Import,
    /// Out of the registry, into a container.
    Export,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// To its end. Lines of an import may have failed.
    Completed,
    /// It could not go on.
    Failed {
        /// Why, for people.
        reason: String,
    },
    /// Somebody cancelled it.
    Cancelled,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferStatus {
    /// It runs.
    Running,
    /// It ran.
    Ended {
        /// When it ended.
        at: Timestamp,
        /// How.
        how: Ended,
    },
}

/// An import or export, without the addresses of its containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferJob {
    /// Its name.
    pub id: TransferId,
    /// Which way.
    pub kind: TransferKind,
    /// When it was started.
    pub started: Timestamp,
    /// Whether an export leaves the keys out.
    pub exclude_keys: bool,
    /// Where it stands.
    pub status: TransferStatus,
}

impl TransferJob {
    /// A job that starts now.
    pub fn start(kind: TransferKind, exclude_keys: bool, now: Timestamp) -> Self {
        TransferJob {
            id: TransferId::generate(),
            kind,
            started: now,
            exclude_keys,
            status: TransferStatus::Running,
        }
    }

    /// Whether it stands in the way of another.
    pub fn is_active(&self) -> bool {
        self.status == TransferStatus::Running
    }

    /// When it ended, if it has.
    pub fn ended(&self) -> Option<Timestamp> {
        match self.status {
            TransferStatus::Running => None,
            TransferStatus::Ended { at, .. } => Some(at),
        }
    }
}
