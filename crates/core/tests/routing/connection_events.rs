//! Connection events that have to wait for one of the logs that they go to.

use std::sync::Arc;

use serde_json::json;
use twinhub_core::connection_events::ConnectionEvents;
use twinhub_core::events::EventSource;
use twinhub_embedded::LocalSessions;

use crate::plant::{FixedClock, Plant};

#[tokio::test]
async fn an_event_that_waits_for_one_log_comes_once_in_the_other() {
    let plant = Plant::new()
        .await
        .endpoint("cold")
        .route_of(EventSource::ConnectionState, "true", "events")
        .route_of(EventSource::ConnectionState, "true", "cold")
        .in_force()
        .await;
    plant.register(json!({})).await;
    let permit = plant.permit().await;
    let sessions = Arc::new(LocalSessions::new());
    let events = ConnectionEvents::new(plant.router.clone(), sessions, Arc::new(FixedClock));
    let cold = plant.backlog("cold");
    cold.memory().has_room_for(0);

    events.active(&permit);
    let before = (plant.built_in().len(), plant.waiting_for("cold").len());
    cold.memory().has_room_for(100);
    while plant.waiting_for("cold").is_empty() {
        tokio::task::yield_now().await;
    }

    assert_eq!(before, (1, 0));
    assert_eq!(plant.built_in().len(), 1);
    assert_eq!(plant.waiting_for("cold").len(), 1);
}
