//! A hub's routing: set as a whole, alone or together with its policies.

use std::sync::Arc;

use super::{ChangeHubError, Hub, Hubs, NextHub, WantedHub};
use crate::etag::Precondition;
use crate::ports::{Change, Record, Targets};
use crate::routing::{InvalidRouting, RoutingSettings, WantedRouting};

impl Hub {
    /// What is set of its routing.
    pub fn routing(&self) -> &Arc<RoutingSettings> {
        &self.routing
    }

    /// The routing that a caller wants, if this hub may have it.
    pub(super) fn resolve_routing(
        &self,
        wanted: WantedRouting,
        targets: &dyn Targets,
    ) -> Result<RoutingSettings, InvalidRouting> {
        let settings = wanted.resolve(&self.routing)?;
        let checked = settings.check(self.settings.tier);
        checked.map_err(|error| error.of_change(&self.routing))?;
        settings.check_targets(&self.routing, targets)?;
        Ok(settings)
    }

    /// What must be written so that the routing becomes `next`, if anything.
    pub(super) fn routing_to_change(&self, next: RoutingSettings) -> Option<Change> {
        if next == *self.routing {
            return None;
        }
        let record = Record::Routing(next);
        Some(match self.routing_revision {
            Some(from) => Change::Replace(record, from),
            None => Change::Insert(record),
        })
    }
}

impl Hubs {
    /// Changes what is named of a hub, all of it or nothing. Policies keep the
    /// keys for which none are given, and live sessions of changed ones are
    /// checked again. Of routing, see [`WantedRouting`]; endpoints are those
    /// that `targets` could write. Routes are in force once whoever routes has
    /// followed [`changes`](Self::changes).
    pub async fn put(
        &self,
        hub: &str,
        if_match: &Precondition,
        wanted: WantedHub,
        targets: &dyn Targets,
    ) -> Result<Arc<Hub>, ChangeHubError> {
        self.change(hub, if_match, |hub| {
            let policies = wanted
                .policies
                .map(|policies| hub.resolve_policies(policies));
            let routing = wanted
                .routing
                .map(|routing| hub.resolve_routing(routing, targets));
            Ok(NextHub {
                policies: policies.transpose()?,
                routing: routing.transpose()?,
            })
        })
        .await
    }
}
