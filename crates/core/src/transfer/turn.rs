//! Whose turn it is to try out containers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::book::Busy;
use super::job::TransferId;
use crate::ids::HubName;

/// The job of each hub whose containers are being tried out.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<HubName, TransferId>>);

/// A hub's turn, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    hub: HubName,
}

impl Turns {
    /// Lets one job of a hub at a time in.
    pub(super) fn take(&self, hub: &HubName, job: &TransferId) -> Result<Turn<'_>, Busy> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = taken.get(hub) {
            return Err(Busy(other.clone()));
        }
        taken.insert(hub.clone(), job.clone());
        let hub = hub.clone();
        Ok(Turn { turns: self, hub })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let taken = self.turns.0.lock();
        taken
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.hub);
    }
}
