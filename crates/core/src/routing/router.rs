//! The router: where events go on their way in.
//!
//! Conditions are asked once, before anything is stored. An event goes into
//! the hub's own log for the built-in endpoint, and into the backlog of each
//! custom endpoint that a route leads to; it is acknowledged once it is durable
//! in all of them. Whatever delivers from backlogs is none of its business.
//!
//! Without routes a message costs what it cost without a router: no lock, no
//! allocation, nothing to be looked up.

mod copying;
mod counts;
mod hub_routes;
mod lane;
mod marks;
mod producer;
mod refused;
mod sender_twin;
mod twin_reads;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::hub_routes::{HubRoutes, MadeOf};
use self::refused::RefusedLog;
use super::endpoint::{Endpoint, EndpointId};
use super::table::RoutingTable;
use crate::events::Origin;
use crate::hubs::Hubs;
use crate::ids::HubName;
use crate::notifications::WantedEvents;
use crate::ports::{Backlogs, EventLog, LogError, StateStore};

pub use self::hub_routes::RoutingAsOf;
pub use self::producer::RoutedProducer;

/// After how long routes that could not be put in force are tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// The routes of all hubs of this process.
pub struct Router {
    log: Arc<dyn EventLog>,
    backlogs: Arc<dyn Backlogs>,
    store: Arc<dyn StateStore>,
    hubs: RwLock<HashMap<HubName, Arc<HubRoutes>>>,
    wanted: Arc<WantedEvents>,
    /// One change at a time, so that the last one stands.
    changing: tokio::sync::Mutex<()>,
}

impl Router {
    /// Into the hubs' own logs and the backlogs of their endpoints; twins are
    /// in the store.
    pub fn new(
        log: Arc<dyn EventLog>,
        backlogs: Arc<dyn Backlogs>,
        store: Arc<dyn StateStore>,
    ) -> Self {
        Router {
            log,
            backlogs,
            store,
            hubs: RwLock::default(),
            wanted: Arc::default(),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// A way in for the events of one origin. Until routes are
    /// [applied](Self::apply), all telemetry goes to the built-in endpoint.
    pub fn producer(&self, hub: &HubName, origin: &Origin) -> Result<RoutedProducer, LogError> {
        RoutedProducer::new(self.routes_of(hub), origin.clone())
    }

    /// Which events some route is about, kept as routes change.
    pub fn wanted(&self) -> Arc<WantedEvents> {
        self.wanted.clone()
    }

    /// Where events of a hub may be: its own log, and the backlogs of its
    /// endpoints.
    pub(crate) fn logs(&self, hub: &HubName) -> Vec<(Option<EndpointId>, Arc<dyn EventLog>)> {
        let routes = self.routes_of(hub);
        let in_force = routes.in_force();
        let endpoints = in_force.table.endpoints().iter().copied().map(Some);
        let backlogs = endpoints.zip(in_force.logs.iter().cloned());
        [(None, routes.log.clone())]
            .into_iter()
            .chain(backlogs)
            .collect()
    }

    /// Puts the routes of a hub that starts in force. An endpoint whose backlog
    /// can't be opened keeps nothing else from starting: it refuses what routes
    /// lead to it, until it is removed or [`run`](Self::run) can open it.
    pub async fn begin(&self, hub: &HubName, routing: RoutingAsOf) -> Result<(), LogError> {
        let endpoints = routing.settings.endpoints.iter();
        let may_refuse = endpoints.map(|one| one.id).collect();
        self.put(hub, routing, may_refuse).await
    }

    /// Puts a hub's routes in force: for the next message of each sender once
    /// it returns. Whoever has read or changed a hub may be late with them:
    /// later ones stand, and none of the endpoints that they lack is opened.
    /// Does nothing if the same ones are in force.
    pub async fn apply(&self, hub: &HubName, routing: RoutingAsOf) -> Result<(), LogError> {
        self.put(hub, routing, Vec::new()).await
    }

    /// Endpoints that refuse already, and those that may, need not open.
    async fn put(
        &self,
        hub: &HubName,
        routing: RoutingAsOf,
        may_refuse: Vec<EndpointId>,
    ) -> Result<(), LogError> {
        let _one_at_a_time = self.changing.lock().await;
        let routes = self.routes_of(hub);
        let known = routes.refused();
        if routes.are_later_than(&routing) {
            return Ok(());
        }
        let is_known = routes.are(&routing);
        if is_known && known.is_empty() {
            return Ok(());
        }
        let RoutingAsOf { tier, settings, .. } = &routing;
        let (mut logs, mut refused) = (Vec::<Arc<dyn EventLog>>::new(), Vec::new());
        for Endpoint { id, name, .. } in &settings.endpoints {
            match self.backlogs.open(hub, *id).await {
                Ok(backlog) => logs.push(backlog.log()),
                Err(error) if known.contains(id) || may_refuse.contains(id) => {
                    if !known.contains(id) {
                        tracing::error!(
                            %hub, endpoint = %name, folder = %id, %error,
                            "an endpoint's backlog can't be opened: its events are refused"
                        );
                    }
                    logs.push(Arc::new(RefusedLog(error)));
                    refused.push(*id);
                }
                Err(error) => return Err(error),
            }
        }
        if is_known && refused == known {
            return Ok(());
        }
        let table = RoutingTable::compile(hub, tier.has_twins(), settings);
        let wanted: Vec<_> = table.wanted().collect();
        let made_of = MadeOf { routing, refused };
        routes.put_in_force(made_of, table, logs);
        // Last, so that what is made finds its way.
        self.wanted.set(hub, wanted);
        Ok(())
    }

    /// Follows the hubs until `shutdown`.
    pub async fn run(self: Arc<Self>, hubs: Arc<Hubs>, shutdown: CancellationToken) {
        let mut changes = hubs.changes();
        loop {
            changes.mark_unchanged();
            let all_applied = self.apply_all(&hubs).await;
            tokio::select! {
                () = shutdown.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(TRY_AGAIN), if !all_applied => {}
            }
        }
    }

    /// Whether the routes of all hubs are in force, with all endpoints.
    async fn apply_all(&self, hubs: &Hubs) -> bool {
        let mut all_applied = true;
        for hub in hubs.all() {
            let routing = RoutingAsOf::of(&hub);
            if let Err(error) = self.apply(hub.name(), routing).await {
                tracing::error!(hub = %hub.name(), %error, "could not put routes in force");
                all_applied = false;
            }
            all_applied &= self.routes_of(hub.name()).refused().is_empty();
        }
        all_applied
    }

    fn routes_of(&self, hub: &HubName) -> Arc<HubRoutes> {
        let hubs = self.hubs.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hubs.get(hub) {
            return known.clone();
        }
        drop(hubs);
        let mut hubs = self.hubs.write().unwrap_or_else(PoisonError::into_inner);
        let routes = hubs.entry(hub.clone()).or_insert_with(|| {
            let (log, store) = (self.log.clone(), self.store.clone());
            Arc::new(HubRoutes::new(hub.clone(), log, store))
        });
        routes.clone()
    }
}
