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
