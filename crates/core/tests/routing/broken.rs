//! Endpoints whose backlogs can't be opened.

use std::task::Poll;

use twinhub_core::ports::LogError;

use crate::plant::{Plant, assert_durable};

impl Plant {
    async fn begin(&self) -> Result<(), LogError> {
        self.router.begin(&self.hub, self.as_of(1)).await
    }
}

async fn broken() -> Plant {
    let plant = Plant::new()
        .await
        .endpoint("cold")
        .route("true", "events")
        .route("to = 'both'", "cold");
    plant.backlogs.break_one(plant.endpoint_id("cold"));
    plant
}

#[tokio::test]
async fn a_hub_starts_without_an_endpoint_that_cannot_be_opened_and_refuses_only_its_events() {
    let plant = broken().await;

    plant.begin().await.unwrap();

    let mut sender = plant.sender();
    sender.send("1", "x");
    assert_durable(sender.durable(0), 1);
    sender.send("2", "both");
    let told = sender.durable(1);
    assert!(
        matches!(told, Poll::Ready(Err(LogError::Failed(_)))),
        "{told:?}"
    );
    let mut sender = plant.sender();
    sender.send("3", "x");
    assert_durable(sender.durable(0), 1);
}

#[tokio::test]
async fn an_endpoint_that_was_broken_takes_events_once_it_can_be_opened() {
    let plant = broken().await;
    plant.begin().await.unwrap();
    let set = || plant.router.apply(&plant.hub, plant.as_of(1));
    let mut sender = plant.sender();
    sender.send("1", "x");

    set().await.unwrap();
    plant.backlogs.mend(plant.endpoint_id("cold"));
    set().await.unwrap();
    sender.send("2", "both");

    assert_durable(sender.durable(0), 2);
    assert_eq!(plant.waiting_for("cold"), ["2"]);
}

#[tokio::test]
async fn a_broken_endpoint_can_be_removed() {
    let mut plant = broken().await;
    plant.begin().await.unwrap();

    plant.settings.endpoints.clear();
    plant.settings.routes.pop();
    plant.put_in_force().await;
    let mut sender = plant.sender();
    sender.send("1", "both");

    assert_durable(sender.durable(0), 1);
    assert_eq!(plant.built_in(), ["1"]);
}

#[tokio::test]
async fn new_routes_do_not_begin_with_an_endpoint_that_cannot_be_opened() {
    let plant = broken().await;

    let set = plant.router.apply(&plant.hub, plant.as_of(1)).await;

    assert!(matches!(set, Err(LogError::Failed(_))), "{set:?}");
    let mut sender = plant.sender();
    sender.send("1", "both");
    assert_durable(sender.durable(0), 1);
}
