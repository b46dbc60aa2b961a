//! How custom endpoints are.
//!
//! <https://learn.microsoft.com/rest/api/iothub/iot-hub-resource/get-endpoint-health>

use serde_json::{Value, json};
use twinhub_core::access::OperatorPermit;
use twinhub_core::routing::EndpointHealth;
use twinhub_core::time::Timestamp;

use crate::api::Services;
use crate::management::{Answer, date, hubs, list};

/// `GET .../routingEndpointsHealth`. What counts there are stands beside
/// Azure's members.
pub async fn health(services: &Services, _permit: &OperatorPermit, hub: &str) -> Answer {
    let hub = hubs::find(services, hub)?;
    let endpoints = services.routing.dispatcher.health(hub.name()).await;
    Ok(list(endpoints.iter().map(describe).collect()))
}

fn describe(health: &EndpointHealth) -> Value {
    let mut document = json!({
        "endpointId": health.id.to_string(),
        "healthStatus": health.status.name(),
        "endpointName": health.name.as_str(),
        "delivered": health.delivered,
        "waiting": health.waiting,
        "lost": health.lost,
        "invalid": health.invalid,
        "damaged": health.damaged,
        "backlogBytes": health.backlog_bytes,
    });
    let at = |time: Timestamp| Value::from(date(time.unix_seconds()));
    if let Some(error) = &health.last_error {
        document["lastKnownError"] = error.reason.last_known_error().into();
        document["lastKnownErrorTime"] = at(error.time);
        document["lastKnownErrorDetail"] = error.detail.as_str().into();
    }
    if let Some(time) = health.last_success {
        document["lastSuccessfulSendAttemptTime"] = at(time);
    }
    if let Some(time) = health.last_attempt {
        document["lastSendAttemptTime"] = at(time);
    }
    document
}
