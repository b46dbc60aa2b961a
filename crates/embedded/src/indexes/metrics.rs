//! What is told of indexes.

use std::collections::HashSet;

use metrics::{counter, gauge};
use twinhub_core::ids::HubName;

use super::demand::Account;
use crate::tables::indexes::StoredIndex;

/// Indexes, by hub and whether they are `built` or `building`.
const INDEXES: &str = "twinhub_query_indexes";
/// Indexes that were built, by hub.
const BUILT: &str = "twinhub_query_indexes_built_total";
/// Reads of twins for queries, by hub and by what led to the twins: an
/// `index`, who is `connected`, or a `search`.
const READS: &str = "twinhub_query_reads_total";
/// Identities that searches looked at, by hub.
const SEARCHED: &str = "twinhub_query_searched_identities_total";

/// How many indexes the hubs have, as last shown.
#[derive(Debug, Default)]
pub(super) struct IndexGauges(HashSet<HubName>);

impl IndexGauges {
    pub(super) fn show(&mut self, all: &[StoredIndex]) {
        self.0
            .extend(all.iter().map(|index| index.hub_name.clone()));
        for hub in &self.0 {
            let of_hub = || all.iter().filter(|index| index.hub_name == *hub);
            let built = of_hub().filter(|index| index.built.is_none()).count();
            let building = of_hub().count() - built;
            for (state, count) in [("built", built), ("building", building)] {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                gauge!(INDEXES, "hub" => hub.to_string(), "state" => state).set(count);
            }
        }
    }
}

pub(super) fn built(hub: &HubName) {
    counter!(BUILT, "hub" => hub.to_string()).increment(1);
}

pub(crate) fn read(hub: &HubName, account: &Account) {
    let by = match account {
        Account::Used(_) => "index",
        Account::Connected(_) => "connected",
        Account::NoUse | Account::Searched(_) => "search",
    };
    counter!(READS, "hub" => hub.to_string(), "by" => by).increment(1);
    if let Account::Searched(search) = account {
        counter!(SEARCHED, "hub" => hub.to_string()).increment(search.looked_at);
    }
}
