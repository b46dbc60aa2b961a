//! The engine suite of the event port on this engine, and what is its own.

#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use twinhub_core::ports::EventLog;
use twinhub_embedded::{EventSettings, LocalEventLog, OpenEventsError};
use twinhub_engine_suite::EventStorage;
use twinhub_engine_suite::events::{PARTITIONS, hubs};

/// A folder that goes with its test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn open_with(&self, partitions: u16) -> Result<LocalEventLog, OpenEventsError> {
        let settings = EventSettings {
            partitions,
            retention: Duration::from_secs(24 * 60 * 60),
            max_bytes: 1 << 30,
        };
        LocalEventLog::open(self.0.path(), hubs().map(|hub| (hub, settings)))
    }
}

#[async_trait]
impl EventStorage for Folder {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(self.open_with(PARTITIONS).unwrap())
    }
}

twinhub_engine_suite::event_log_suite!(Folder::new());

#[tokio::test]
async fn another_number_of_partitions_is_refused_with_the_one_to_set() {
    let folder = Folder::new();
    folder.open_with(4).unwrap().close().await;

    let refused = match folder.open_with(8) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    };

    assert_eq!(
        refused.to_string(),
        "hub plant was made with 4 partitions, and 8 are set now: \
         the number can't be changed, set it to 4"
    );
}

#[tokio::test]
async fn a_closed_log_tells_readers_who_wait() {
    let folder = Folder::new();
    let log = folder.open_with(2).unwrap();
    let [hub, _] = hubs();
    let partition = twinhub_core::events::PartitionId(0);

    let (waited, ()) = tokio::join!(log.wait_for(&hub, partition, 0), log.close());

    assert!(waited.is_err());
}
