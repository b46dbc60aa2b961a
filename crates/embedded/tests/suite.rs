//! The engine suite on this engine.

use std::sync::Arc;

use async_trait::async_trait;
use twinhub_core::ports::{QueryStore, Sessions, StateStore};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_engine_suite::{QueryStorage, Storage};

/// A folder that goes with its test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().expect("a temporary folder can be made"))
    }
}

#[async_trait]
impl Storage for Folder {
    async fn open(&self, sessions: Arc<dyn Sessions>) -> Arc<dyn StateStore> {
        Arc::new(Engine::open(self.0.path(), sessions).expect("the state opens"))
    }
}

#[async_trait]
impl QueryStorage for Folder {
    async fn open(&self) -> (Arc<dyn StateStore>, Arc<dyn QueryStore>) {
        let sessions = Arc::new(LocalSessions::new());
        let engine = Engine::open(self.0.path(), sessions).expect("the state opens");
        let engine = Arc::new(engine);
        (engine.clone(), engine)
    }
}

twinhub_engine_suite::query_suite!(Folder::new());
twinhub_engine_suite::state_store_suite!(Folder::new());
twinhub_engine_suite::sessions_suite!(LocalSessions::new());
