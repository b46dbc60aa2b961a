//! Which way events go: from changes and senders into the logs, and from there
//! to custom endpoints.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use twinhub_core::hubs::Hubs;
use twinhub_core::notifications::{Naming, Pump, Teller};
use twinhub_core::ports::{Containers, StateStore};
use twinhub_core::routing::{Dispatcher, Router, RoutingAsOf};
use twinhub_core::time::Clock;
use twinhub_endpoints::Endpoints;

use super::logs::Logs;
use crate::config::{Config, ModuleEventNames};

/// Routes, and what runs along them.
pub struct Routing {
    pub router: Arc<Router>,
    pub dispatcher: Arc<Dispatcher>,
    pump: Arc<Pump>,
    hubs: Arc<Hubs>,
}

impl Routing {
    /// Puts the hubs' routes in force, before anything is sent: without the
    /// endpoints that can't be. Storage endpoints are among `containers`.
    pub async fn open(
        config: &Config,
        logs: &Logs,
        hubs: Arc<Hubs>,
        store: Arc<dyn StateStore>,
        containers: Arc<dyn Containers>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let router = Arc::new(Router::new(
            logs.events.clone(),
            logs.backlogs.clone(),
            store.clone(),
        ));
        for hub in hubs.all() {
            let begun = router.begin(hub.name(), RoutingAsOf::of(&hub)).await;
            begun.context("could not put the hub's routes in force")?;
        }
        let endpoints =
            Endpoints::new(containers, clock.clone()).allowing_http(config.outgoing.allow_http);
        let endpoints = config
            .outgoing
            .with_authorities(endpoints, |endpoints, pem| Ok(endpoints.trusting(pem)?))?;
        Ok(Routing {
            dispatcher: Arc::new(Dispatcher::new(
                hubs.clone(),
                router.clone(),
                logs.backlogs.clone(),
                Arc::new(endpoints),
                clock.clone(),
            )),
            pump: Arc::new(Pump::new(store, router.clone(), clock)),
            router,
            hubs,
        })
    }

    /// What tells of changes, if a route is about them.
    pub fn teller(&self, config: &Config) -> Teller {
        Teller::new(self.router.wanted())
            .naming(naming(config))
            .module_updates(config.hub.module_update_events)
    }

    /// Follows the hubs' routes, moves what changes tell, and delivers, each in
    /// a task of its own until `shutdown`.
    pub fn spawn(&self, tasks: &mut JoinSet<()>, shutdown: &CancellationToken) {
        let hubs = self.hubs.all();
        let names = hubs.iter().map(|hub| hub.name().clone()).collect();
        let router = self.router.clone();
        tasks.spawn(router.run(self.hubs.clone(), shutdown.clone()));
        tasks.spawn(self.pump.clone().run(names, shutdown.clone()));
        tasks.spawn(self.dispatcher.clone().run(shutdown.clone()));
    }
}

/// How events name operations on modules.
pub fn naming(config: &Config) -> Naming {
    match config.hub.module_event_names {
        ModuleEventNames::AsDevices => Naming::AsDevices,
        ModuleEventNames::AsModules => Naming::AsModules,
    }
}
