//! Lines that name what has not come yet.
//!
//! A device may stand before the edge device whose scope it has, and a module
//! before its device: exports are by ID. Such lines are done in another pass
//! over the blob, and with them, to keep their order, those that follow about
//! the same identity and, if it is a device, its modules. What is kept of a
//! line are two numbers.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use crate::ids::IdentityId;

/// The lines of one pass that wait for the next.
#[derive(Debug, Default)]
pub(super) struct Later {
    lines: HashSet<u64>,
    /// Hashes: two that share one wait for each other, no more.
    identities: HashSet<u64>,
    hasher: RandomState,
    last: u64,
}

impl Later {
    /// Has a line about this identity wait.
    pub(super) fn add(&mut self, number: u64, id: &IdentityId) {
        self.lines.insert(number);
        self.identities.insert(self.hasher.hash_one(id));
        self.last = self.last.max(number);
    }

    /// Whether a line about this identity has to wait behind one that does.
    pub(super) fn concerns(&self, id: &IdentityId) -> bool {
        let waits = |id: &IdentityId| self.identities.contains(&self.hasher.hash_one(id));
        let its_device = || IdentityId::from(id.device_id().clone());
        !self.identities.is_empty()
            && (waits(id) || (id.module_id().is_some() && waits(&its_device())))
    }

    /// Whether this line waits.
    pub(super) fn has(&self, number: u64) -> bool {
        self.lines.contains(&number)
    }

    /// The last line that waits.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// How many lines wait.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }
}
