//! Routes that ask about the sender's twin.

use serde_json::json;

use crate::plant::{Plant, assert_durable, assert_pending};

async fn plant() -> Plant {
    Plant::new()
        .await
        .endpoint("north")
        .route("$twin.tags.site = 'north'", "north")
        .in_force()
        .await
}

#[tokio::test]
async fn a_sender_whose_twin_is_not_there_yet_waits_for_it() {
    let plant = plant().await;
    plant.register(json!({ "site": "north" })).await;
    let mut sender = plant.sender();

    assert!(sender.try_send("1", "x").is_err());
    sender.send_in_time("1", "x").await;
    sender.send("2", "x");

    assert_durable(sender.durable(0), 2);
    assert_eq!(plant.waiting_for("north"), ["1", "2"]);
    assert!(plant.built_in().is_empty());
}

#[tokio::test]
async fn a_twin_is_kept_for_seconds_and_then_read_again() {
    let plant = plant().await;
    plant.register(json!({ "site": "north" })).await;
    let mut sender = plant.sender();
    sender.send_in_time("1", "x").await;

    plant.tag(json!({ "site": "south" })).await;
    sender.seconds_later(4);
    sender.send("2", "x");
    sender.seconds_later(1);
    sender.send_in_time("3", "x").await;

    assert_eq!(plant.waiting_for("north"), ["1", "2"]);
    assert_eq!(plant.built_in(), ["3"]);
}

#[tokio::test]
async fn one_who_has_no_twin_is_asked_nothing_of_it() {
    let plant = plant().await;
    let mut sender = plant.sender();

    sender.send_in_time("1", "x").await;

    assert_eq!(plant.built_in(), ["1"]);
}

#[tokio::test]
async fn what_is_on_its_way_is_told_while_the_twin_is_awaited() {
    let plant = plant().await;
    plant.register(json!({ "site": "north" })).await;
    let mut sender = plant.sender();
    sender.send_in_time("1", "x").await;
    plant.backlog("north").memory().stick();
    sender.send("2", "x");
    assert_durable(sender.durable(0), 1);
    assert_pending(&sender.durable(1));

    sender.seconds_later(10);
    assert!(sender.try_send("3", "x").is_err());
    plant.backlog("north").memory().go_on();

    assert_eq!(sender.known_durable(), 2);
}
