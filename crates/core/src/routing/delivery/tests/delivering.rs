//! What one worker does.

use std::time::Duration;

use tokio::time::{advance, sleep};

use super::target::{Act, Receiver, refusal};
use super::*;
use crate::ports::{DeliveryFailure, FailureReason};
use crate::routing::delivery::health::EndpointStatus;

/// Long enough for whatever is not asked to wait.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

async fn patience() {
    sleep(Duration::from_secs(600)).await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_and_what_comes_arrives_in_order() {
    let (backlog, receiver) = (TestBacklog::with_events(7), Receiver::default());

    let worker = Running::over(&backlog, &receiver).await;
    settle().await;
    backlog.append(2);
    settle().await;

    assert_eq!(receiver.got(), (0..9).collect::<Vec<_>>());
    let health = worker.ledger.health().await;
    assert_eq!(health.status, EndpointStatus::Healthy);
    assert_eq!((health.delivered, health.waiting), (9, 0));
    assert_eq!(worker.traffic.counts().messages_out, 9);
    worker.stop().await;
    assert_eq!(backlog.saved().next, 9);
}

#[tokio::test(start_paused = true)]
async fn a_failure_goes_back_to_what_was_not_delivered() {
    let (backlog, receiver) = (TestBacklog::with_events(6), Receiver::default());
    receiver.will([refusal(2), refusal(0)]);

    let worker = Running::over(&backlog, &receiver).await;
    patience().await;

    assert_eq!(receiver.got(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(receiver.flushes(), [4]);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_down_for_hours_gets_everything_and_is_not_asked_often() {
    let (backlog, receiver) = (TestBacklog::with_events(5), Receiver::default());
    receiver.set_down(true);

    let worker = Running::over(&backlog, &receiver).await;
    sleep(Duration::from_secs(5 * 60 * 60)).await;
    let dead = worker.ledger.health().await;
    let attempts = receiver.attempts();
    let reads = backlog.reads();
    receiver.set_down(false);
    sleep(Duration::from_secs(60)).await;

    assert_eq!(dead.status, EndpointStatus::Dead);
    assert_eq!((dead.waiting, dead.lost), (5, 0));
    assert_eq!(dead.last_success, None);
    assert!((300..650).contains(&attempts), "{attempts} attempts");
    assert!(reads <= 3 * (attempts + 1), "{reads} reads");
    assert_eq!(receiver.got(), [0, 1, 2, 3, 4]);
    assert_eq!(worker.ledger.health().await.status, EndpointStatus::Healthy);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_asks_to_be_left_alone_is() {
    let (backlog, receiver) = (TestBacklog::with_events(1), Receiver::default());
    let throttled = DeliveryFailure::new(FailureReason::Throttled, "too many requests");
    let pause = Duration::from_secs(300);
    receiver.will([Act::Badly(throttled.retry_after(Some(pause)))]);

    let worker = Running::over(&backlog, &receiver).await;
    sleep(pause - Duration::from_secs(1)).await;
    let before = receiver.got();
    sleep(Duration::from_secs(2)).await;

    assert_eq!(before, Vec::<u64>::new());
    assert_eq!(receiver.got(), [0]);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn events_that_an_endpoint_can_never_take_are_left_out_at_once() {
    let (backlog, receiver) = (TestBacklog::with_events(8), Receiver::default());
    for number in [0, 4, 7] {
        receiver.never_takes(number);
    }

    let worker = Running::over(&backlog, &receiver).await;
    settle().await;

    assert_eq!(receiver.got(), [1, 2, 3, 5, 6]);
    let health = worker.ledger.health().await;
    assert_eq!((health.invalid, health.waiting), (3, 0));
    let last = health.last_error.unwrap().reason;
    assert_eq!(last.last_known_error(), "MaxMessageSizeExceeded");
    worker.stop().await;
    assert_eq!(backlog.saved().next, 8);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_turns_out_invalid_after_others_arrived_is_the_only_one_left_out() {
    let (backlog, receiver) = (TestBacklog::with_events(6), Receiver::default());
    let invalid = DeliveryFailure::new(FailureReason::Invalid, "too large");
    receiver.will([Act::Badly(invalid.having_delivered(2))]);

    let worker = Running::over(&backlog, &receiver).await;
    settle().await;

    assert_eq!(receiver.got(), [0, 1, 3, 4, 5]);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn damaged_events_are_stepped_over_and_sound_ones_around_them_arrive() {
    let (backlog, receiver) = (TestBacklog::with_events(9), Receiver::default());
    for number in [2, 5, 6] {
        backlog.damage(number);
    }

    let worker = Running::over(&backlog, &receiver).await;
    settle().await;

    assert_eq!(receiver.got(), [0, 1, 3, 4, 7, 8]);
    assert_eq!(worker.ledger.health().await.damaged, 3);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_retention_took_is_counted_and_saved() {
    let (backlog, receiver) = (TestBacklog::with_events(9), Receiver::default());
    receiver.set_down(true);
    let worker = Running::over(&backlog, &receiver).await;
    settle().await;

    backlog.drop_before(4);
    let at_once = worker.ledger.health().await;
    receiver.set_down(false);
    patience().await;

    assert_eq!((at_once.lost, at_once.waiting), (4, 5));
    assert_eq!(receiver.got(), [4, 5, 6, 7, 8]);
    assert_eq!(worker.ledger.health().await.lost, 4);
    worker.stop().await;
    let saved = backlog.saved();
    assert_eq!((saved.next, saved.lost), (9, 4));
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_altogether_is_counted_before_anything_else_comes() {
    let (backlog, receiver) = (TestBacklog::with_events(5), Receiver::default());
    backlog.drop_before(5);

    let worker = Running::over(&backlog, &receiver).await;
    patience().await;

    let health = worker.ledger.health().await;
    assert_eq!((health.lost, health.waiting), (5, 0));
    worker.stop().await;
    assert_eq!(backlog.saved().next, 5);
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_before_a_restart_still_counts() {
    let (backlog, receiver) = (TestBacklog::with_events(6), Receiver::default());
    backlog.drop_before(2);
    let first = Running::over(&backlog, &receiver).await;
    settle().await;
    first.stop().await;

    backlog.append(3);
    backlog.drop_before(8);
    let second = Running::over(&backlog, &receiver).await;
    settle().await;

    assert_eq!(second.ledger.health().await.lost, 4);
    second.stop().await;
    assert_eq!(backlog.saved().lost, 4);
}

#[tokio::test(start_paused = true)]
async fn a_target_collects_for_as_long_as_it_lingers() {
    let (backlog, receiver) = (TestBacklog::with_events(3), Receiver::default());
    receiver.lingers(Duration::from_secs(60));

    let worker = Running::over(&backlog, &receiver).await;
    for _ in 0..9 {
        sleep(Duration::from_secs(9)).await;
        backlog.append(1);
    }
    settle().await;

    assert_eq!(receiver.flushes(), [9]);
    worker.stop().await;
    assert_eq!(
        receiver.flushes(),
        [9, 3],
        "the rest goes when the hub stops"
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_target_is_flushed_before_it_takes_more() {
    let (backlog, receiver) = (TestBacklog::with_events(7), Receiver::default());
    receiver.has_room_for(2);

    let worker = Running::over(&backlog, &receiver).await;
    settle().await;

    assert_eq!(receiver.flushes(), [2, 2, 2, 1]);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_without_any_room_is_a_failure_and_no_loop() {
    let (backlog, receiver) = (TestBacklog::with_events(1), Receiver::default());
    receiver.has_room_for(0);

    let worker = Running::over(&backlog, &receiver).await;
    patience().await;

    let health = worker.ledger.health().await;
    assert_eq!(health.status, EndpointStatus::Unhealthy);
    assert!(backlog.reads() < 60, "{} reads", backlog.reads());
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_under_way_has_a_moment_when_the_hub_stops() {
    let (backlog, receiver) = (TestBacklog::with_events(1), Receiver::default());
    receiver.will([Act::Slowly(Duration::from_secs(2))]);
    let worker = Running::over(&backlog, &receiver).await;
    settle().await;

    worker.stop().await;

    assert_eq!(backlog.saved().next, 1);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_takes_too_long_is_dropped_when_the_hub_stops() {
    let (backlog, receiver) = (TestBacklog::with_events(1), Receiver::default());
    receiver.will([Act::Slowly(Duration::from_secs(50))]);
    let worker = Running::over(&backlog, &receiver).await;
    settle().await;
    let before = tokio::time::Instant::now();

    worker.stop().await;

    assert!(before.elapsed() < Duration::from_secs(6));
    assert_eq!(backlog.saved().next, 0, "it is not known to have arrived");
}

#[tokio::test(start_paused = true)]
async fn a_worker_ends_with_its_backlog() {
    let (backlog, receiver) = (TestBacklog::with_events(1), Receiver::default());
    let worker = Running::over(&backlog, &receiver).await;
    settle().await;

    backlog.close();
    advance(Duration::from_secs(1)).await;

    worker.task.await.unwrap();
    assert_eq!(receiver.got(), [0]);
}
