//! Twins to look for.

use std::sync::Arc;

use serde_json::{Value, json};
use twinhub_core::hubs::HubRecord;
use twinhub_core::identities::{Identity, Status};
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::ports::{
    Change, Parts, QueryStore, Record, Scan, Slice, StateStore, TwinRow, UnitOfWork, Wanted,
};
use twinhub_core::query::{Expr, Query, Source};
use twinhub_core::twins::{Twin, TwinPatch};

use crate::QueryStorage;
use crate::fixture::{NOW, device, hub_name, module, object};

pub(super) struct Plant {
    pub store: Arc<dyn StateStore>,
    pub queries: Arc<dyn QueryStore>,
    pub hub: HubName,
    _storage: Box<dyn QueryStorage>,
}

impl Plant {
    pub(super) async fn new(storage: impl QueryStorage) -> Self {
        let (store, queries) = storage.open().await;
        let plant = Plant {
            store,
            queries,
            hub: hub_name("plant"),
            _storage: Box::new(storage),
        };
        plant.add_hub(&plant.hub).await;
        plant
    }

    pub(super) async fn add_hub(&self, name: &HubName) {
        let record = HubRecord {
            name: name.clone(),
            etag: 1,
        };
        let change = Change::Insert(Record::Hub(record));
        self.commit(name, vec![change]).await;
    }

    pub(super) async fn with_device(&self, id: &str, tags: Value) {
        let mut device = device(id);
        if id.ends_with('!') {
            device.status = Status::Disabled;
        }
        self.with(&self.hub, Identity::Device(device), tags).await;
    }

    pub(super) async fn with_module(&self, device: &str, id: &str, tags: Value) {
        let module = Identity::Module(module(device, id));
        self.with(&self.hub, module, tags).await;
    }

    pub(super) async fn with(&self, hub: &HubName, identity: Identity, tags: Value) {
        let mut twin = Twin::new(identity.id(), NOW);
        let patch = TwinPatch {
            tags: Some(object(tags)),
            desired: Some(object(json!({"interval": 5}))),
        };
        twin.patch(&patch, NOW).unwrap();
        twin.report(&object(json!({"rate": 1.5})), NOW).unwrap();
        let changes = vec![
            Change::Insert(Record::Identity(identity)),
            Change::Insert(Record::Twin(twin)),
        ];
        self.commit(hub, changes).await;
    }

    async fn commit(&self, hub: &HubName, changes: Vec<Change>) {
        let work = UnitOfWork::new(hub.clone(), changes);
        self.store.commit(work).await.unwrap();
    }

    pub(super) async fn slice(
        &self,
        scan: &Scan,
        after: Option<&IdentityId>,
        limit: usize,
    ) -> Slice {
        let slice = self.queries.scan(&self.hub, scan, after, limit).await;
        let slice = slice.unwrap();
        assert!(slice.rows.len() <= limit);
        slice
    }

    /// All rows of all slices, and the conditions that were left open.
    pub(super) async fn rows(&self, scan: &Scan, limit: usize) -> (Vec<TwinRow>, Vec<usize>) {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let slice = self.slice(scan, after.as_ref(), limit).await;
            rows.extend(slice.rows);
            assert!(slice.next.is_none() || slice.next > after, "it goes on");
            after = slice.next;
            if after.is_none() {
                return (rows, slice.rest);
            }
        }
    }
}

pub(super) fn scan(source: Source, conditions: &[&str], parts: Parts) -> Scan {
    let conditions: Vec<_> = conditions.iter().map(|text| condition(text)).collect();
    Scan::new(source, conditions, Wanted::whole(parts))
}

pub(super) fn condition(text: &str) -> Expr {
    Query::parse_condition(text).unwrap()
}

pub(super) fn names(rows: &[TwinRow]) -> Vec<String> {
    rows.iter().map(|row| row.id.to_string()).collect()
}
