//! An identity and its twin into a line.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::identities::{Authentication, AuthenticationKind, Identity, Status};
use crate::twins::Twin;

/// The first line of an export without keys. It is no JSON: who imports the
/// blob skips it, and who reads it knows what importing would do.
pub const EXCLUDED_KEYS_NOTE: &str = "Keys are left out of this export. \
     If it is imported, devices and modules get new keys and have to be given them.";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    module_id: Option<&'a str>,
    e_tag: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<&'a str>,
    authentication: LineAuthentication<'a>,
    #[serde(rename = "twinETag")]
    twin_etag: String,
    tags: &'a Map<String, Value>,
    properties: Properties,
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<Capabilities>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_scope: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    parent_scopes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    managed_by: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    iot_edge: bool,
}

#[derive(Serialize)]
struct Properties {
    desired: Value,
    reported: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LineAuthentication<'a> {
    symmetric_key: Keys<'a>,
    x509_thumbprint: LineThumbprints<'a>,
    r#type: &'static str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Keys<'a> {
    primary_key: Option<&'a str>,
    secondary_key: Option<&'a str>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct LineThumbprints<'a> {
    primary_thumbprint: Option<&'a str>,
    secondary_thumbprint: Option<&'a str>,
}

/// Appends an identity's line, with its end.
pub fn write(identity: &Identity, twin: &Twin, exclude_keys: bool, to: &mut Vec<u8>) {
    let (device, status, status_reason) = match identity {
        Identity::Device(device) => (Some(device), device.status, device.status_reason.as_deref()),
        // Modules have no status of their own; each line has one.
        Identity::Module(_) => (None, Status::Enabled, None),
    };
    let managed_by = match identity {
        Identity::Device(_) => None,
        Identity::Module(module) => module.managed_by.as_deref(),
    };
    let line = Line {
        id: twin.id.device_id().as_str(),
        module_id: twin.id.module_id().map(crate::ids::ModuleId::as_str),
        e_tag: identity.etag().to_string(),
        status: match status {
            Status::Enabled => "enabled",
            Status::Disabled => "disabled",
        },
        status_reason,
        authentication: LineAuthentication::of(identity.authentication(), exclude_keys),
        twin_etag: twin.etag().to_string(),
        tags: &twin.tags,
        properties: Properties {
            desired: twin.desired.for_service(),
            reported: twin.reported.for_service(),
        },
        capabilities: device.map(|device| Capabilities {
            iot_edge: device.edge,
        }),
        device_scope: device.and_then(|device| device.scope.as_deref()),
        parent_scopes: device.map_or(&[], |device| &device.parent_scopes),
        managed_by,
    };
    serde_json::to_writer(&mut *to, &line).expect("a line has no map keys but texts");
    to.push(b'\n');
}

impl<'a> LineAuthentication<'a> {
    fn of(authentication: &'a Authentication, exclude_keys: bool) -> Self {
        let keys = authentication.keys().filter(|_| !exclude_keys);
        let thumbprints = match authentication {
            Authentication::SelfSigned(thumbprints) => LineThumbprints {
                primary_thumbprint: thumbprints.primary.as_deref(),
                secondary_thumbprint: thumbprints.secondary.as_deref(),
            },
            Authentication::Sas(_)
            | Authentication::CertificateAuthority
            | Authentication::None => LineThumbprints::default(),
        };
        LineAuthentication {
            symmetric_key: keys.map_or_else(Keys::default, |keys| Keys {
                primary_key: Some(keys.primary.expose()),
                secondary_key: Some(keys.secondary.expose()),
            }),
            x509_thumbprint: thumbprints,
            r#type: match authentication.kind() {
                AuthenticationKind::Sas => "sas",
                AuthenticationKind::SelfSigned => "selfSigned",
                AuthenticationKind::CertificateAuthority => "certificateAuthority",
                AuthenticationKind::None => "none",
            },
        }
    }
}
