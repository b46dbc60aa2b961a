//! Builders that hide what a test is not about.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use twinhub_core::hubs::HubRecord;
use twinhub_core::identities::{Authentication, DeviceIdentity, Identity, ModuleIdentity, Status};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::keys::{Key, KeyPair};
use twinhub_core::policies::PolicyName;
use twinhub_core::ports::{
    Announcement, Change, CommitError, Conflict, Record, RecordKey, Revision, SessionNumber,
    Sessions as _, StateStore, Stored, UnitOfWork,
};
use twinhub_core::presence::Activity;
use twinhub_core::time::Timestamp;
use twinhub_core::twins::{Twin, TwinPatch};

use crate::Storage;
use crate::recorder::Recorder;

pub(crate) const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A store with one hub.
pub(crate) struct Fixture {
    storage: Box<dyn Storage>,
    pub store: Arc<dyn StateStore>,
    pub recorder: Arc<Recorder>,
    pub hub: HubName,
}

impl Fixture {
    pub(crate) async fn new(storage: impl Storage) -> Self {
        let recorder = Arc::new(Recorder::default());
        let fixture = Fixture {
            store: storage.open(recorder.clone()).await,
            storage: Box::new(storage),
            recorder,
            hub: hub_name("plant"),
        };
        fixture.add_hub(&fixture.hub).await;
        fixture
    }

    /// Closes the storage and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        let Fixture {
            storage,
            store,
            hub,
            ..
        } = self;
        drop(store);
        let recorder = Arc::new(Recorder::default());
        Fixture {
            store: storage.open(recorder.clone()).await,
            storage,
            recorder,
            hub,
        }
    }

    pub(crate) async fn add_hub(&self, name: &HubName) {
        let record = HubRecord {
            name: name.clone(),
            etag: 1,
        };
        let work = UnitOfWork::new(name.clone(), vec![Change::Insert(Record::Hub(record))]);
        self.store.commit(work).await.unwrap();
    }

    /// Commits to the fixture's hub.
    pub(crate) async fn try_commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let work = UnitOfWork::new(self.hub.clone(), changes);
        self.store.commit(work).await
    }

    pub(crate) async fn commit(&self, changes: Vec<Change>) {
        self.try_commit(changes).await.unwrap();
    }

    pub(crate) async fn commit_announcing(
        &self,
        changes: Vec<Change>,
        announcements: Vec<Announcement>,
    ) -> Result<(), CommitError> {
        let work = UnitOfWork::new(self.hub.clone(), changes).announcing(announcements);
        self.store.commit(work).await
    }

    /// A session in the identity's place: nobody is told, it never leaves.
    pub(crate) fn enter(&self, id: &IdentityId) -> SessionNumber {
        self.recorder.open(&self.hub, id, None).session()
    }

    /// The key that a commit conflicts over.
    pub(crate) async fn conflict(&self, changes: Vec<Change>) -> RecordKey {
        match self.try_commit(changes).await {
            Err(CommitError::Conflict(Conflict(key))) => key,
            other => panic!("expected a conflict, got {other:?}"),
        }
    }

    /// Registers a device with its twin.
    pub(crate) async fn with_device(&self, id: &str) -> IdentityId {
        self.commit(insert_device(device(id))).await;
        device_id(id).into()
    }

    /// Registers a module with its twin.
    pub(crate) async fn with_module(&self, device: &str, id: &str) -> IdentityId {
        let module = module(device, id);
        let id = module.identity_id();
        self.commit(insert_module(module)).await;
        id
    }

    pub(crate) async fn device(&self, id: &str) -> Option<Stored<DeviceIdentity>> {
        let found = self.store.device(&self.hub, &device_id(id)).await.unwrap();
        found.map(|found| found.identity)
    }

    pub(crate) async fn twin(&self, id: &IdentityId) -> Option<Stored<Twin>> {
        let found = self.store.twin(&self.hub, id).await.unwrap();
        found.map(|(_, twin)| twin)
    }

    /// The identity's revision, through its twin.
    pub(crate) async fn revision(&self, id: &IdentityId) -> Revision {
        let found = self.store.twin(&self.hub, id).await.unwrap();
        found.unwrap().0.identity.revision
    }

    pub(crate) async fn remove(&self, id: &IdentityId) {
        let key = RecordKey::Identity(id.clone());
        let revision = self.revision(id).await;
        self.commit(vec![Change::Remove(key, revision)]).await;
    }

    /// The IDs of a page of devices.
    pub(crate) async fn page(&self, after: Option<&str>, limit: usize) -> Vec<String> {
        let after = after.map(device_id);
        let page = self.store.devices(&self.hub, after.as_ref(), limit).await;
        let ids = page.unwrap().into_iter();
        ids.map(|found| found.identity.value.id.to_string())
            .collect()
    }
}

pub(crate) fn hub_name(text: &str) -> HubName {
    HubName::parse(text).unwrap()
}

pub(crate) fn device_id(text: &str) -> DeviceId {
    DeviceId::parse(text).unwrap()
}

pub(crate) fn module_id(text: &str) -> ModuleId {
    ModuleId::parse(text).unwrap()
}

pub(crate) fn policy_name(text: &str) -> PolicyName {
    PolicyName::parse(text).unwrap()
}

pub(crate) fn keys() -> KeyPair {
    KeyPair {
        primary: Key::parse(KEY).unwrap(),
        secondary: Key::generate(),
    }
}

pub(crate) fn device(id: &str) -> DeviceIdentity {
    DeviceIdentity {
        id: device_id(id),
        generation: NOW,
        version: 7,
        authentication: Authentication::Sas(keys()),
        status: Status::Enabled,
        status_reason: None,
        status_updated: Timestamp::NEVER,
        edge: false,
        scope: None,
        parent_scopes: Vec::new(),
    }
}

pub(crate) fn disabled(id: &str) -> DeviceIdentity {
    DeviceIdentity {
        status: Status::Disabled,
        ..device(id)
    }
}

pub(crate) fn module(device: &str, id: &str) -> ModuleIdentity {
    ModuleIdentity {
        device: device_id(device),
        id: module_id(id),
        generation: NOW,
        version: 7,
        authentication: Authentication::Sas(keys()),
        managed_by: None,
    }
}

pub(crate) fn insert_device(device: DeviceIdentity) -> Vec<Change> {
    let twin = Twin::new(device.id.clone().into(), NOW);
    vec![
        Change::Insert(Record::Identity(Identity::Device(device))),
        Change::Insert(Record::Twin(twin)),
    ]
}

pub(crate) fn insert_module(module: ModuleIdentity) -> Vec<Change> {
    let twin = Twin::new(module.identity_id(), NOW);
    vec![
        Change::Insert(Record::Identity(Identity::Module(module))),
        Change::Insert(Record::Twin(twin)),
    ]
}

pub(crate) fn replace_device(device: DeviceIdentity, from: Revision) -> Change {
    Change::Replace(Record::Identity(Identity::Device(device)), from)
}

pub(crate) fn remove_identity(id: &IdentityId, from: Revision) -> Change {
    Change::Remove(RecordKey::Identity(id.clone()), from)
}

/// Desired properties, merged as the back end does.
pub(crate) fn desire(twin: &mut Twin, properties: Value) {
    let patch = TwinPatch {
        tags: None,
        desired: Some(object(properties)),
    };
    twin.patch(&patch, NOW).unwrap();
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is not an object"),
    }
}

pub(crate) fn desired_changed(id: &IdentityId, version: u64) -> Announcement {
    Announcement::DesiredChanged {
        id: id.clone(),
        version,
        patch: Arc::new(json!({"speed": version, "$version": version})),
    }
}

pub(crate) fn activity(ticks: i64) -> Activity {
    Activity {
        state_updated: Timestamp::from_ticks(ticks),
        last_activity: Timestamp::from_ticks(ticks + 1),
    }
}
