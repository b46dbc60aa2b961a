//! The query port: many twins, narrowed down by SQLite.

use async_trait::async_trait;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::ports::{QueryStore, Scan, Slice, StoreError};

use crate::engine::Engine;
use crate::tables::scan;

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
        self.read(move |connection| scan::read(connection, &hub, &scan, after.as_ref(), limit))
            .await
    }
}
