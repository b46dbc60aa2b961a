//! A line of the list.

use serde_json::Value;

use crate::authentication::type_name;
use crate::client::encoded;
use crate::moment::Moment;

/// When what never happened is said to have happened.
const NEVER: &str = "0001-";

/// A device as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its ID.
    pub id: String,
    /// Whether it may connect.
    pub is_enabled: bool,
    /// Why it has this status.
    pub reason: Option<String>,
    /// Whether it is connected.
    pub is_connected: bool,
    /// When it was last heard of.
    pub active: Option<Moment>,
    /// What it proves itself with.
    pub authentication: String,
    /// Whether it runs the edge runtime.
    pub is_edge: bool,
}

impl Row {
    /// Of a row of the list's query, or of an identity.
    pub fn of(device: &Value) -> Self {
        let text = |member: &str| device[member].as_str().unwrap_or_default();
        let kind = device["authenticationType"]
            .as_str()
            .or_else(|| device["authentication"]["type"].as_str());
        let edge = device["iotEdge"]
            .as_bool()
            .or_else(|| device["capabilities"]["iotEdge"].as_bool());
        let active = Some(text("lastActivityTime")).filter(|time| !time.starts_with(NEVER));
        Row {
            id: text("deviceId").to_owned(),
            is_enabled: text("status") == "enabled",
            reason: device["statusReason"].as_str().map(str::to_owned),
            is_connected: text("connectionState") == "Connected",
            active: active.and_then(Moment::parse),
            authentication: type_name(kind.unwrap_or_default()).to_owned(),
            is_edge: edge.unwrap_or_default(),
        }
    }

    /// The address of the device's page.
    pub fn href(&self) -> String {
        device_address(&self.id)
    }
}

/// The address of a device's page.
pub fn device_address(id: &str) -> String {
    format!("/portal/device?id={}", encoded(id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_of_the_query_and_an_identity_show_alike() {
        let queried = json!({
            "deviceId": "pump-7", "status": "disabled", "statusReason": "leaks",
            "connectionState": "Connected", "lastActivityTime": "2026-01-02T03:04:05.6789012Z",
            "authenticationType": "selfSigned", "iotEdge": true,
        });
        let identity = json!({
            "deviceId": "pump-7", "status": "disabled", "statusReason": "leaks",
            "connectionState": "Connected", "lastActivityTime": "2026-01-02T03:04:05.6789012Z",
            "authentication": {"type": "selfSigned"}, "capabilities": {"iotEdge": true},
        });

        let row = Row::of(&queried);

        assert_eq!(row, Row::of(&identity));
        assert!(!row.is_enabled && row.is_connected && row.is_edge);
        assert_eq!(row.authentication, "X.509 self-signed");
        assert_eq!(row.active.unwrap().to_string(), "2026-01-02 03:04:05 UTC");
    }

    #[test]
    fn a_device_that_was_never_heard_of_has_no_last_activity() {
        let device = json!({"deviceId": "new", "lastActivityTime": "0001-01-01T00:00:00.0000000Z"});

        assert_eq!(Row::of(&device).active, None);
    }

    #[test]
    fn an_id_with_any_letter_fits_into_the_address() {
        assert_eq!(device_address(".."), "/portal/device?id=..");
        assert_eq!(device_address("a&b=%/"), "/portal/device?id=a%26b%3D%25%2F");
    }
}
