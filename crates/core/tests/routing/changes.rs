//! Routes that change while somebody sends.

use std::sync::Arc;

use twinhub_core::events::EventSource;
use twinhub_core::ports::Backlogs;
use twinhub_core::routing::{Destination, RoutingAsOf, RoutingSettings};

use crate::plant::{Plant, assert_durable, assert_pending};

#[tokio::test]
async fn a_change_holds_from_the_next_message_of_a_live_sender_on() {
    let plant = Plant::new().await;
    let mut sender = plant.sender();
    sender.send("1", "x");

    let plant = plant
        .endpoint("cold")
        .route("true", "cold")
        .in_force()
        .await;
    sender.send("2", "x");
    let mut plant = plant;
    plant.settings.routes[0].is_enabled = false;
    plant.put_in_force().await;
    sender.send("3", "x");

    assert_durable(sender.durable(0), 3);
    assert_eq!(plant.built_in(), ["1", "3"]);
    assert_eq!(plant.waiting_for("cold"), ["2"]);
}

#[tokio::test]
async fn what_was_sent_by_old_routes_is_waited_for() {
    let mut plant = Plant::new()
        .await
        .endpoint("cold")
        .route("true", "cold")
        .in_force()
        .await;
    let mut sender = plant.sender();
    plant.backlog("cold").memory().stick();
    sender.send("1", "x");

    plant.settings.routes.clear();
    plant.put_in_force().await;
    sender.send("2", "x");

    assert_pending(&sender.durable(0));
    assert_eq!(plant.built_in(), ["2"]);
    plant.backlog("cold").memory().go_on();
    assert_durable(sender.durable(0), 2);
}

#[tokio::test]
async fn what_waited_for_an_endpoint_that_is_removed_holds_nothing_back() {
    let plant = Plant::new()
        .await
        .endpoint("cold")
        .route("true", "cold")
        .in_force()
        .await;
    let mut sender = plant.sender();
    plant.backlog("cold").memory().stick();
    sender.send("1", "x");
    assert_pending(&sender.durable(0));

    let nothing = RoutingAsOf {
        settings: Arc::default(),
        ..plant.as_of(2)
    };
    plant.router.apply(&plant.hub, nothing).await.unwrap();
    let removed = plant.endpoint_id("cold");
    plant.backlogs.remove(&plant.hub, removed).await.unwrap();

    assert_durable(sender.durable(0), 1);
    sender.send("2", "x");
    assert_durable(sender.durable(1), 2);
    assert_eq!(plant.built_in(), ["2"]);
}

#[tokio::test]
async fn routes_that_somebody_is_late_with_do_not_take_the_place_of_later_ones() {
    let plant = Plant::new().await.endpoint("cold").route("true", "cold");
    let early = Arc::new(plant.settings.clone());
    let late = Arc::new(RoutingSettings::default());
    let set = |as_of, settings| {
        let routing = RoutingAsOf {
            settings,
            ..plant.as_of(as_of)
        };
        plant.router.apply(&plant.hub, routing)
    };

    set(2, late).await.unwrap();
    set(1, early.clone()).await.unwrap();
    let mut sender = plant.sender();
    sender.send("1", "x");

    assert_durable(sender.durable(0), 1);
    assert_eq!(plant.built_in(), ["1"]);
    let cold = plant.endpoint_id("cold");
    assert!(plant.backlogs.of(&plant.hub, cold).is_none());

    set(3, early).await.unwrap();
    sender.send("2", "x");

    assert_eq!(plant.waiting_for("cold"), ["2"]);
}

#[tokio::test]
async fn routes_that_were_there_before_are_later_than_those_in_between() {
    let plant = Plant::new().await.endpoint("cold").route("true", "cold");
    let nothing = RoutingAsOf {
        settings: Arc::default(),
        ..plant.as_of(2)
    };

    for routing in [plant.as_of(1), plant.as_of(3), nothing] {
        plant.router.apply(&plant.hub, routing).await.unwrap();
    }
    plant.sender().send("1", "x");

    assert_eq!(plant.waiting_for("cold"), ["1"]);
}

#[tokio::test]
async fn a_message_that_waited_for_room_has_one_copy_although_routes_changed() {
    let mut plant = Plant::new()
        .await
        .endpoint("cold")
        .endpoint("warm")
        .route("true", "events")
        .route("true", "cold")
        .route("true", "warm")
        .in_force()
        .await;
    let mut sender = plant.sender();
    plant.backlog("warm").memory().has_room_for(0);
    assert!(sender.try_send("1", "x").is_err());
    assert_eq!(plant.waiting_for("cold"), ["1"]);

    plant.settings.endpoints.reverse();
    plant.put_in_force().await;
    plant.backlog("warm").memory().has_room_for(10);
    sender.send_in_time("1", "x").await;

    assert_durable(sender.durable(0), 1);
    assert_eq!(plant.built_in(), ["1"]);
    assert_eq!(plant.waiting_for("cold"), ["1"]);
    assert_eq!(plant.waiting_for("warm"), ["1"]);

    plant.backlog("warm").memory().has_room_for(0);
    assert!(sender.try_send("2", "x").is_err());
    plant.settings.routes.clear();
    plant.put_in_force().await;
    sender.send_in_time("2", "x").await;

    assert_eq!(plant.built_in(), ["1", "2"]);
}

#[tokio::test]
async fn events_are_wanted_while_an_enabled_route_is_about_them() {
    let mut plant = Plant::new().await.route("true", "events");
    plant.settings.routes[0].source = EventSource::Lifecycle;
    plant.settings.routes[0].destination = Destination::BuiltIn;
    let wanted = plant.router.wanted();
    assert!(!wanted.wants(&plant.hub, EventSource::Lifecycle));

    plant.put_in_force().await;
    assert!(wanted.wants(&plant.hub, EventSource::Lifecycle));
    assert!(!wanted.wants(&plant.hub, EventSource::TwinChange));

    plant.settings.routes[0].is_enabled = false;
    plant.put_in_force().await;
    assert!(!wanted.wants(&plant.hub, EventSource::Lifecycle));
}
