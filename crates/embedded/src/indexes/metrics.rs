//! What is told of indexes.

use std::collections::HashMap;

use metrics::{counter, gauge};
use twinhub_core::ids::HubName;

use super::demand::Account;
use crate::tables::indexes::StoredIndex;

/// Indexes, by hub and whether they are `built` or `building`.
const INDEXES: &str = "twinhub_query_indexes";
/// Indexes that were built, by hub.
const BUILT: &str = "twinhub_query_indexes_built_total";
/// Reads of twins for queries, by hub and by what led to the twins: an
/// `index`, or a `search`.
const READS: &str = "twinhub_query_reads_total";
/// Identities that searches looked at, by hub.
const SEARCHED: &str = "twinhub_query_searched_identities_total";

pub(super) fn show(all: &[StoredIndex]) {
    let mut hubs: HashMap<&HubName, (u32, u32)> = HashMap::new();
    for index in all {
        let (built, building) = hubs.entry(&index.hub_name).or_default();
        if index.built.is_none() {
            *built += 1;
        } else {
            *building += 1;
        }
    }
    for (hub, (built, building)) in hubs {
        let hub = hub.to_string();
        gauge!(INDEXES, "hub" => hub.clone(), "state" => "built").set(built);
        gauge!(INDEXES, "hub" => hub, "state" => "building").set(building);
    }
}

pub(super) fn built(hub: &HubName) {
    counter!(BUILT, "hub" => hub.to_string()).increment(1);
}

pub(crate) fn read(hub: &HubName, account: &Account) {
    let by = match account {
        Account::Used(_) => "index",
        Account::NoUse | Account::Searched { .. } => "search",
    };
    counter!(READS, "hub" => hub.to_string(), "by" => by).increment(1);
    if let Account::Searched { looked_at, .. } = account {
        counter!(SEARCHED, "hub" => hub.to_string()).increment(*looked_at);
    }
}
