//! Which events a change makes.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::event::{Naming, NewEvent, event};
use super::lifecycle::{self, Happening};
use super::wanted::WantedEvents;
use super::{digital_twin, twin_change};
use crate::events::EventSource;
use crate::identities::Identity;
use crate::ids::{HubName, IdentityId};
use crate::time::Timestamp;
use crate::twins::Twin;

/// Makes the events of changes, those that somebody wants.
#[derive(Debug, Clone)]
pub struct Teller {
    wanted: Arc<WantedEvents>,
    naming: Naming,
    module_updates: bool,
}

impl Default for Teller {
    /// Tells nothing.
    fn default() -> Self {
        Teller::new(Arc::default())
    }
}

/// Whom an event is about, and when what it tells of happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub hub: &'a HubName,
    pub id: &'a IdentityId,
    pub generation: Timestamp,
    pub at: Timestamp,
}

/// A part of a twin that a patch names, with what it says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TwinPart<'a> {
    Tags(&'a Map<String, Value>),
    Desired(&'a Map<String, Value>),
    Reported(&'a Map<String, Value>),
}

impl Teller {
    /// Tells what is `wanted`, updates of modules included.
    pub fn new(wanted: Arc<WantedEvents>) -> Self {
        Teller {
            wanted,
            naming: Naming::default(),
            module_updates: true,
        }
    }

    /// Names operations on modules in this way.
    pub fn naming(mut self, naming: Naming) -> Self {
        self.naming = naming;
        self
    }

    /// Whether updates of modules are told at all. Azure does not.
    pub fn module_updates(mut self, told: bool) -> Self {
        self.module_updates = told;
        self
    }

    pub(crate) fn wants_lifecycle(&self, hub: &HubName) -> bool {
        self.wanted.wants(hub, EventSource::Lifecycle)
    }

    /// Whether an update of this identity makes an event.
    pub(crate) fn wants_update_of(&self, hub: &HubName, identity: &Identity) -> bool {
        // The edge runtime's own are told of when they come and go.
        let counts = match identity {
            Identity::Device(_) => false,
            Identity::Module(module) => self.module_updates && !module.is_managed_by_edge(),
        };
        counts && self.wants_lifecycle(hub)
    }

    pub(crate) fn created(&self, about: &About<'_>, twin: &Twin) -> NewEvent {
        self.lifecycle(Happening::Created, about, twin)
    }

    pub(crate) fn updated(&self, about: &About<'_>, twin: &Twin) -> NewEvent {
        self.lifecycle(Happening::Updated, about, twin)
    }

    pub(crate) fn deleted(&self, about: &About<'_>, twin: &Twin) -> NewEvent {
        self.lifecycle(Happening::Deleted, about, twin)
    }

    fn lifecycle(&self, happening: Happening, about: &About<'_>, twin: &Twin) -> NewEvent {
        let of_module = about.id.module_id().is_some();
        let kind = lifecycle::kind(happening, of_module, self.naming);
        event(about, kind, &lifecycle::body(twin))
    }

    /// What is told of a twin that patches were merged into.
    pub(crate) fn twin_updated(
        &self,
        about: &About<'_>,
        twin: &Twin,
        parts: &[TwinPart<'_>],
    ) -> Vec<NewEvent> {
        let body = || twin_change::updated(twin, parts);
        self.twin_changed(about, "updateTwin", body, twin, parts)
    }

    /// What is told of a twin of which these parts were replaced.
    pub(crate) fn twin_replaced(
        &self,
        about: &About<'_>,
        twin: &Twin,
        parts: &[TwinPart<'_>],
    ) -> Vec<NewEvent> {
        let body = || twin_change::replaced(twin);
        self.twin_changed(about, "replaceTwin", body, twin, parts)
    }

    fn twin_changed(
        &self,
        about: &About<'_>,
        operation: &'static str,
        body: impl FnOnce() -> Value,
        twin: &Twin,
        parts: &[TwinPart<'_>],
    ) -> Vec<NewEvent> {
        let wants = |source| self.wanted.wants(about.hub, source);
        let mut events = Vec::new();
        if wants(EventSource::TwinChange) {
            events.push(event(about, twin_change::kind(operation), &body()));
        }
        if !twin.model_id.is_empty()
            && wants(EventSource::DigitalTwinChange)
            && let Some(patch) = digital_twin::patch(twin, parts)
        {
            events.push(event(about, digital_twin::KIND, &patch));
        }
        events
    }
}
