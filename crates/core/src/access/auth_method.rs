//! How a device or module proved who it is, as readers of its events see it.

use std::fmt;

/// Whose key or certificate it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthScope {
    /// A shared access policy's.
    Hub,
    /// The device's.
    Device,
    /// The module's.
    Module,
}

/// What kind of proof it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthKind {
    /// A token signed with a key.
    Sas,
    /// A self-signed certificate, known by its thumbprint.
    X509Thumbprint,
    /// A certificate of a registered authority.
    X509Ca,
}

/// How an identity proved who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthMethod {
    /// Whose key or certificate it was.
    pub scope: AuthScope,
    /// What kind of proof it was.
    pub kind: AuthKind,
}

impl AuthMethod {
    /// The JSON text of `iothub-connection-auth-method`.
    /// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct>
    pub fn to_json(self) -> String {
        let Self { scope, kind } = self;
        let issuer = match kind {
            AuthKind::Sas => "iothub",
            AuthKind::X509Thumbprint | AuthKind::X509Ca => "external",
        };
        format!(
            r#"{{"scope":"{scope}","type":"{kind}","issuer":"{issuer}","acceptingIpFilterRule":null}}"#
        )
    }
}

impl fmt::Display for AuthScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AuthScope::Hub => "hub",
            AuthScope::Device => "device",
            AuthScope::Module => "module",
        })
    }
}

impl fmt::Display for AuthKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AuthKind::Sas => "sas",
            AuthKind::X509Thumbprint => "x509Thumbprint",
            AuthKind::X509Ca => "x509CertificateAuthority",
        })
    }
}
