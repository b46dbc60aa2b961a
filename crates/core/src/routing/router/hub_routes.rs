//! The routes of one hub that are in force, for its producers to follow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::counts::HubCounts;
use super::twin_reads::TwinReads;
use crate::hubs::{Hub, Tier};
use crate::ids::HubName;
use crate::ports::{EventLog, StateStore};
use crate::routing::{EndpointId, RoutingSettings, RoutingTable};

/// One hub, as its producers see it.
pub(super) struct HubRoutes {
    pub name: HubName,
    /// What the built-in endpoint reads.
    pub log: Arc<dyn EventLog>,
    /// Where twins are.
    pub store: Arc<dyn StateStore>,
    pub twins: TwinReads,
    pub counts: HubCounts,
    /// That of `in_force`, to be asked before each message.
    version: AtomicU64,
    /// The latest counter of the hub's ETag that it was told of.
    as_of: AtomicU64,
    in_force: RwLock<Arc<InForce>>,
}

/// Routes, and where they lead.
pub(super) struct InForce {
    pub version: u64,
    pub table: RoutingTable,
    /// The backlogs of the custom endpoints, in the order of the table's.
    pub logs: Vec<Arc<dyn EventLog>>,
    /// What it was made of; nothing before anything was applied.
    made_of: Option<MadeOf>,
}

/// What is set of a hub's routing, at a moment.
#[derive(Debug, Clone)]
pub struct RoutingAsOf {
    /// The counter of the hub's ETag: of two, the larger one is later.
    pub as_of: u64,
    /// Says whether there are twins to ask about.
    pub tier: Tier,
    /// Routes, endpoints and enrichments.
    pub settings: Arc<RoutingSettings>,
}

impl RoutingAsOf {
    /// What a hub has.
    pub fn of(hub: &Hub) -> Self {
        RoutingAsOf {
            as_of: hub.record.etag,
            tier: hub.settings.tier,
            settings: hub.routing().clone(),
        }
    }

    fn is_like(&self, other: &RoutingAsOf) -> bool {
        let is_same = Arc::ptr_eq(&self.settings, &other.settings);
        self.tier == other.tier && (is_same || self.settings == other.settings)
    }
}

/// What routes in force are made of.
pub(super) struct MadeOf {
    pub routing: RoutingAsOf,
    /// The endpoints whose backlogs can't be opened.
    pub refused: Vec<EndpointId>,
}

impl HubRoutes {
    /// All telemetry to the built-in endpoint, until routes are
    /// [put in force](Self::put_in_force).
    pub(super) fn new(name: HubName, log: Arc<dyn EventLog>, store: Arc<dyn StateStore>) -> Self {
        let none = RoutingSettings::default();
        HubRoutes {
            log,
            store,
            twins: TwinReads::of(name.clone()),
            counts: HubCounts::of(name.clone()),
            version: AtomicU64::new(0),
            as_of: AtomicU64::new(0),
            in_force: RwLock::new(Arc::new(InForce {
                version: 0,
                table: RoutingTable::compile(&name, true, &none),
                logs: Vec::new(),
                made_of: None,
            })),
            name,
        }
    }

    /// Moves with each change.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(super) fn in_force(&self) -> Arc<InForce> {
        let in_force = self.in_force.read();
        in_force.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it knows of later ones. If not, these are the last it knows.
    pub(super) fn are_later_than(&self, routing: &RoutingAsOf) -> bool {
        let known = self.as_of.fetch_max(routing.as_of, Ordering::AcqRel);
        known > routing.as_of
    }

    /// Whether these are in force already, perhaps since an earlier moment.
    pub(super) fn are(&self, routing: &RoutingAsOf) -> bool {
        let in_force = self.in_force();
        let made_of = in_force.made_of.as_ref();
        made_of.is_some_and(|known| known.routing.is_like(routing))
    }

    /// The endpoints whose backlogs could not be opened for these.
    pub(super) fn refused(&self) -> Vec<EndpointId> {
        let in_force = self.in_force();
        let made_of = in_force.made_of.as_ref();
        made_of.map_or_else(Vec::new, |known| known.refused.clone())
    }

    /// From the next message of each producer on. `logs` are the backlogs of
    /// the custom endpoints, in their order.
    pub(super) fn put_in_force(
        &self,
        made_of: MadeOf,
        table: RoutingTable,
        logs: Vec<Arc<dyn EventLog>>,
    ) {
        let mut in_force = self
            .in_force
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let version = in_force.version + 1;
        *in_force = Arc::new(InForce {
            version,
            table,
            logs,
            made_of: Some(made_of),
        });
        self.version.store(version, Ordering::Release);
    }

    /// Whether the hub has an endpoint no more.
    pub(super) fn has_lost(&self, endpoint: EndpointId) -> bool {
        !self.in_force().table.endpoints().contains(&endpoint)
    }
}
