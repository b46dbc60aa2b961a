//! A backlog in memory, whose events can be damaged and can go.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{P0, hub};
use crate::events::{Event, EventBatch, EventSource, Origin, PartitionId};
use crate::ids::{DeviceId, HubName, IdentityId};
use crate::messages::Message;
use crate::ports::{
    Backlog, EventLog, LogError, PartitionState, Producer, Progress, StartPosition,
};
use crate::time::Timestamp;

/// How many events a read gives at most.
const EVENTS_PER_READ: usize = 3;

/// One partition of events, whose bodies are their numbers.
#[derive(Default)]
pub(super) struct TestBacklog {
    log: Arc<TestLog>,
    saved: Mutex<Option<Progress>>,
}

#[derive(Default)]
struct TestLog {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    first: u64,
    next: u64,
    damaged: BTreeSet<u64>,
    reads: usize,
    closed: bool,
}

impl TestBacklog {
    pub(super) fn with_events(count: u64) -> Arc<Self> {
        let backlog = Arc::new(TestBacklog::default());
        backlog.append(count);
        backlog
    }

    pub(super) fn append(&self, count: u64) {
        self.log.state().next += count;
        self.log.changed.notify_waiters();
    }

    pub(super) fn damage(&self, sequence_number: u64) {
        self.log.state().damaged.insert(sequence_number);
    }

    /// Retention takes what lies before.
    pub(super) fn drop_before(&self, sequence_number: u64) {
        self.log.state().first = sequence_number;
    }

    pub(super) fn close(&self) {
        self.log.state().closed = true;
        self.log.changed.notify_waiters();
    }

    pub(super) fn reads(&self) -> usize {
        self.log.state().reads
    }

    pub(super) fn saved(&self) -> Progress {
        self.saved.lock().unwrap().unwrap_or(Progress {
            partition: P0,
            next: 0,
            lost: 0,
        })
    }
}

#[async_trait]
impl Backlog for TestBacklog {
    fn log(&self) -> Arc<dyn EventLog> {
        self.log.clone()
    }

    fn bytes(&self) -> u64 {
        let state = self.log.state();
        (state.next - state.first) * 100
    }

    async fn progress(&self) -> Result<Vec<Progress>, LogError> {
        Ok(vec![self.saved()])
    }

    async fn save(&self, progress: &[Progress]) -> Result<(), LogError> {
        let mut saved = self.saved.lock().unwrap();
        for one in progress {
            assert!(
                saved.is_none_or(|saved| saved.next <= one.next),
                "progress went back"
            );
            *saved = Some(*one);
        }
        Ok(())
    }
}

impl TestLog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn event(sequence_number: u64) -> Event {
    Event {
        sequence_number,
        offset: sequence_number,
        enqueued: Timestamp::from_unix_seconds(1_700_000_000),
        origin: Origin {
            identity: IdentityId::from(DeviceId::parse("pump-7").unwrap()),
            generation: Timestamp::from_ticks(1),
            auth_method: None,
            model_id: None,
            source: EventSource::Telemetry,
        },
        message: Message {
            body: sequence_number.to_string().into(),
            ..Message::default()
        },
    }
}

#[async_trait]
impl EventLog for TestLog {
    fn partitions(&self, _: &HubName) -> Option<u16> {
        Some(1)
    }

    fn producer(&self, _: &HubName, _: &Origin) -> Result<Box<dyn Producer>, LogError> {
        Err(LogError::Closed)
    }

    async fn partition(
        &self,
        of: &HubName,
        _: PartitionId,
    ) -> Result<Option<PartitionState>, LogError> {
        assert_eq!(*of, hub());
        let state = self.state();
        Ok(Some(PartitionState {
            first: state.first,
            next: state.next,
            last_offset: None,
            last_enqueued: None,
        }))
    }

    async fn find(
        &self,
        _: &HubName,
        _: PartitionId,
        position: StartPosition,
    ) -> Result<u64, LogError> {
        assert_eq!(position, StartPosition::Latest);
        Ok(self.state().next)
    }

    async fn read(
        &self,
        _: &HubName,
        _: PartitionId,
        sequence_number: u64,
        max_bytes: usize,
    ) -> Result<EventBatch, LogError> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.reads += 1;
        if state.closed {
            return Err(LogError::Closed);
        }
        let first = sequence_number.max(state.first);
        let most = if max_bytes == 1 { 1 } else { EVENTS_PER_READ };
        let numbers = (first..state.next).take(most);
        // As engines may do: one damaged event spoils the read.
        if let Some(number) = numbers.clone().find(|n| state.damaged.contains(n)) {
            return Err(LogError::Damaged {
                partition: P0,
                sequence_number: number,
                detail: "a byte is wrong".to_owned(),
            });
        }
        Ok(numbers.map(event).collect::<Vec<_>>().into())
    }

    async fn wait_for(
        &self,
        _: &HubName,
        _: PartitionId,
        sequence_number: u64,
    ) -> Result<(), LogError> {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state();
                if state.closed || state.next > sequence_number {
                    return Ok(());
                }
            }
            changed.await;
        }
    }
}
