//! Where copies go, and when a message counts as durable.

use crate::plant::{Plant, assert_durable, assert_pending};

#[tokio::test]
async fn without_routes_all_goes_to_the_built_in_endpoint() {
    let plant = Plant::new().await.endpoint("cold").in_force().await;
    let mut sender = plant.sender();

    sender.send("1", "anywhere");

    assert_durable(sender.durable(0), 1);
    assert_eq!(plant.built_in(), ["1"]);
    assert!(plant.waiting_for("cold").is_empty());
    assert_eq!(plant.backlog("cold").memory().producers(), 0);
}

#[tokio::test]
async fn while_no_route_counts_all_goes_there_even_if_the_fallback_route_is_off() {
    let mut plant = Plant::new().await.without_fallback().in_force().await;
    let mut sender = plant.sender();
    sender.send("1", "anywhere");

    plant = plant.route("false", "events");
    plant.settings.routes[0].is_enabled = false;
    plant.put_in_force().await;
    sender.send("2", "anywhere");

    assert_durable(sender.durable(0), 2);
    assert_eq!(plant.built_in(), ["1", "2"]);
}

#[tokio::test]
async fn what_two_routes_want_goes_to_both_and_to_an_endpoint_once() {
    let plant = Plant::new()
        .await
        .endpoint("cold")
        .route("true", "events")
        .route("to = 'both'", "cold")
        .route("starts_with(to, 'b')", "cold")
        .in_force()
        .await;
    let mut sender = plant.sender();

    sender.send("1", "one");
    sender.send("2", "both");

    assert_durable(sender.durable(0), 2);
    assert_eq!(plant.built_in(), ["1", "2"]);
    assert_eq!(plant.waiting_for("cold"), ["2"]);
}

#[tokio::test]
async fn what_no_route_wants_falls_back_to_the_built_in_endpoint() {
    let plant = Plant::new()
        .await
        .endpoint("cold")
        .route("to = 'cold'", "cold")
        .in_force()
        .await;
    let mut sender = plant.sender();

    sender.send("1", "cold");
    sender.send("2", "nowhere");

    assert_eq!(plant.waiting_for("cold"), ["1"]);
    assert_eq!(plant.built_in(), ["2"]);
}

#[tokio::test]
async fn orphans_are_acknowledged_behind_what_came_before_them() {
    let plant = Plant::new()
        .await
        .endpoint("cold")
        .route("to = 'cold'", "cold")
        .without_fallback()
        .in_force()
        .await;
    let mut sender = plant.sender();
    plant.backlog("cold").memory().stick();

    sender.send("1", "cold");
    sender.send("2", "nowhere");
    assert_pending(&sender.durable(0));
    plant.backlog("cold").memory().go_on();

    assert_durable(sender.durable(0), 2);
    assert!(plant.built_in().is_empty());
}

#[tokio::test]
async fn a_message_is_durable_once_all_of_its_copies_are() {
    let plant = Plant::new()
        .await
        .endpoint("cold")
        .route("true", "events")
        .route("to = 'both'", "cold")
        .in_force()
        .await;
    let mut sender = plant.sender();
    plant.backlog("cold").memory().stick();

    sender.send("1", "one");
    sender.send("2", "both");
    sender.send("3", "one");

    assert_durable(sender.durable(0), 1);
    assert_pending(&sender.durable(1));
    assert_eq!(plant.built_in(), ["1", "2", "3"]);
    plant.backlog("cold").memory().go_on();
    assert_durable(sender.durable(1), 3);
}
