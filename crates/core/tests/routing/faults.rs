//! Logs that are full, and logs that break.

use std::task::Poll;

use twinhub_core::ports::LogError;

use crate::plant::{Plant, assert_durable, assert_pending};

async fn plant() -> Plant {
    Plant::new()
        .await
        .endpoint("cold")
        .route("true", "events")
        .route("to = 'both'", "cold")
        .in_force()
        .await
}

#[tokio::test]
async fn a_log_that_took_its_copy_does_not_get_another_when_the_message_comes_again() {
    let plant = plant().await;
    let mut sender = plant.sender();
    plant.backlog("cold").memory().has_room_for(0);

    assert!(sender.try_send("1", "both").is_err());
    assert_pending(&sender.durable(0));
    plant.backlog("cold").memory().has_room_for(10);
    assert_durable(sender.durable(0), 0);
    sender.send("1", "both");

    assert_durable(sender.durable(0), 1);
    assert_eq!(plant.built_in(), ["1"]);
    assert_eq!(plant.waiting_for("cold"), ["1"]);
}

#[tokio::test]
async fn another_message_gets_all_of_its_copies_although_one_before_it_waited() {
    let plant = plant().await;
    let mut sender = plant.sender();
    plant.backlog("cold").memory().has_room_for(0);

    assert!(sender.try_send("1", "both").is_err());
    plant.backlog("cold").memory().has_room_for(10);
    sender.send("2", "both");

    assert_durable(sender.durable(0), 1);
    assert_eq!(plant.built_in(), ["1", "2"]);
    assert_eq!(plant.waiting_for("cold"), ["2"]);
}

#[tokio::test]
async fn an_error_is_told_behind_what_is_durable_and_nothing_follows_it() {
    let plant = plant().await;
    let mut sender = plant.sender();
    sender.send("1", "one");
    plant.backlog("cold").memory().stick();
    sender.send("2", "both");
    sender.send("3", "one");

    plant.backlog("cold").memory().break_with(LogError::Full);

    assert_durable(sender.durable(0), 1);
    assert!(matches!(
        sender.durable(1),
        Poll::Ready(Err(LogError::Full))
    ));
    sender.send("4", "one");
    assert_eq!(plant.built_in(), ["1", "2", "3"]);
    assert!(matches!(
        sender.durable(1),
        Poll::Ready(Err(LogError::Full))
    ));
}

#[tokio::test]
async fn a_new_sender_may_send_where_another_failed() {
    let plant = plant().await;
    let mut sender = plant.sender();
    plant.backlog("cold").memory().stick();
    sender.send("1", "both");
    plant.backlog("cold").memory().break_with(LogError::Full);
    assert!(matches!(sender.durable(0), Poll::Ready(Err(_))));

    plant.backlog("cold").memory().forget_waiting();
    plant.backlog("cold").memory().go_on();
    let mut another = plant.sender();
    another.send("2", "both");

    assert_durable(another.durable(0), 1);
    assert_eq!(plant.waiting_for("cold"), ["2"]);
}
