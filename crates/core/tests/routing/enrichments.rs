//! Stamps on copies.

use serde_json::json;
use twinhub_core::events::{Event, EventSource};
use twinhub_core::hubs::Sku;
use twinhub_memory_log::MemoryLog;

use crate::plant::{Plant, assert_durable};

fn stamps(log: &MemoryLog) -> Vec<Vec<(String, String)>> {
    let stamps = |event: &Event| {
        let own = event.message.application.iter();
        own.filter(|(name, _)| &**name != "to")
            .map(|(name, value)| (name.to_string(), value.as_deref().unwrap().to_owned()))
            .collect()
    };
    log.events().iter().map(stamps).collect()
}

fn stamp(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[tokio::test]
async fn each_copy_has_the_stamps_of_its_destination() {
    let plant = Plant::new()
        .await
        .endpoint("cold")
        .route("true", "events")
        .route("true", "cold")
        .stamp("hub", "$IotHubName", &["events", "cold"])
        .stamp("for", "the archive", &["cold"])
        .in_force()
        .await;
    let mut sender = plant.sender();

    sender.send("1", "x");

    let hub = stamp("hub", "plant");
    assert_eq!(stamps(&plant.log), [vec![hub.clone()]]);
    assert_eq!(
        stamps(plant.backlog("cold").memory()),
        [vec![hub, stamp("for", "the archive")]],
    );
}

#[tokio::test]
async fn a_property_of_the_device_s_own_stays_as_it_is() {
    let plant = Plant::new()
        .await
        .stamp("TO", "stamped", &["events"])
        .in_force()
        .await;
    let mut sender = plant.sender();

    sender.send("1", "device");

    let events = plant.log.events();
    let application = &events[0].message.application;
    assert_eq!(application.len(), 1);
    assert_eq!(application[0].1.as_deref(), Some("device"));
}

#[tokio::test]
async fn parts_of_the_twin_are_stamped_and_what_it_lacks_is_as_it_was_set() {
    let plant = Plant::new()
        .await
        .stamp("site", "$twin.tags.place.site", &["events"])
        .stamp("floor", "$twin.tags.place.floor", &["events"])
        .stamp("place", "$twin.tags.place", &["events"])
        .stamp("none", "$twin.tags.none", &["events"])
        .in_force()
        .await;
    plant
        .register(json!({ "place": { "floor": 3, "site": "north" } }))
        .await;
    let mut sender = plant.sender();

    sender.send_in_time("1", "x").await;

    assert_eq!(
        stamps(&plant.log),
        [vec![
            stamp("site", "north"),
            stamp("floor", "3"),
            stamp("place", r#"{"floor":3,"site":"north"}"#),
            stamp("none", "$twin.tags.none"),
        ]],
    );
}

#[tokio::test]
async fn in_the_basic_tier_no_twin_is_read() {
    let mut plant = Plant::new()
        .await
        .stamp("site", "$twin.tags.site", &["events"]);
    plant.tier.sku = Sku::B1;
    plant.put_in_force().await;
    plant.register(json!({ "site": "north" })).await;
    let mut sender = plant.sender();

    sender.send("1", "x");

    assert_eq!(stamps(&plant.log), [vec![stamp("site", "$twin.tags.site")]]);
}

#[tokio::test]
async fn a_copy_that_stamps_make_too_large_is_dropped_and_the_others_are_not() {
    let plant = Plant::new()
        .await
        .endpoint("cold")
        .route("true", "events")
        .route("true", "cold")
        .stamp("for", "the archive", &["cold"])
        .in_force()
        .await;
    let mut sender = plant.sender();
    let body = "x".repeat(256 * 1024 - 34);

    sender.send(&body, "x");

    assert_durable(sender.durable(0), 1);
    assert_eq!(plant.built_in(), [body]);
    assert!(plant.waiting_for("cold").is_empty());
}

#[tokio::test]
async fn an_event_of_a_change_is_delivered_however_large_its_stamps_make_it() {
    let mut plant = Plant::new()
        .await
        .endpoint("cold")
        .route("true", "cold")
        .stamp("for", "the archive", &["cold"]);
    plant.settings.routes[0].source = EventSource::TwinChange;
    let plant = plant.in_force().await;
    let mut sender = plant.sender_of(EventSource::TwinChange);
    let body = "x".repeat(600 * 1024);

    sender.send(&body, "x");

    assert_durable(sender.durable(0), 1);
    assert_eq!(plant.waiting_for("cold"), [body]);
}
