//! Folds of all twins: a stretch after the other, by one reader or by several.
//!
//! Stretches do not overlap, and together they are all identities there can
//! be, so that it does not matter who reads which of them, nor when.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rusqlite::Connection;
use twinhub_core::ids::HubName;
use twinhub_core::ports::{Fold, Scan, StoreError};

use super::frontier::Frontier;
use crate::errors::read_failed;
use crate::indexes::demand::{Account, Demand, Search};
use crate::indexes::lookup::{Lookup, lookup};
use crate::indexes::metrics;
use crate::readers::Readers;
use crate::tables::scan::{self, Stretch, end_of_stretch, identities_of, names_devices};

/// Identities of a stretch: a millisecond or two of reading.
const STRETCH: u32 = 2_000;

/// A fold under way.
pub(super) struct Folding {
    hub: HubName,
    scan: Scan,
    fold: Arc<dyn Fold>,
    demand: Arc<Demand>,
    /// The conditions that an index would serve.
    lookups: Vec<Lookup>,
    frontier: Frontier,
}

impl Folding {
    pub(super) fn new(
        hub: &HubName,
        scan: &Scan,
        fold: Arc<dyn Fold>,
        demand: &Arc<Demand>,
    ) -> Self {
        Folding {
            hub: hub.clone(),
            scan: scan.clone(),
            fold,
            demand: demand.clone(),
            lookups: scan.conditions.iter().filter_map(lookup).collect(),
            frontier: Frontier::default(),
        }
    }

    /// Whether few twins are to be looked at, which are known without a search.
    pub(super) async fn finds_few(self: &Arc<Self>, readers: &Readers) -> Result<bool, StoreError> {
        if self.scan.conditions.iter().any(names_devices) {
            return Ok(true);
        }
        if self.lookups.is_empty() && self.scan.connected.is_none() {
            return Ok(false);
        }
        let folding = self.clone();
        let is_narrow = move |connection: &Connection| {
            let settings = folding.demand.settings();
            let Folding {
                hub, scan, lookups, ..
            } = &*folding;
            scan::is_narrow(connection, hub, scan, lookups, settings).map_err(read_failed)
        };
        readers.read(is_narrow).await
    }

    /// Folds all. If a reader is to spare, it is used, too.
    pub(super) async fn run(self: Arc<Self>, readers: &Readers) -> Result<(), StoreError> {
        let next = || {
            let folding = self.clone();
            readers.read(move |connection| folding.read_next(connection))
        };
        // Most hubs have no second stretch.
        next().await?;
        let mut under_way = FuturesUnordered::new();
        loop {
            while !self.frontier.is_over()
                && (under_way.is_empty() || readers.has_spare(under_way.len()))
            {
                under_way.push(next());
            }
            match under_way.next().await {
                Some(read) => read?,
                None => return Ok(()),
            }
        }
    }

    fn read_next(&self, connection: &Connection) -> Result<(), StoreError> {
        let next = self.next_stretch(connection).map_err(read_failed)?;
        let Some(stretch) = next else {
            return Ok(());
        };
        let found = scan::fold(
            connection,
            &self.hub,
            &self.scan,
            &stretch,
            self.fold.clone(),
        )?;
        let account = self.account(connection, &stretch, found);
        let account = account.map_err(read_failed)?;
        metrics::read(&self.hub, &account);
        self.demand.note(&self.hub, &self.lookups, account);
        Ok(())
    }

    /// Nothing if others read the rest.
    fn next_stretch(&self, connection: &Connection) -> rusqlite::Result<Option<Stretch>> {
        self.frontier
            .next(|after| end_of_stretch(connection, &self.hub, (&after.0, &after.1), STRETCH))
    }

    fn account(
        &self,
        connection: &Connection,
        stretch: &Stretch,
        found: u64,
    ) -> rusqlite::Result<Account> {
        if self.lookups.is_empty() {
            return Ok(Account::NoUse);
        }
        Ok(Account::Searched(Search {
            of: identities_of(connection, &self.hub)?,
            // The last one, which is not full, does not count.
            looked_at: stretch.end.as_ref().map_or(0, |_| STRETCH.into()),
            found,
        }))
    }
}
