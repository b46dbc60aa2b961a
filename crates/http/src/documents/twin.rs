//! Device and module twins.

use serde::Serialize;
use serde_json::{Map, Value};
use twinhub_core::identities::{DeviceIdentity, Identity};
use twinhub_core::twins::{TwinPatch, TwinView};

use super::identity::{
    CapabilitiesDocument, ThumbprintDocument, authentication_name, connection_state, status_name,
};
use crate::error_codes;
use crate::refusal::Refusal;

/// A twin as the back end reads it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TwinDocument {
    device_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    module_id: Option<String>,
    etag: String,
    device_etag: String,
    #[serde(flatten)]
    status: Option<StatusMembers>,
    connection_state: &'static str,
    last_activity_time: String,
    cloud_to_device_message_count: u32,
    authentication_type: &'static str,
    x509_thumbprint: ThumbprintDocument,
    model_id: String,
    version: u64,
    tags: Map<String, Value>,
    properties: PropertiesDocument,
    #[serde(flatten)]
    device: Option<DeviceMembers>,
}

/// What only devices have.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusMembers {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    status_update_time: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceMembers {
    capabilities: CapabilitiesDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_scope: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parent_scopes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PropertiesDocument {
    desired: Value,
    reported: Value,
}

impl TwinDocument {
    /// A twin and what it mirrors of its identity.
    pub fn of(view: TwinView) -> Self {
        let id = view.identity.id();
        let device = match &view.identity {
            Identity::Device(device) => Some(device),
            Identity::Module(_) => None,
        };
        TwinDocument {
            device_id: id.device_id().to_string(),
            module_id: id.module_id().map(ToString::to_string),
            etag: view.twin.etag().to_string(),
            device_etag: view.identity.etag().to_string(),
            status: device.map(status_members),
            connection_state: connection_state(&view.standing.presence),
            last_activity_time: view.standing.presence.activity.last_activity.to_string(),
            cloud_to_device_message_count: view.standing.queued_messages,
            authentication_type: authentication_name(view.identity.authentication()),
            x509_thumbprint: ThumbprintDocument::of(view.identity.authentication()),
            model_id: view.twin.model_id,
            version: view.twin.version,
            tags: view.twin.tags,
            properties: PropertiesDocument {
                desired: view.twin.desired.for_service(),
                reported: view.twin.reported.for_service(),
            },
            device: device.map(device_members),
        }
    }
}

fn status_members(device: &DeviceIdentity) -> StatusMembers {
    StatusMembers {
        status: status_name(device.status),
        status_reason: device.status_reason.clone(),
        status_update_time: device.status_updated.to_string(),
    }
}

fn device_members(device: &DeviceIdentity) -> DeviceMembers {
    DeviceMembers {
        capabilities: CapabilitiesDocument::of(device),
        device_scope: device.scope.clone(),
        parent_scopes: device.parent_scopes.clone(),
    }
}

/// Root members that clients send back and that are the hub's own.
const READ_ONLY: &[&str] = &[
    "authenticationType",
    "capabilities",
    "cloudToDeviceMessageCount",
    "configurations",
    "connectionState",
    "connectionStateUpdatedTime",
    "deviceEtag",
    "deviceId",
    "deviceScope",
    "etag",
    "generationId",
    "lastActivityTime",
    "modelId",
    "moduleId",
    "parentScopes",
    "status",
    "statusReason",
    "statusUpdateTime",
    "statusUpdatedTime",
    "version",
    "x509Thumbprint",
];

/// What a body writes: its tags and desired properties.
pub fn parse_twin(body: Value) -> Result<TwinPatch, Refusal> {
    let Value::Object(body) = body else {
        return Err(Refusal::invalid("a twin is a JSON object"));
    };
    let mut patch = TwinPatch::default();
    for (member, value) in body {
        match (member.as_str(), value) {
            ("tags", value) => patch.tags = object_or_null("tags", value)?,
            ("properties", value) => {
                let properties = object_or_null("properties", value)?.unwrap_or_default();
                patch.desired = parse_properties(properties)?;
            }
            (member, _) if READ_ONLY.contains(&member) => {}
            (member, _) => {
                let shown: String = member.chars().take(64).collect();
                return Err(Refusal::new(
                    error_codes::GENERIC_BAD_REQUEST,
                    format!(
                        "{shown:?} is not a member of a twin; write tags and properties.desired"
                    ),
                ));
            }
        }
    }
    Ok(patch)
}

/// Reported properties are the device's own: what is sent back is ignored.
fn parse_properties(properties: Map<String, Value>) -> Result<Option<Map<String, Value>>, Refusal> {
    let mut desired = None;
    for (member, value) in properties {
        match member.as_str() {
            "desired" => desired = object_or_null("properties.desired", value)?,
            "reported" => {}
            member => {
                let shown: String = member.chars().take(64).collect();
                return Err(Refusal::new(
                    error_codes::GENERIC_BAD_REQUEST,
                    format!(
                        "properties.{shown:?} is not a member of a twin; write properties.desired"
                    ),
                ));
            }
        }
    }
    Ok(desired)
}

fn object_or_null(member: &str, value: Value) -> Result<Option<Map<String, Value>>, Refusal> {
    match value {
        Value::Null => Ok(None),
        Value::Object(object) => Ok(Some(object)),
        _ => Err(Refusal::invalid(format!("{member} must be a JSON object"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_twin_that_is_sent_back_writes_only_what_is_the_back_ends() {
        let patch = parse_twin(json!({
            "deviceId": "d", "etag": "x", "version": null, "status": "enabled",
            "tags": {"a": 1},
            "properties": {"desired": {"b": 2}, "reported": {"c": 3}}
        }))
        .unwrap();

        assert_eq!(Value::Object(patch.tags.unwrap()), json!({"a": 1}));
        assert_eq!(Value::Object(patch.desired.unwrap()), json!({"b": 2}));
    }

    #[test]
    fn nulls_and_missing_parts_write_nothing() {
        let patch = parse_twin(json!({"tags": null, "properties": {"desired": null}})).unwrap();

        assert!(patch.is_empty());
    }

    #[test]
    fn unknown_members_are_refused() {
        for body in [
            json!({"desiredProperties": {}}),
            json!({"properties": {"wanted": {}}}),
        ] {
            let refusal = parse_twin(body).unwrap_err();

            assert_eq!(refusal.code, error_codes::GENERIC_BAD_REQUEST);
        }
    }

    #[test]
    fn parts_of_a_wrong_type_are_refused() {
        for body in [json!([]), json!({"tags": []}), json!({"properties": 1})] {
            let refusal = parse_twin(body).unwrap_err();

            assert_eq!(refusal.code, error_codes::ARGUMENT_INVALID);
        }
    }
}
