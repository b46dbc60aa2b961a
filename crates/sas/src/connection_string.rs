//! Connection strings: where a hub is and how to get in.
//!
//! `HostName=...;SharedAccessKeyName=...;SharedAccessKey=...` for a policy,
//! `HostName=...;DeviceId=...[;ModuleId=...];SharedAccessKey=...` for an
//! identity, with `SharedAccessSignature=...` or `x509=true` in place of the
//! key where the client signs elsewhere or has a certificate. A value reaches
//! from the first `=` to the next `;`, so keys and IDs may contain `=`.
//!
//! Names compare without regard to case and are written in Azure's spelling.
//! Names that are not known are refused: a client would drop them silently,
//! and the string would not mean what its writer thought.

use std::fmt;

use crate::key::is_valid_key;

/// How the holder of a connection string proves who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// `SharedAccessKey`: the base64 text of the key that signs tokens.
    SharedAccessKey(String),
    /// `SharedAccessSignature`: a token that someone else signed.
    SharedAccessSignature(String),
    /// `x509=true`: the client's certificate, which stands elsewhere.
    X509,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SharedAccessKey(_) => "SharedAccessKey(..)",
            Self::SharedAccessSignature(_) => "SharedAccessSignature(..)",
            Self::X509 => "X509",
        })
    }
}

/// Why a text is not a connection string. Says what to do, and repeats none
/// of the text: any part of it may be a misplaced key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionStringError {
    /// A field is not `name=value`.
    #[error("field {0} is not name=value; check for a `;` too many or a missing `=`")]
    NotNameAndValue(usize),
    /// A field has a name that is not known.
    #[error(
        "field {0} has an unknown name; known are HostName, GatewayHostName, DeviceId, ModuleId, \
         SharedAccessKeyName, SharedAccessKey, SharedAccessSignature and x509"
    )]
    UnknownName(usize),
    /// A field is given twice.
    #[error("{0} is given twice; keep one")]
    Duplicate(&'static str),
    /// A field without which the string means nothing is absent.
    #[error("{0} is missing; copy the whole connection string")]
    Missing(&'static str),
    /// No key, token or certificate.
    #[error("nothing to sign in with; add SharedAccessKey, SharedAccessSignature or x509=true")]
    NoCredential,
    /// More than one of key, token and certificate.
    #[error("more than one of SharedAccessKey, SharedAccessSignature and x509; keep one")]
    SeveralCredentials,
    /// The key is not base64 of 16 to 64 bytes.
    #[error("SharedAccessKey is not base64 of 16 to 64 bytes; copy it again, up to its last `=`")]
    InvalidKey,
    /// `x509` is something else than `true`.
    #[error("x509 must be true; leave it out when the client signs in with a key")]
    InvalidX509,
    /// A value cannot be written into a connection string.
    #[error(
        "{0} is empty or contains `;` or a control character, which no connection string can carry"
    )]
    Unwritable(&'static str),
}

use ConnectionStringError as Error;

/// A connection string, taken apart and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionString {
    host_name: String,
    gateway_host_name: Option<String>,
    device_id: Option<String>,
    module_id: Option<String>,
    policy_name: Option<String>,
    credential: Credential,
}

impl ConnectionString {
    /// The string of a shared access policy.
    pub fn for_policy(host_name: &str, policy_name: &str, key: &str) -> Result<Self, Error> {
        Fields {
            host_name: Some(host_name),
            policy_name: Some(policy_name),
            key: Some(key),
            ..Fields::default()
        }
        .check()
    }

    /// The string of a device.
    pub fn for_device(
        host_name: &str,
        device_id: &str,
        credential: &Credential,
    ) -> Result<Self, Error> {
        Fields {
            host_name: Some(host_name),
            device_id: Some(device_id),
            ..Fields::from(credential)
        }
        .check()
    }

    /// The string of a module.
    pub fn for_module(
        host_name: &str,
        device_id: &str,
        module_id: &str,
        credential: &Credential,
    ) -> Result<Self, Error> {
        Fields {
            host_name: Some(host_name),
            device_id: Some(device_id),
            module_id: Some(module_id),
            ..Fields::from(credential)
        }
        .check()
    }

    /// Takes a connection string apart.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Fields::parse(text)?.check()
    }

    /// The hub's host name.
    pub fn host_name(&self) -> &str {
        &self.host_name
    }

    /// The host to connect to instead of the hub, if any.
    pub fn gateway_host_name(&self) -> Option<&str> {
        self.gateway_host_name.as_deref()
    }

    /// The device, if the string belongs to an identity.
    pub fn device_id(&self) -> Option<&str> {
        self.device_id.as_deref()
    }

    /// The module, if the string belongs to one.
    pub fn module_id(&self) -> Option<&str> {
        self.module_id.as_deref()
    }

    /// The shared access policy, if the string belongs to one.
    pub fn policy_name(&self) -> Option<&str> {
        self.policy_name.as_deref()
    }

    /// What the holder signs in with.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

impl std::str::FromStr for ConnectionString {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// The whole string, with its secret, as clients take it.
impl fmt::Display for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostName={}", self.host_name)?;
        for (name, value) in [
            ("DeviceId", &self.device_id),
            ("ModuleId", &self.module_id),
            ("SharedAccessKeyName", &self.policy_name),
        ] {
            if let Some(value) = value {
                write!(f, ";{name}={value}")?;
            }
        }
        match &self.credential {
            Credential::SharedAccessKey(key) => write!(f, ";SharedAccessKey={key}")?,
            Credential::SharedAccessSignature(token) => {
                write!(f, ";SharedAccessSignature={token}")?
            }
            Credential::X509 => f.write_str(";x509=true")?,
        }
        match &self.gateway_host_name {
            Some(gateway) => write!(f, ";GatewayHostName={gateway}"),
            None => Ok(()),
        }
    }
}

/// The fields as found, before they are checked against each other.
#[derive(Default)]
struct Fields<'a> {
    host_name: Option<&'a str>,
    gateway_host_name: Option<&'a str>,
    device_id: Option<&'a str>,
    module_id: Option<&'a str>,
    policy_name: Option<&'a str>,
    key: Option<&'a str>,
    signature: Option<&'a str>,
    x509: Option<&'a str>,
}

impl<'a> From<&'a Credential> for Fields<'a> {
    fn from(credential: &'a Credential) -> Self {
        let mut fields = Self::default();
        match credential {
            Credential::SharedAccessKey(key) => fields.key = Some(key),
            Credential::SharedAccessSignature(token) => fields.signature = Some(token),
            Credential::X509 => fields.x509 = Some("true"),
        }
        fields
    }
}

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Result<Self, Error> {
        let text = text.trim();
        let text = text.strip_suffix(';').unwrap_or(text);
        let mut fields = Self::default();
        for (index, field) in text.split(';').enumerate() {
            let (name, value) = field
                .split_once('=')
                .ok_or(Error::NotNameAndValue(index + 1))?;
            let (slot, name) = fields
                .slot(name.trim())
                .ok_or(Error::UnknownName(index + 1))?;
            if slot.replace(value).is_some() {
                return Err(Error::Duplicate(name));
            }
        }
        Ok(fields)
    }

    fn slot(&mut self, name: &str) -> Option<(&mut Option<&'a str>, &'static str)> {
        let known = [
            (&mut self.host_name, "HostName"),
            (&mut self.gateway_host_name, "GatewayHostName"),
            (&mut self.device_id, "DeviceId"),
            (&mut self.module_id, "ModuleId"),
            (&mut self.policy_name, "SharedAccessKeyName"),
            (&mut self.key, "SharedAccessKey"),
            (&mut self.signature, "SharedAccessSignature"),
            (&mut self.x509, "x509"),
        ];
        known
            .into_iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(name))
    }

    fn check(self) -> Result<ConnectionString, Error> {
        let string = ConnectionString {
            host_name: writable("HostName", self.host_name)?.ok_or(Error::Missing("HostName"))?,
            gateway_host_name: writable("GatewayHostName", self.gateway_host_name)?,
            device_id: writable("DeviceId", self.device_id)?,
            module_id: writable("ModuleId", self.module_id)?,
            policy_name: writable("SharedAccessKeyName", self.policy_name)?,
            credential: self.credential()?,
        };
        if string.module_id.is_some() && string.device_id.is_none() {
            return Err(Error::Missing("DeviceId"));
        }
        if string.device_id.is_none() && string.policy_name.is_none() {
            return Err(Error::Missing("SharedAccessKeyName or DeviceId"));
        }
        Ok(string)
    }

    fn credential(&self) -> Result<Credential, Error> {
        match (self.key, self.signature, self.x509) {
            (Some(key), None, None) if is_valid_key(key) => {
                Ok(Credential::SharedAccessKey(key.to_owned()))
            }
            (Some(_), None, None) => Err(Error::InvalidKey),
            (None, Some(_), None) => writable("SharedAccessSignature", self.signature)?
                .map(Credential::SharedAccessSignature)
                .ok_or(Error::NoCredential),
            (None, None, Some(x509)) if x509.eq_ignore_ascii_case("true") => Ok(Credential::X509),
            (None, None, Some(_)) => Err(Error::InvalidX509),
            (None, None, None) => Err(Error::NoCredential),
            _ => Err(Error::SeveralCredentials),
        }
    }
}

/// The value, if it can be written and read back; surrounding blanks go.
fn writable(name: &'static str, value: Option<&str>) -> Result<Option<String>, Error> {
    let Some(value) = value.map(str::trim) else {
        return Ok(None);
    };
    if value.is_empty() || value.contains(|c: char| c == ';' || c.is_control()) {
        return Err(Error::Unwritable(name));
    }
    Ok(Some(value.to_owned()))
}

#[cfg(test)]
mod tests;
