//! Members that a line has in common with the documents of the registry's API.

use serde::Deserialize;

use crate::identities::{AuthenticationKind, AuthenticationSpec, Status};

/// `enabled` or `disabled`; some documentation writes them with a capital.
#[derive(Debug, Clone, Copy, Deserialize)]
pub enum StatusInput {
    /// May connect.
    #[serde(rename = "enabled", alias = "Enabled")]
    Enabled,
    /// May not.
    #[serde(rename = "disabled", alias = "Disabled")]
    Disabled,
}

impl From<StatusInput> for Status {
    fn from(input: StatusInput) -> Self {
        match input {
            StatusInput::Enabled => Status::Enabled,
            StatusInput::Disabled => Status::Disabled,
        }
    }
}

/// What a device shall be able to do.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapabilitiesInput {
    iot_edge: Option<bool>,
}

impl CapabilitiesInput {
    /// Whether it runs the edge runtime.
    pub fn edge(&self) -> bool {
        self.iot_edge.unwrap_or(false)
    }
}

/// What an identity shall prove itself with.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationInput {
    r#type: Option<KindInput>,
    symmetric_key: Option<KeysInput>,
    x509_thumbprint: Option<ThumbprintsInput>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum KindInput {
    #[serde(rename = "sas", alias = "Sas")]
    Sas,
    #[serde(rename = "selfSigned", alias = "SelfSigned")]
    SelfSigned,
    #[serde(rename = "certificateAuthority", alias = "CertificateAuthority")]
    CertificateAuthority,
    #[serde(rename = "none", alias = "None")]
    None,
}

impl From<KindInput> for AuthenticationKind {
    fn from(input: KindInput) -> Self {
        match input {
            KindInput::Sas => AuthenticationKind::Sas,
            KindInput::SelfSigned => AuthenticationKind::SelfSigned,
            KindInput::CertificateAuthority => AuthenticationKind::CertificateAuthority,
            KindInput::None => AuthenticationKind::None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeysInput {
    primary_key: Option<String>,
    secondary_key: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThumbprintsInput {
    primary_thumbprint: Option<String>,
    secondary_thumbprint: Option<String>,
}

impl From<AuthenticationInput> for AuthenticationSpec {
    fn from(input: AuthenticationInput) -> Self {
        let keys = input.symmetric_key.unwrap_or_default();
        let thumbprints = input.x509_thumbprint.unwrap_or_default();
        AuthenticationSpec {
            kind: input.r#type.map(AuthenticationKind::from),
            primary_key: keys.primary_key,
            secondary_key: keys.secondary_key,
            primary_thumbprint: thumbprints.primary_thumbprint,
            secondary_thumbprint: thumbprints.secondary_thumbprint,
        }
    }
}
