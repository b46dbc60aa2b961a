//! A hub for tests, which nothing is stored of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Hub, HubRecord, HubSettings, Sku, Tier};
use crate::consumer_groups::ConsumerGroup;
use crate::ids::HubName;
use crate::ports::Revision;
use crate::routing::RoutingSettings;

impl Hub {
    /// A hub of which nothing but its routing is set.
    pub(crate) fn routed(name: &HubName, routing: RoutingSettings) -> Arc<Self> {
        Arc::new(Hub {
            record: HubRecord {
                name: name.clone(),
                etag: 1,
            },
            settings: HubSettings {
                host_names: Vec::new(),
                tier: Tier {
                    sku: Sku::S3,
                    units: 1,
                },
                modules_per_device: 20,
                event_retention: Duration::from_secs(60 * 60 * 24),
            },
            policies: BTreeMap::new(),
            authorities: BTreeMap::new(),
            default_group: ConsumerGroup::default_group(),
            consumer_groups: BTreeMap::new(),
            routing: Arc::new(routing),
            routing_revision: None,
            revision: Revision(1),
            live: super::Live::default(),
        })
    }
}
