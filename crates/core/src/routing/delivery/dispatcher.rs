//! Follows what is set of the hubs' endpoints, for all hubs.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::health::EndpointHealth;
use super::post::{AGAIN_AFTER, Post};
use crate::hubs::Hubs;
use crate::ids::HubName;
use crate::ports::{Backlogs, Targets};
use crate::routing::{Router, RoutingAsOf};
use crate::time::Clock;

/// Delivers to the custom endpoints of all hubs of this process.
pub struct Dispatcher {
    hubs: Arc<Hubs>,
    router: Arc<Router>,
    post: Arc<Post>,
}

impl Dispatcher {
    /// From the backlogs that the router writes to, to targets.
    pub fn new(
        hubs: Arc<Hubs>,
        router: Arc<Router>,
        backlogs: Arc<dyn Backlogs>,
        targets: Arc<dyn Targets>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Dispatcher {
            hubs,
            router,
            post: Arc::new(Post::new(backlogs, targets, clock)),
        }
    }

    /// Delivers until `shutdown`, and follows what is set of the hubs'
    /// endpoints meanwhile. What targets hold then is flushed if that is
    /// quick, and progress is saved, when it returns: within some six seconds.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut changes = self.hubs.changes();
        for hub in self.hubs.all() {
            self.remove_orphans(hub.name()).await;
        }
        let mut couriers = JoinSet::new();
        loop {
            changes.borrow_and_update();
            let follows_all = self.follow_all(&mut couriers, &shutdown).await;
            tokio::select! {
                () = shutdown.cancelled() => break,
                changed = changes.changed() => if changed.is_err() { break },
                () = sleep(AGAIN_AFTER), if !follows_all => {}
                Some(ended) = couriers.join_next() => tell_failed(&ended),
            }
        }
        shutdown.cancelled().await;
        while let Some(ended) = couriers.join_next().await {
            tell_failed(&ended);
        }
    }

    /// Serves what is set of all hubs; tells whether it could. The router hears
    /// of it first: nobody writes to what is removed.
    async fn follow_all(&self, couriers: &mut JoinSet<()>, shutdown: &CancellationToken) -> bool {
        let mut follows_all = true;
        for hub in self.hubs.all() {
            // The router tells why it can't.
            match self.router.apply(hub.name(), RoutingAsOf::of(&hub)).await {
                Ok(()) => self.post.follow(&hub, couriers, shutdown),
                Err(_) => follows_all = false,
            }
        }
        follows_all
    }

    /// Removes what waits for endpoints that are no more.
    async fn remove_orphans(&self, hub: &HubName) {
        let there = match self.post.backlogs.endpoints(hub).await {
            Ok(there) => there,
            Err(error) => {
                tracing::error!(%hub, %error, "could not look for what waits for endpoints");
                return;
            }
        };
        // Read after the list: what is made meanwhile is set already.
        if let Some(hub) = self.hubs.by_name(hub.as_str()) {
            self.post.remove_others(&hub, there).await;
        }
    }

    /// What endpoints are written by.
    pub fn targets(&self) -> &dyn Targets {
        &*self.post.targets
    }

    /// How the custom endpoints of a hub are, in the order in which they are
    /// set.
    pub async fn health(&self, hub: &HubName) -> Vec<EndpointHealth> {
        let Some(hub) = self.hubs.by_name(hub.as_str()) else {
            return Vec::new();
        };
        self.post.health(&hub).await
    }
}

fn tell_failed(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the courier of an endpoint failed");
    }
}
