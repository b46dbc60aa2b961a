//! An event as the API tells it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::moment::Moment;

/// An event of `GET /twinhub/v1/events`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventDocument {
    /// The partition.
    pub partition: u16,
    /// Its number there.
    pub sequence_number: u64,
    /// Its offset there.
    pub offset: String,
    /// When the hub stored it.
    pub enqueued_time: Moment,
    /// Whose it is.
    pub device_id: String,
    /// Of which module, if of one.
    pub module_id: Option<String>,
    /// What kind of event it is.
    pub source: String,
    /// What the hub stamped.
    #[serde(default)]
    pub annotations: Map<String, Value>,
    /// What the sender set and the hub knows.
    #[serde(default)]
    pub system_properties: Map<String, Value>,
    /// The sender's own.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// The body's bytes.
    pub body_base64: String,
}

impl EventDocument {
    /// How many bytes the body has.
    pub fn size(&self) -> usize {
        let encoded = self.body_base64.len();
        let padding = self
            .body_base64
            .bytes()
            .rev()
            .take_while(|byte| *byte == b'=');
        (encoded / 4 * 3).saturating_sub(padding.count())
    }

    /// The body as it came.
    pub fn bytes(&self) -> Vec<u8> {
        BASE64_STANDARD
            .decode(&self.body_base64)
            .unwrap_or_default()
    }
}

/// The kind of an event as people say it.
pub fn source_label(source: &str) -> &str {
    let known = super::SOURCES.iter().find(|(name, _)| *name == source);
    known.map_or(source, |(_, label)| label)
}

#[cfg(test)]
pub mod tests {
    use serde_json::json;

    use super::*;

    /// An event with this body.
    pub fn event(content_type: &str, body: &[u8]) -> EventDocument {
        let document = json!({
            "partition": 3, "sequenceNumber": 12, "offset": "3456",
            "enqueuedTime": "2026-11-21T08:00:00.1230000Z",
            "deviceId": "pump-7", "moduleId": "sensor", "source": "Telemetry",
            "annotations": {"iothub-message-source": "Telemetry"},
            "systemProperties": {"content-type": content_type},
            "properties": {"hall": "7", "bare": null},
            "bodyBase64": BASE64_STANDARD.encode(body),
        });
        serde_json::from_str(&document.to_string()).unwrap()
    }

    #[test]
    fn the_size_is_that_of_the_bytes() {
        for size in 0..10 {
            let body = vec![b'x'; size];
            assert_eq!(event("", &body).size(), size);
            assert_eq!(event("", &body).bytes(), body);
        }
    }
}
