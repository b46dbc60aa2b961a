//! Endpoints as they come, change and go: a courier for each.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::courier::Courier;
use super::health::{EndpointHealth, EndpointStatus};
use super::ledger::Ledger;
use crate::hubs::Hub;
use crate::ids::HubName;
use crate::ports::{Backlogs, LogError, Targets};
use crate::routing::{Endpoint, EndpointId};
use crate::time::Clock;

/// How long until what failed on our side is begun again.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What every endpoint's courier needs, and who is on the way.
pub(super) struct Post {
    pub(super) backlogs: Arc<dyn Backlogs>,
    pub(super) targets: Arc<dyn Targets>,
    clock: Arc<dyn Clock>,
    endpoints: Mutex<BTreeMap<(HubName, EndpointId), Served>>,
}

/// An endpoint that is delivered to.
struct Served {
    ledger: Arc<Ledger>,
    errand: watch::Sender<Option<Errand>>,
}

/// How an endpoint is reached; none once it is gone.
#[derive(Clone)]
struct Errand {
    hub: Arc<Hub>,
    endpoint: Endpoint,
}

impl Post {
    pub(super) fn new(
        backlogs: Arc<dyn Backlogs>,
        targets: Arc<dyn Targets>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Post {
            backlogs,
            targets,
            clock,
            endpoints: Mutex::default(),
        }
    }

    /// Serves the endpoints of a hub that are set, and no others.
    pub(super) fn follow(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        couriers: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) {
        let mut served = self.endpoints();
        let settings = hub.routing();
        served.retain(|(of, id), one| {
            let stays = of != hub.name() || settings.endpoints.iter().any(|set| set.id == *id);
            if !stays {
                one.errand.send_replace(None);
            }
            stays
        });
        for endpoint in &settings.endpoints {
            let errand = Errand {
                hub: hub.clone(),
                endpoint: endpoint.clone(),
            };
            match served.entry((hub.name().clone(), endpoint.id)) {
                Entry::Occupied(known) => known.get().change(errand),
                Entry::Vacant(new) => {
                    new.insert(self.begin(errand, couriers, shutdown));
                }
            }
        }
    }

    fn begin(
        self: &Arc<Self>,
        errand: Errand,
        couriers: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) -> Served {
        let (hub, endpoint) = (errand.hub.name().clone(), errand.endpoint.clone());
        let id = endpoint.id;
        let traffic = errand.hub.traffic().clone();
        let ledger = Ledger::new(hub.clone(), traffic, endpoint, self.clock.clone());
        let ledger = Arc::new(ledger);
        let (sender, errands) = watch::channel(Some(errand));
        let (post, books, shutdown) = (self.clone(), ledger.clone(), shutdown.clone());
        couriers.spawn(async move {
            if post.serve(&books, errands, &shutdown).await == Ended::Gone {
                books.end();
                post.remove(&hub, id).await;
            }
        });
        Served {
            ledger,
            errand: sender,
        }
    }

    /// Delivers to one endpoint, however it is reached, until it is gone.
    async fn serve(
        &self,
        ledger: &Arc<Ledger>,
        mut errands: watch::Receiver<Option<Errand>>,
        shutdown: &CancellationToken,
    ) -> Ended {
        while !shutdown.is_cancelled() {
            let Some(errand) = errands.borrow_and_update().clone() else {
                return Ended::Gone;
            };
            let courier = Courier {
                hub: errand.hub,
                endpoint: errand.endpoint,
                backlogs: self.backlogs.clone(),
                targets: self.targets.clone(),
                ledger: ledger.clone(),
            };
            let stop = shutdown.child_token();
            let mut run = pin!(courier.run(stop.clone()));
            let failed = tokio::select! {
                ended = &mut run => ended.err(),
                _ = errands.changed() => {
                    // Of an endpoint that is gone nothing is worth an end in order.
                    if errands.borrow().is_some() {
                        stop.cancel();
                        let _ended = run.await;
                    }
                    continue;
                }
            };
            if let Some(error) = failed {
                tracing::error!(%error, "could not begin to deliver to an endpoint, will try again");
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                _ = errands.changed() => {}
                () = sleep(AGAIN_AFTER) => {}
            }
        }
        Ended::Stopping
    }

    /// Removes what there is of endpoints that are not set.
    pub(super) async fn remove_others(&self, hub: &Hub, there: Vec<EndpointId>) {
        let set = &hub.routing().endpoints;
        let is_set = |id| set.iter().any(|endpoint| endpoint.id == id);
        for id in there.into_iter().filter(|id| !is_set(*id)) {
            self.remove(hub.name(), id).await;
        }
    }

    async fn remove(&self, hub: &HubName, id: EndpointId) {
        match self.backlogs.remove(hub, id).await {
            Ok(()) | Err(LogError::Closed) => {
                tracing::info!(%hub, endpoint = %id, "removed what waited for an endpoint that is gone");
            }
            Err(error) => {
                tracing::error!(%hub, endpoint = %id, %error, "could not remove what waited for an endpoint that is gone; the next start tries again");
            }
        }
    }

    pub(super) async fn health(&self, hub: &Hub) -> Vec<EndpointHealth> {
        let mut all = Vec::new();
        for endpoint in &hub.routing().endpoints {
            let ledger = {
                let served = self.endpoints();
                let served = served.get(&(hub.name().clone(), endpoint.id));
                served.map(|one| one.ledger.clone())
            };
            all.push(match ledger {
                Some(ledger) => ledger.health().await,
                None => unknown(endpoint),
            });
        }
        all
    }

    fn endpoints(&self) -> MutexGuard<'_, BTreeMap<(HubName, EndpointId), Served>> {
        self.endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an endpoint is no longer delivered to.
#[derive(PartialEq, Eq)]
enum Ended {
    /// It is gone.
    Gone,
    /// The hub stops.
    Stopping,
}

impl Served {
    /// Begins anew if the endpoint is reached in another way.
    fn change(&self, errand: Errand) {
        self.errand.send_if_modified(|known| {
            let same = known.as_ref().map(|known| &known.endpoint) == Some(&errand.endpoint);
            if !same {
                *known = Some(errand);
            }
            !same
        });
    }
}

/// An endpoint that was set just now.
fn unknown(endpoint: &Endpoint) -> EndpointHealth {
    EndpointHealth {
        id: endpoint.id,
        name: endpoint.name.clone(),
        status: EndpointStatus::Unknown,
        last_error: None,
        last_success: None,
        last_attempt: None,
        delivered: 0,
        invalid: 0,
        damaged: 0,
        lost: 0,
        waiting: 0,
        backlog_bytes: 0,
    }
}
