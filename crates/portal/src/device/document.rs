//! An identity as the API tells it.
//!
//! Who may read identities is told all of it. Who may only use the service
//! reads the twin, which mirrors most.

use serde_json::Value;

use crate::authentication::type_name;
use crate::client::{ApiError, Call};
use crate::device::target::Target;
use crate::moment::Moment;
use crate::visit::Visit;

/// What pages show of a device or a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityView {
    /// Of devices only.
    pub status: Option<StatusView>,
    /// Whether there is a connection now.
    pub connected: bool,
    /// Since when.
    pub connection_since: Option<Moment>,
    /// When something was last heard of it or told to it.
    pub last_activity: Option<Moment>,
    /// Messages that wait in its queue.
    pub waiting: u64,
    /// The API's word for the type of authentication.
    pub authentication: String,
    /// Of self-signed certificates.
    pub primary_thumbprint: String,
    /// Of self-signed certificates.
    pub secondary_thumbprint: String,
    /// Whether it runs the edge runtime.
    pub edge: bool,
    /// The scope that it spans, or is in.
    pub scope: String,
    /// The scope of its parent.
    pub parent_scope: String,
    /// The plug-and-play model that it announced.
    pub model: String,
    /// Who made a module.
    pub managed_by: String,
    /// Tells namesakes apart. Not in a twin.
    pub generation: String,
    /// What a change compares.
    pub etag: String,
}

/// Whether a device may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusView {
    /// It may.
    pub enabled: bool,
    /// Why, as somebody noted.
    pub reason: String,
    /// Since when.
    pub since: Option<Moment>,
}

impl IdentityView {
    /// Reads it with what rights there are.
    pub async fn load(visit: &Visit, target: &Target) -> Result<Self, ApiError> {
        if visit.rights().registry_read {
            let reply = visit.call(Call::get(target.path("devices"))).await?;
            return Ok(IdentityView::of_identity(&reply.json()?));
        }
        let reply = visit.call(Call::get(target.path("twins"))).await?;
        Ok(IdentityView::of_twin(&reply.json()?))
    }

    /// From the identity's document.
    pub fn of_identity(document: &Value) -> Self {
        let authentication = &document["authentication"];
        let kind = text(&authentication["type"]);
        let thumbprints = &authentication["x509Thumbprint"];
        IdentityView::of(document, "statusUpdatedTime", kind, thumbprints)
    }

    /// From the twin's document.
    pub fn of_twin(document: &Value) -> Self {
        let kind = text(&document["authenticationType"]);
        let thumbprints = &document["x509Thumbprint"];
        IdentityView {
            etag: text(&document["deviceEtag"]),
            ..IdentityView::of(document, "statusUpdateTime", kind, thumbprints)
        }
    }

    fn of(document: &Value, since: &str, authentication: String, thumbprints: &Value) -> Self {
        let status = document["status"].as_str().map(|status| StatusView {
            enabled: status == "enabled",
            reason: text(&document["statusReason"]),
            since: moment(&document[since]),
        });
        IdentityView {
            status,
            connected: document["connectionState"] == "Connected",
            connection_since: moment(&document["connectionStateUpdatedTime"]),
            last_activity: moment(&document["lastActivityTime"]),
            waiting: document["cloudToDeviceMessageCount"].as_u64().unwrap_or(0),
            authentication,
            primary_thumbprint: text(&thumbprints["primaryThumbprint"]),
            secondary_thumbprint: text(&thumbprints["secondaryThumbprint"]),
            edge: document["capabilities"]["iotEdge"] == true,
            scope: text(&document["deviceScope"]),
            parent_scope: text(&document["parentScopes"][0]),
            model: text(&document["modelId"]),
            managed_by: text(&document["managedBy"]),
            generation: text(&document["generationId"]),
            etag: text(&document["etag"]),
        }
    }

    /// Azure's words for the type of authentication.
    pub fn authentication_name(&self) -> &str {
        type_name(&self.authentication)
    }

    /// Whether it proves itself with keys.
    pub fn has_keys(&self) -> bool {
        self.authentication == "sas"
    }

    /// Whether it proves itself with a certificate.
    pub fn has_certificate(&self) -> bool {
        matches!(
            self.authentication.as_str(),
            "selfSigned" | "certificateAuthority"
        )
    }

    /// The scope of the device that it is below: an edge device's own
    /// `deviceScope` is the one that it spans.
    pub fn scope_above(&self) -> &str {
        match self.edge {
            true => &self.parent_scope,
            false if self.parent_scope.is_empty() => &self.scope,
            false => &self.parent_scope,
        }
    }

    /// The edge device that it is below.
    pub fn parent(&self) -> Option<&str> {
        parent_of(self.scope_above())
    }

    /// Whether it can be disabled.
    pub fn is_enabled(&self) -> bool {
        self.status.as_ref().is_none_or(|status| status.enabled)
    }
}

/// The device that a scope names: `ms-azure-iot-edge://{device}-{generation}`.
fn parent_of(scope: &str) -> Option<&str> {
    let named = scope.strip_prefix("ms-azure-iot-edge://")?;
    let (device, _) = named.rsplit_once('-')?;
    Some(device)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What never happened has the first moment of the calendar.
fn moment(value: &Value) -> Option<Moment> {
    let text = value.as_str().filter(|text| !text.starts_with("0001-"))?;
    Moment::parse(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_identity_and_its_twin_show_alike() {
        let identity = IdentityView::of_identity(&json!({
            "deviceId": "pump-7", "generationId": "1", "etag": "AAA",
            "connectionState": "Connected", "status": "disabled", "statusReason": "leaks",
            "connectionStateUpdatedTime": "2026-11-21T08:00:00.0000000Z",
            "statusUpdatedTime": "2026-11-20T08:00:00.0000000Z",
            "lastActivityTime": "0001-01-01T00:00:00Z", "cloudToDeviceMessageCount": 3,
            "authentication": {
                "type": "selfSigned",
                "x509Thumbprint": { "primaryThumbprint": "AB", "secondaryThumbprint": null }
            },
            "capabilities": { "iotEdge": false },
            "deviceScope": "ms-azure-iot-edge://press-4-639000"
        }));
        let twin = IdentityView::of_twin(&json!({
            "deviceId": "pump-7", "etag": "of the twin", "deviceEtag": "AAA",
            "connectionState": "Connected", "status": "disabled", "statusReason": "leaks",
            "statusUpdateTime": "2026-11-20T08:00:00.0000000Z",
            "lastActivityTime": "0001-01-01T00:00:00Z", "cloudToDeviceMessageCount": 3,
            "authenticationType": "selfSigned",
            "x509Thumbprint": { "primaryThumbprint": "AB", "secondaryThumbprint": null },
            "capabilities": { "iotEdge": false },
            "deviceScope": "ms-azure-iot-edge://press-4-639000"
        }));

        assert!(identity.connected && !identity.is_enabled());
        assert_eq!(identity.last_activity, None);
        assert_eq!(identity.waiting, 3);
        assert_eq!(identity.parent(), Some("press-4"));
        assert_eq!(identity.authentication_name(), "X.509 self-signed");
        let unknown_to_twins = IdentityView {
            connection_since: None,
            generation: String::new(),
            ..identity
        };
        assert_eq!(twin, unknown_to_twins);
    }

    #[test]
    fn an_edge_device_is_not_below_itself() {
        let own = "ms-azure-iot-edge://press-4-1";
        let document = |parents: Value| {
            IdentityView::of_identity(&json!({
                "capabilities": { "iotEdge": true }, "deviceScope": own, "parentScopes": parents,
            }))
        };

        assert_eq!(document(json!([])).parent(), None);
        let below = document(json!(["ms-azure-iot-edge://hall-2-9"]));
        assert_eq!(below.parent(), Some("hall-2"));
    }
}
