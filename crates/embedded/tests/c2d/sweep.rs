//! What happens by itself, with tokio's time for a clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use twinhub_core::c2d::{Acknowledgement, CloudToDeviceSettings, DEFAULT_LOCK, NewMessage};
use twinhub_core::ports::{Interests, Notice, QueueStore as _};
use twinhub_core::time::{Clock, Timestamp};

use crate::plant::{HandClock, Plant, Receiver, message};

const SECOND: Duration = Duration::from_secs(1);

struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000).plus(self.0.elapsed())
    }
}

async fn swept_plant() -> (Plant, Receiver) {
    let clock = Arc::new(TokioClock(Instant::now()));
    let plant = Plant::new(clock, CloudToDeviceSettings::default()).await;
    let pump = plant.with_device("pump-7").await;
    tokio::spawn(plant.c2d.clone().run(CancellationToken::new()));
    (plant, pump)
}

/// Time runs ahead whenever the engine's threads are waited for, so that
/// there is no saying when at the latest.
#[tokio::test(start_paused = true)]
async fn messages_go_by_themselves_when_their_time_is_over_and_not_before() {
    let (plant, pump) = swept_plant().await;
    let started = Instant::now();
    let until = |seconds: u64| NewMessage {
        expires: Some(Timestamp::from_unix_seconds(1_800_000_000 + seconds)),
        ..message("m", Acknowledgement::None)
    };
    plant.send(pump.id(), until(50_000)).await;
    plant.send(pump.id(), until(20_000)).await;

    for (left, seconds) in [(1, 20_000), (0, 50_000)] {
        while plant.shown_count(pump.id()).await > left {
            tokio::time::sleep(10 * SECOND).await;
        }
        assert!(started.elapsed().as_secs() >= seconds);
    }
}

#[tokio::test]
async fn a_session_hears_of_a_lock_that_ran_out() {
    let clock = Arc::new(HandClock::default());
    let plant = Plant::new(clock.clone(), CloudToDeviceSettings::default()).await;
    let pump = plant.with_device("pump-7").await;
    plant
        .send(pump.id(), message("m", Acknowledgement::None))
        .await;
    let held = pump.receive().await.unwrap();
    let mut connected = plant.enter(&pump);
    connected.mailbox.listens_to(Interests {
        messages: true,
        ..Interests::default()
    });
    assert_eq!(connected.mailbox.next().await, Ok(Notice::MessagesWaiting));
    assert_eq!(pump.receive().await, None);

    clock.advance(DEFAULT_LOCK);
    let next_look = plant.c2d.sweep().await.unwrap();

    assert_eq!(connected.mailbox.next().await, Ok(Notice::MessagesWaiting));
    assert!(next_look > clock.now());
    let again = pump.receive().await.unwrap();
    assert!(again.redelivered);
    assert_eq!(again.sequence_number, held.sequence_number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_queues_than_one_look_takes_are_swept_together() {
    let clock = Arc::new(HandClock::default());
    let plant = Plant::new(clock.clone(), CloudToDeviceSettings::default()).await;
    let mut pumps = Vec::new();
    for number in 0..300 {
        let pump = plant.with_device(&format!("pump-{number}")).await;
        plant
            .send(pump.id(), message("m", Acknowledgement::None))
            .await;
        pumps.push(pump);
    }

    clock.advance(Duration::from_secs(3600));
    plant.c2d.sweep().await.unwrap();

    assert_eq!(plant.engine.due_queues(1).await.unwrap(), []);
    assert_eq!(plant.shown_count(pumps[299].id()).await, 0);
}
