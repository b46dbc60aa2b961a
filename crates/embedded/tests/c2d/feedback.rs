//! Feedback from the queue to its reader.

use std::sync::Arc;
use std::time::Duration;

use twinhub_core::access::ServicePermit;
use twinhub_core::c2d::{
    Acknowledgement, CloudToDeviceSettings, FeedbackBatch, FeedbackError, FeedbackSettings,
    FeedbackStatus, MAX_FEEDBACK_BATCH,
};
use twinhub_core::ports::QueueStore as _;

use crate::plant::{HandClock, Plant, Receiver, message};

const QUARTER_MINUTE: Duration = Duration::from_secs(15);

struct Bench {
    clock: Arc<HandClock>,
    plant: Plant,
    pump: Receiver,
    reader: ServicePermit,
}

impl Bench {
    async fn new(feedback: FeedbackSettings) -> Self {
        let clock = Arc::new(HandClock::default());
        let settings = CloudToDeviceSettings {
            feedback,
            ..CloudToDeviceSettings::default()
        };
        let plant = Plant::new(clock.clone(), settings).await;
        Bench {
            pump: plant.with_device("pump-7").await,
            reader: plant.service().await,
            clock,
            plant,
        }
    }

    /// Messages that are sent and completed.
    async fn complete(&self, count: usize) {
        for number in 0..count {
            let sent = message(&number.to_string(), Acknowledgement::Full);
            self.plant.send(self.pump.id(), sent).await;
            let delivery = self.pump.receive().await.unwrap();
            self.pump.complete(&delivery).await;
        }
    }

    async fn receive(&self) -> Option<FeedbackBatch> {
        let received = self.plant.c2d.receive_feedback(&self.reader);
        received.await.unwrap()
    }

    async fn stored(&self) -> usize {
        let (store, hub) = (&self.plant.engine, self.plant.hub.name());
        store.feedback(hub, 0, usize::MAX).await.unwrap().len()
    }
}

#[tokio::test]
async fn feedback_waits_a_quarter_minute_for_company() {
    let bench = Bench::new(FeedbackSettings::default()).await;
    bench.complete(2).await;

    assert_eq!(bench.receive().await, None);
    bench.clock.advance(QUARTER_MINUTE);
    let batch = bench.receive().await.unwrap();

    assert_eq!(batch.records.len(), 2);
    let first = &batch.records[0];
    assert_eq!(first.original_message_id.as_deref(), Some("0"));
    assert_eq!(first.status, FeedbackStatus::Success);
    assert_eq!(first.identity, *bench.pump.id());
    assert_eq!(first.generation, bench.pump.permit.generation());
}

#[tokio::test]
async fn a_full_batch_does_not_wait_and_leaves_the_rest_for_the_next() {
    let bench = Bench::new(FeedbackSettings::default()).await;
    bench.complete(MAX_FEEDBACK_BATCH + 1).await;

    let batch = bench.receive().await.unwrap();
    assert_eq!(batch.records.len(), MAX_FEEDBACK_BATCH);
    assert_eq!(bench.receive().await, None);

    bench.clock.advance(QUARTER_MINUTE);
    assert_eq!(bench.receive().await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_completed_batch_is_gone_and_an_abandoned_one_comes_again() {
    let bench = Bench::new(FeedbackSettings::default()).await;
    bench.complete(1).await;
    bench.clock.advance(QUARTER_MINUTE);
    let c2d = &bench.plant.c2d;

    let first = bench.receive().await.unwrap();
    assert_eq!(bench.receive().await, None);
    c2d.abandon_feedback(&bench.reader, &first.lock)
        .await
        .unwrap();
    let again = bench.receive().await.unwrap();
    assert_eq!(again.records, first.records);
    assert_eq!(again.delivery_count, 1);
    let late = c2d.complete_feedback(&bench.reader, &first.lock).await;
    assert!(matches!(late, Err(FeedbackError::LockLost)));

    c2d.complete_feedback(&bench.reader, &again.lock)
        .await
        .unwrap();
    assert_eq!(bench.receive().await, None);
    assert_eq!(bench.stored().await, 0);
}

#[tokio::test]
async fn a_batch_whose_reader_vanished_comes_again_also_after_a_restart() {
    let mut bench = Bench::new(FeedbackSettings::default()).await;
    bench.complete(1).await;
    bench.clock.advance(QUARTER_MINUTE);
    let first = bench.receive().await.unwrap();

    bench.plant = bench.plant.reopen().await;
    assert_eq!(bench.receive().await, None);
    bench.clock.advance(Duration::from_secs(60));

    let again = bench.receive().await.unwrap();
    assert_eq!(again.records, first.records);
    assert_ne!(again.lock, first.lock);
}

#[tokio::test]
async fn feedback_that_nobody_reads_is_dropped_by_age_and_by_number() {
    let rules = FeedbackSettings {
        max_records: 3,
        ..FeedbackSettings::default()
    };
    let bench = Bench::new(rules.clone()).await;
    bench.complete(5).await;

    bench.plant.c2d.sweep().await.unwrap();
    assert_eq!(bench.stored().await, 3);

    bench.clock.advance(rules.ttl);
    bench.plant.c2d.sweep().await.unwrap();
    assert_eq!(bench.stored().await, 0);
    assert_eq!(bench.receive().await, None);
}

/// Somebody who waits for feedback, in a task of its own.
fn waiter(bench: &Bench) -> tokio::task::JoinHandle<()> {
    let (c2d, reader) = (bench.plant.c2d.clone(), bench.reader.clone());
    tokio::spawn(async move { c2d.feedback_ready(&reader).await.unwrap() })
}

async fn is_woken(waiter: tokio::task::JoinHandle<()>) {
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, waiter)
        .await
        .expect("before a look by the clock would find it")
        .unwrap();
}

#[tokio::test]
async fn who_waits_for_feedback_is_woken_by_a_full_batch() {
    let bench = Bench::new(FeedbackSettings::default()).await;
    let waiter = waiter(&bench);
    bench.complete(MAX_FEEDBACK_BATCH - 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiter.is_finished());

    bench.complete(1).await;

    is_woken(waiter).await;
    assert!(bench.receive().await.is_some());
}

#[tokio::test]
async fn who_waits_for_feedback_is_woken_when_a_reader_gives_a_batch_back() {
    let bench = Bench::new(FeedbackSettings::default()).await;
    bench.complete(1).await;
    bench.clock.advance(QUARTER_MINUTE);
    let held = bench.receive().await.unwrap();
    let waiter = waiter(&bench);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiter.is_finished());

    let c2d = &bench.plant.c2d;
    let given_back = c2d.give_back_feedback(&bench.reader, &[held.lock]).await;

    given_back.unwrap();
    is_woken(waiter).await;
    let again = bench.receive().await.unwrap();
    assert_eq!(again.records, held.records);
    assert_eq!(again.delivery_count, 0);
    let late = c2d.complete_feedback(&bench.reader, &held.lock).await;
    assert!(matches!(late, Err(FeedbackError::LockLost)));
}

#[tokio::test]
async fn feedback_whose_time_has_come_is_not_waited_for() {
    let bench = Bench::new(FeedbackSettings::default()).await;
    bench.complete(1).await;
    bench.clock.advance(QUARTER_MINUTE);

    is_woken(waiter(&bench)).await;
}
