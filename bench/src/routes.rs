//! Routes for the hub that is measured: conditions on the bodies of telemetry
//! that hold of none of them, so that all is asked and the fallback route takes
//! it.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::{https::HttpsConnection, hub::Hub};

const CONDITIONS: [&str; 10] = [
    "$body.weather.temperature > 40",
    "$body.weather.humidity < 10",
    "$body.weather.location.city = 'Oslo'",
    "$body.alarm.level >= 3 AND $body.alarm.kind = 'fire'",
    "is_defined($body.door)",
    "starts_with($body.firmware, '1.')",
    "$body.readings[0] - $body.readings[3] > 5",
    "NOT $body.healthy",
    "level = 'critical' AND $body.weather.temperature > 20",
    "$body.battery.charge / $body.battery.capacity < 0.2",
];

/// What the conditions are about, to be filled up to a size.
const DOCUMENT: &str = r#"{"weather":{"temperature":21.5,"humidity":43,"location":{"city":"Bergen"}},"alarm":{"level":0,"kind":"none"},"firmware":"2.11.4","readings":[20.1,20.4,21.0,21.5],"healthy":true,"battery":{"charge":2100,"capacity":3000},"note":""}"#;

/// A document of so many bytes, or of as many as it has at least.
pub fn document(bytes: usize) -> Vec<u8> {
    let filling = "x".repeat(bytes.saturating_sub(DOCUMENT.len()));
    let (head, tail) = DOCUMENT.split_at(DOCUMENT.len() - 2);
    [head, &filling, tail].concat().into_bytes()
}

/// Routes that stand until they are [removed](Self::remove).
pub struct Routes {
    management: HttpsConnection,
    path: String,
}

impl Routes {
    /// Sets the first `count` of them, in place of all that the hub has.
    pub async fn set(hub: &Hub, count: usize) -> anyhow::Result<Self> {
        let routes = CONDITIONS.iter().take(count).enumerate();
        let routes = routes.map(|(number, condition)| {
            json!({
                "name": format!("bench-{number}"),
                "source": "DeviceMessages",
                "condition": condition,
                "endpointNames": ["events"],
                "isEnabled": true,
            })
        });
        let mut set = Routes {
            management: hub.management().await?,
            path: hub.resource(),
        };
        set.put(routes.collect()).await?;
        Ok(set)
    }

    /// Leaves the hub without routes.
    pub async fn remove(mut self) -> anyhow::Result<()> {
        self.put(Vec::new()).await
    }

    async fn put(&mut self, routes: Vec<Value>) -> anyhow::Result<()> {
        let found = self.management.send("GET", &self.path, "", b"").await?;
        ensure!(found.is_success(), "the hub is not shown: {found}");
        let mut hub: Value = serde_json::from_slice(&found.body)?;
        let properties = hub["properties"].as_object_mut();
        let properties = properties.context("the hub has no properties")?;
        properties.insert("routing".to_owned(), json!({ "routes": routes }));
        let hub = serde_json::to_vec(&hub)?;
        let answer = self.management.send("PUT", &self.path, "", &hub).await?;
        ensure!(answer.is_success(), "the hub takes no routes: {answer}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_json_of_the_size_that_is_asked_for() {
        let document = document(300);

        assert_eq!(document.len(), 300);
        assert!(serde_json::from_slice::<Value>(&document).is_ok());
    }
}
