//! The engine suite of the event port and of the backlogs port in memory: what
//! gateways are tested with keeps the contract.

use std::sync::Arc;

use async_trait::async_trait;
use twinhub_core::ports::{Backlogs, EventLog};
use twinhub_engine_suite::events::{PARTITIONS, hubs};
use twinhub_engine_suite::{BacklogStorage, EventStorage};
use twinhub_memory_log::{MemoryBacklogs, MemoryLog};

struct Memory<T>(T);

#[async_trait]
impl EventStorage for Memory<MemoryLog> {
    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(self.0.clone())
    }
}

#[async_trait]
impl BacklogStorage for Memory<MemoryBacklogs> {
    async fn open(&self) -> Arc<dyn Backlogs> {
        Arc::new(self.0.clone())
    }
}

mod events {
    use super::*;

    twinhub_engine_suite::event_log_suite!(Memory(MemoryLog::of(hubs(), PARTITIONS)));
}

mod backlogs {
    use super::*;

    twinhub_engine_suite::backlogs_suite!(Memory(MemoryBacklogs::new(PARTITIONS)));
}
