use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;
use crate::events::{Event, EventBatch, Origin};
use crate::ids::IdentityId;
use crate::messages::{Message, MessageRef};
use crate::ports::{Busy, PartitionState, Producer};
use crate::time::Timestamp;

/// A log in memory that gives two events per read at most.
#[derive(Default)]
struct MemoryLog {
    partitions: Mutex<Vec<Vec<Event>>>,
    appended: Notify,
}

impl MemoryLog {
    fn with_partitions(count: usize) -> Arc<Self> {
        Arc::new(MemoryLog {
            partitions: Mutex::new(vec![Vec::new(); count]),
            appended: Notify::new(),
        })
    }

    /// Puts an event of a device, enqueued at a tick, into a partition.
    fn put(&self, partition: usize, device: &str, body: &str, ticks: i64) {
        let mut partitions = self.partitions.lock().unwrap();
        let number = partitions[partition].len() as u64;
        partitions[partition].push(Event {
            sequence_number: number,
            offset: number,
            enqueued: Timestamp::from_ticks(ticks),
            origin: Origin {
                identity: IdentityId::from(DeviceId::parse(device).unwrap()),
                generation: Timestamp::from_ticks(1),
                auth_method: None,
                model_id: None,
                source: EventSource::Telemetry,
            },
            message: Message {
                body: body.to_owned().into(),
                ..Message::default()
            },
        });
        self.appended.notify_waiters();
    }

    fn len(&self, partition: PartitionId) -> u64 {
        self.partitions.lock().unwrap()[usize::from(partition.0)].len() as u64
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn partitions(&self, _: &HubName) -> Option<u16> {
        u16::try_from(self.partitions.lock().unwrap().len()).ok()
    }

    fn producer(&self, _: &HubName, _: &Origin) -> Result<Box<dyn Producer>, LogError> {
        Ok(Box::new(NoProducer))
    }

    async fn partition(
        &self,
        _: &HubName,
        _: PartitionId,
    ) -> Result<Option<PartitionState>, LogError> {
        Ok(None)
    }

    async fn find(
        &self,
        _: &HubName,
        partition: PartitionId,
        position: StartPosition,
    ) -> Result<u64, LogError> {
        Ok(match position {
            StartPosition::SequenceNumber(number) => number,
            StartPosition::Latest => self.len(partition),
            _ => 0,
        })
    }

    async fn read(
        &self,
        _: &HubName,
        partition: PartitionId,
        sequence_number: u64,
        _: usize,
    ) -> Result<EventBatch, LogError> {
        let partitions = self.partitions.lock().unwrap();
        let events = partitions[usize::from(partition.0)].iter();
        let some: Vec<Event> = events
            .skip_while(|event| event.sequence_number < sequence_number)
            .take(2)
            .cloned()
            .collect();
        Ok(some.into())
    }

    async fn wait_for(
        &self,
        _: &HubName,
        partition: PartitionId,
        sequence_number: u64,
    ) -> Result<(), LogError> {
        loop {
            let appended = self.appended.notified();
            if self.len(partition) > sequence_number {
                return Ok(());
            }
            appended.await;
        }
    }
}

struct NoProducer;

impl Producer for NoProducer {
    fn append(&mut self, _: &MessageRef<'_>, _: Timestamp) -> Result<(), Busy> {
        Err(Busy)
    }

    fn hand_over(&mut self) {}

    fn poll_durable(&mut self, _: &mut Context<'_>, _: u64) -> Poll<Result<u64, LogError>> {
        Poll::Pending
    }
}

async fn reader(log: &Arc<MemoryLog>, from: ReadFrom, filter: EventFilter) -> EventReader {
    let hub = HubName::parse("plant").unwrap();
    EventReader::over(log.clone(), hub, &from, filter)
        .await
        .unwrap()
}

fn earliest() -> ReadFrom {
    ReadFrom::Everywhere(StartPosition::Earliest)
}

/// The bodies of the next `count` events.
async fn bodies(reader: &mut EventReader, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    for _ in 0..count {
        timeout(Duration::from_secs(5), reader.ready())
            .await
            .unwrap()
            .unwrap();
        let (_, event) = reader.next_ready().unwrap();
        bodies.push(String::from_utf8(event.body().to_vec()).unwrap());
    }
    bodies
}

async fn waits(reader: &mut EventReader) -> bool {
    timeout(Duration::from_millis(1), reader.ready())
        .await
        .is_err()
}

#[tokio::test(start_paused = true)]
async fn every_partition_is_given_in_order_and_the_older_event_comes_first() {
    let log = MemoryLog::with_partitions(2);
    for (partition, body, ticks) in [(0, "a", 1), (0, "c", 3), (1, "b", 2), (1, "d", 4)] {
        log.put(partition, "pump", body, ticks);
    }

    let mut reader = reader(&log, earliest(), EventFilter::default()).await;

    assert_eq!(bodies(&mut reader, 4).await, ["a", "b", "c", "d"]);
    assert!(waits(&mut reader).await);
}

#[tokio::test(start_paused = true)]
async fn a_partition_without_order_of_time_keeps_its_own_order() {
    let log = MemoryLog::with_partitions(1);
    for (body, ticks) in [("a", 9), ("b", 1), ("c", 5), ("d", 5), ("e", 2)] {
        log.put(0, "pump", body, ticks);
    }

    let mut reader = reader(&log, earliest(), EventFilter::default()).await;

    assert_eq!(bodies(&mut reader, 5).await, ["a", "b", "c", "d", "e"]);
}

#[tokio::test(start_paused = true)]
async fn the_tail_is_followed_also_after_a_cancelled_wait() {
    let log = MemoryLog::with_partitions(2);
    log.put(0, "pump", "before", 1);
    let latest = ReadFrom::Everywhere(StartPosition::Latest);
    let mut reader = reader(&log, latest, EventFilter::default()).await;

    assert!(waits(&mut reader).await);
    log.put(1, "pump", "after", 2);

    assert_eq!(bodies(&mut reader, 1).await, ["after"]);
    assert!(waits(&mut reader).await);
}

#[tokio::test(start_paused = true)]
async fn positions_resume_where_a_reader_stopped_also_with_events_at_hand() {
    let log = MemoryLog::with_partitions(2);
    for number in 0..6 {
        log.put(number % 2, "pump", &number.to_string(), number as i64);
    }
    let mut first = reader(&log, earliest(), EventFilter::default()).await;
    let mut seen = bodies(&mut first, 3).await;

    let resumed = ReadFrom::Positions(first.positions());
    let mut second = reader(&log, resumed, EventFilter::default()).await;
    seen.extend(bodies(&mut second, 3).await);

    assert_eq!(seen, ["0", "1", "2", "3", "4", "5"]);
    assert!(waits(&mut second).await);
}

#[tokio::test(start_paused = true)]
async fn positions_of_a_log_that_had_more_go_on_at_the_tail() {
    let log = MemoryLog::with_partitions(2);
    log.put(0, "pump", "before", 1);
    let beyond = ReadFrom::Positions(vec![(PartitionId(0), 99), (PartitionId(1), 99)]);
    let mut reader = reader(&log, beyond, EventFilter::default()).await;

    assert!(waits(&mut reader).await);
    log.put(0, "pump", "one", 2);
    log.put(1, "pump", "two", 3);

    assert_eq!(bodies(&mut reader, 2).await, ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_events_of_each_partition_are_counted_from_its_tail() {
    let log = MemoryLog::with_partitions(2);
    for (partition, body, ticks) in [(0, "a", 1), (0, "b", 2), (0, "c", 3), (1, "d", 4)] {
        log.put(partition, "pump", body, ticks);
    }

    let mut reader = reader(&log, ReadFrom::Last(2), EventFilter::default()).await;

    assert_eq!(bodies(&mut reader, 3).await, ["b", "c", "d"]);
    assert!(waits(&mut reader).await);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_ends_at_the_tail_gives_nothing_that_came_later() {
    let log = MemoryLog::with_partitions(2);
    log.put(0, "pump", "a", 1);
    log.put(0, "valve", "b", 2);
    log.put(0, "pump", "c", 3);
    let only_pump = EventFilter {
        device: Some(DeviceId::parse("pump").unwrap()),
        partition: Some(PartitionId(0)),
        ..EventFilter::default()
    };
    let mut reader = reader(&log, earliest(), only_pump).await;

    reader.end_at_tail().await.unwrap();
    log.put(0, "pump", "late", 4);

    assert!(!reader.has_ended());
    assert_eq!(bodies(&mut reader, 2).await, ["a", "c"]);
    assert!(!waits(&mut reader).await);
    assert!(reader.has_ended());
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_which_the_filter_leaves_nothing_ends_too() {
    let log = MemoryLog::with_partitions(1);
    log.put(0, "pump", "a", 1);
    let hot = EventFilter {
        content: Some("hot".to_owned()),
        ..EventFilter::default()
    };
    let mut reader = reader(&log, earliest(), hot).await;

    reader.end_at_tail().await.unwrap();

    assert!(!waits(&mut reader).await);
    assert!(reader.has_ended());
    assert!(reader.next_ready().is_none());
}

#[tokio::test(start_paused = true)]
async fn filters_let_through_what_fits_all_of_them() {
    let log = MemoryLog::with_partitions(1);
    log.put(0, "pump", "hot", 1);
    log.put(0, "valve", "hot", 2);
    for number in 0..7 {
        log.put(0, "pump", "cold", 3 + number);
    }
    log.put(0, "pump", "very hot", 10);
    let filter = EventFilter {
        device: Some(DeviceId::parse("pump").unwrap()),
        content: Some("hot".to_owned()),
        sources: vec![EventSource::Telemetry],
        ..EventFilter::default()
    };

    let mut reader = reader(&log, earliest(), filter).await;

    assert_eq!(bodies(&mut reader, 2).await, ["hot", "very hot"]);
    assert!(waits(&mut reader).await);
}

#[tokio::test]
async fn a_partition_that_the_hub_does_not_have_is_refused() {
    let log = MemoryLog::with_partitions(2);
    let filter = EventFilter {
        partition: Some(PartitionId(2)),
        ..EventFilter::default()
    };

    let hub = HubName::parse("plant").unwrap();
    let refused = EventReader::over(log, hub, &earliest(), filter).await.err();

    assert!(matches!(
        refused,
        Some(OpenReaderError::NoSuchPartition { count: 2, .. })
    ));
}
