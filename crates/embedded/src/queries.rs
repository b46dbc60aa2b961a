//! The query port: many twins, narrowed down by SQLite, found by an index or
//! among the connected.

use std::sync::Arc;

use async_trait::async_trait;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::ports::{Fold, QueryStore, Scan, Slice, StoreError, fold_slices};

use self::folding::Folding;
use crate::engine::Engine;
use crate::indexes::lookup::lookup;
use crate::indexes::metrics;
use crate::tables::scan::{self, Asked};

mod folding;
mod frontier;

#[async_trait]
impl QueryStore for Engine {
    async fn scan(
        &self,
        hub: &HubName,
        scan: &Scan,
        after: Option<&IdentityId>,
        limit: usize,
    ) -> Result<Slice, StoreError> {
        let (hub, scan, after) = (hub.clone(), scan.clone(), after.cloned());
        let demand = self.demand().clone();
        self.read(move |connection| {
            let lookups: Vec<_> = scan.conditions.iter().filter_map(lookup).collect();
            let settings = demand.settings();
            let asked = Asked {
                hub: &hub,
                scan: &scan,
                after: after.as_ref(),
                limit,
                lookups: &lookups,
            };
            let (slice, account) = scan::read(connection, &asked, settings)?;
            metrics::read(&hub, &account);
            demand.note(&hub, &lookups, account);
            Ok(slice)
        })
        .await
    }
    /// By stretches, unless a few twins can be looked up.
    async fn fold(
        &self,
        hub: &HubName,
        scan: &Scan,
        fold: Arc<dyn Fold>,
    ) -> Result<(), StoreError> {
        let folding = Folding::new(hub, scan, fold.clone(), self.demand());
        let folding = Arc::new(folding);
        if folding.finds_few(self.readers()).await? {
            return fold_slices(self, hub, scan, fold).await;
        }
        folding.run(self.readers()).await
    }
}
