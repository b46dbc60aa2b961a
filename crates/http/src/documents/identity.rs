//! Device and module identities.

use serde::{Deserialize, Serialize};
use twinhub_core::identities::{
    Authentication, AuthenticationKind, DeviceIdentity, DeviceSpec, ModuleIdentity, ModuleSpec,
    Standing, Status,
};
use twinhub_core::ids::{DeviceId, ModuleId};
use twinhub_core::presence::Presence;
use twinhub_core::transfer::lines::{AuthenticationInput, CapabilitiesInput, StatusInput};

use crate::refusal::Refusal;

/// A device as clients read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceDocument {
    device_id: String,
    generation_id: String,
    etag: String,
    connection_state: &'static str,
    status: &'static str,
    status_reason: Option<String>,
    connection_state_updated_time: String,
    status_updated_time: String,
    last_activity_time: String,
    cloud_to_device_message_count: u32,
    authentication: AuthenticationDocument,
    capabilities: CapabilitiesDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_scope: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parent_scopes: Vec<String>,
}

/// A module as clients read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleDocument {
    module_id: String,
    managed_by: Option<String>,
    device_id: String,
    generation_id: String,
    etag: String,
    connection_state: &'static str,
    connection_state_updated_time: String,
    last_activity_time: String,
    cloud_to_device_message_count: u32,
    authentication: AuthenticationDocument,
}

/// What an identity proves itself with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationDocument {
    symmetric_key: SymmetricKeyDocument,
    x509_thumbprint: ThumbprintDocument,
    r#type: &'static str,
}

/// Keys; null unless the type is `sas`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct SymmetricKeyDocument {
    primary_key: Option<String>,
    secondary_key: Option<String>,
}

/// Thumbprints; null unless the type is `selfSigned`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThumbprintDocument {
    primary_thumbprint: Option<String>,
    secondary_thumbprint: Option<String>,
}

/// What a device can do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CapabilitiesDocument {
    iot_edge: bool,
}

impl CapabilitiesDocument {
    /// Of a device.
    pub fn of(device: &DeviceIdentity) -> Self {
        CapabilitiesDocument {
            iot_edge: device.edge,
        }
    }
}

/// Azure's word for a connection state.
pub fn connection_state(presence: &Presence) -> &'static str {
    if presence.connected {
        "Connected"
    } else {
        "Disconnected"
    }
}

/// Azure's word for a status.
pub fn status_name(status: Status) -> &'static str {
    match status {
        Status::Enabled => "enabled",
        Status::Disabled => "disabled",
    }
}

/// Azure's word for a kind of authentication.
pub fn authentication_name(authentication: &Authentication) -> &'static str {
    match authentication.kind() {
        AuthenticationKind::Sas => "sas",
        AuthenticationKind::SelfSigned => "selfSigned",
        AuthenticationKind::CertificateAuthority => "certificateAuthority",
        AuthenticationKind::None => "none",
    }
}

impl ThumbprintDocument {
    /// Of an identity.
    pub fn of(authentication: &Authentication) -> Self {
        match authentication {
            Authentication::SelfSigned(thumbprints) => ThumbprintDocument {
                primary_thumbprint: thumbprints.primary.clone(),
                secondary_thumbprint: thumbprints.secondary.clone(),
            },
            Authentication::Sas(_)
            | Authentication::CertificateAuthority
            | Authentication::None => ThumbprintDocument::default(),
        }
    }
}

impl AuthenticationDocument {
    fn of(authentication: &Authentication) -> Self {
        let symmetric_key = match authentication.keys() {
            Some(keys) => SymmetricKeyDocument {
                primary_key: Some(keys.primary.expose().to_owned()),
                secondary_key: Some(keys.secondary.expose().to_owned()),
            },
            None => SymmetricKeyDocument::default(),
        };
        AuthenticationDocument {
            symmetric_key,
            x509_thumbprint: ThumbprintDocument::of(authentication),
            r#type: authentication_name(authentication),
        }
    }
}

impl DeviceDocument {
    /// A device and its presence.
    pub fn of((device, standing): (DeviceIdentity, Standing)) -> Self {
        let presence = standing.presence;
        DeviceDocument {
            device_id: device.id.to_string(),
            generation_id: device.generation.ticks().to_string(),
            etag: device.etag().to_string(),
            connection_state: connection_state(&presence),
            status: status_name(device.status),
            status_reason: device.status_reason.clone(),
            connection_state_updated_time: presence.activity.state_updated.to_string(),
            status_updated_time: device.status_updated.to_string(),
            last_activity_time: presence.activity.last_activity.to_string(),
            cloud_to_device_message_count: standing.queued_messages,
            authentication: AuthenticationDocument::of(&device.authentication),
            capabilities: CapabilitiesDocument::of(&device),
            device_scope: device.scope,
            parent_scopes: device.parent_scopes,
        }
    }
}

impl ModuleDocument {
    /// A module and its presence.
    pub fn of((module, standing): (ModuleIdentity, Standing)) -> Self {
        let presence = standing.presence;
        ModuleDocument {
            module_id: module.id.to_string(),
            device_id: module.device.to_string(),
            generation_id: module.generation.ticks().to_string(),
            etag: module.etag().to_string(),
            connection_state: connection_state(&presence),
            connection_state_updated_time: presence.activity.state_updated.to_string(),
            last_activity_time: presence.activity.last_activity.to_string(),
            cloud_to_device_message_count: standing.queued_messages,
            authentication: AuthenticationDocument::of(&module.authentication),
            managed_by: module.managed_by,
        }
    }
}

/// A device as clients write it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceInput {
    device_id: Option<String>,
    status: Option<StatusInput>,
    status_reason: Option<String>,
    authentication: Option<AuthenticationInput>,
    capabilities: Option<CapabilitiesInput>,
    device_scope: Option<String>,
    parent_scopes: Option<Vec<String>>,
}

/// A module as clients write it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleInput {
    device_id: Option<String>,
    module_id: Option<String>,
    managed_by: Option<String>,
    authentication: Option<AuthenticationInput>,
}

impl DeviceInput {
    /// The device that the document describes, which must be the path's.
    pub fn into_spec(self, id: DeviceId) -> Result<DeviceSpec, Refusal> {
        require_same("deviceId", self.device_id.as_deref(), id.as_str())?;
        Ok(DeviceSpec {
            id,
            authentication: self.authentication.unwrap_or_default().into(),
            status: self.status.map_or(Status::Enabled, Status::from),
            status_reason: self.status_reason,
            edge: self.capabilities.unwrap_or_default().edge(),
            scope: self.device_scope,
            parent_scopes: self.parent_scopes.unwrap_or_default(),
        })
    }
}

impl ModuleInput {
    /// The module that the document describes, which must be the path's.
    pub fn into_spec(self, device: DeviceId, id: ModuleId) -> Result<ModuleSpec, Refusal> {
        require_same("deviceId", self.device_id.as_deref(), device.as_str())?;
        require_same("moduleId", self.module_id.as_deref(), id.as_str())?;
        Ok(ModuleSpec {
            device,
            id,
            authentication: self.authentication.unwrap_or_default().into(),
            managed_by: self.managed_by,
        })
    }
}

/// The body's ID must be the path's, in the same case.
fn require_same(member: &str, given: Option<&str>, path: &str) -> Result<(), Refusal> {
    match given {
        Some(given) if given == path => Ok(()),
        Some(_) => Err(Refusal::invalid(format!(
            "{member} in the body must be the id in the path, in the same case"
        ))),
        None => Err(Refusal::invalid(format!("{member} is missing in the body"))),
    }
}
