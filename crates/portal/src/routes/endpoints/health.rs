//! How custom endpoints are.

use http::Method;
use serde::Deserialize;

use crate::client::Call;
use crate::failure::Failure;
use crate::visit::Visit;

/// How an endpoint is, as `routingEndpointsHealth` tells it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// The endpoint.
    pub endpoint_name: String,
    /// Azure's word.
    pub health_status: String,
    /// How many events it took.
    pub delivered: u64,
    /// How many wait for it.
    pub waiting: u64,
    /// How many fell off before it took them.
    pub lost: u64,
    /// How many it can never take.
    pub invalid: u64,
    /// How many are damaged on the disk.
    pub damaged: u64,
    /// What its backlog takes on the disk.
    pub backlog_bytes: u64,
    /// Azure's name for what went wrong last.
    pub last_known_error: Option<String>,
    /// What went wrong last, in words.
    pub last_known_error_detail: Option<String>,
    /// When.
    pub last_known_error_time: Option<String>,
    /// When it last took something.
    pub last_successful_send_attempt_time: Option<String>,
    /// When something was last sent to it.
    pub last_send_attempt_time: Option<String>,
}

impl Health {
    /// The word as it is shown.
    pub fn word(&self) -> String {
        let mut letters = self.health_status.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }

    /// The badge of the word.
    pub fn class(&self) -> &'static str {
        match self.health_status.as_str() {
            "healthy" => "good",
            "degraded" => "warn",
            "unhealthy" | "dead" => "bad",
            _ => "",
        }
    }

    /// What the word means.
    pub fn meaning(&self) -> &'static str {
        match self.health_status.as_str() {
            "healthy" => "It takes what is sent.",
            "degraded" => "It takes the events of some partitions and refuses those of others.",
            "unhealthy" => "It refuses what is sent, which waits and is tried again.",
            "dead" => "It has refused for more than an hour. What waits is tried all the same.",
            _ => "Nothing was sent to it since the hub started or it was changed.",
        }
    }

    /// Whether somebody should look.
    pub fn is_bad(&self) -> bool {
        matches!(self.class(), "warn" | "bad")
    }

    /// The last error in words.
    pub fn error(&self) -> Option<&str> {
        let detail = self.last_known_error_detail.as_deref();
        let detail = detail.filter(|detail| !detail.is_empty());
        detail.or(self.last_known_error.as_deref())
    }
}

#[derive(Deserialize)]
struct HealthList {
    value: Vec<Health>,
}

/// How all of them are, for a page.
pub async fn read(visit: &Visit) -> Result<Vec<Health>, Failure> {
    let call = Call::resource(Method::GET, ["routingEndpointsHealth"]);
    let read = visit.read(call).await;
    let list: HealthList = read.map_err(|error| visit.failed(error))?;
    Ok(list.value)
}

/// How the endpoint of a name is; names have no case.
pub fn of(health: &[Health], name: &str) -> Option<Health> {
    let mut health = health.iter();
    let found = health.find(|health| health.endpoint_name.eq_ignore_ascii_case(name));
    found.cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn health(status: &str) -> Health {
        serde_json::from_value(json!({
            "endpointId": "1", "endpointName": "hook", "healthStatus": status,
            "delivered": 1, "waiting": 2, "lost": 3, "invalid": 0, "damaged": 0,
            "backlogBytes": 4, "lastKnownError": "GenericError", "lastKnownErrorDetail": "",
        }))
        .unwrap()
    }

    #[test]
    fn each_word_has_its_badge() {
        for (status, word, class) in [
            ("healthy", "Healthy", "good"),
            ("degraded", "Degraded", "warn"),
            ("unhealthy", "Unhealthy", "bad"),
            ("dead", "Dead", "bad"),
            ("unknown", "Unknown", ""),
        ] {
            assert_eq!(
                (health(status).word().as_str(), health(status).class()),
                (word, class)
            );
        }
    }

    #[test]
    fn an_error_without_words_has_its_name() {
        assert_eq!(health("dead").error(), Some("GenericError"));
    }
}
