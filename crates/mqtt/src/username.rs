//! The user name: which hub, who, and what the client says of itself.
//!
//! ```text
//! username = host "/" deviceId [ "/" moduleId ] "/" [ "?" ] prop *( "&" prop )
//! prop     = name [ "=" percent-encoded-value ]
//! ```
//!
//! IDs stand as they are, never encoded.

use percent_encoding::percent_decode_str;
use twinhub_core::ids::{DeviceId, IdentityId, InvalidId, ModuleId};

/// The longest plug-and-play model ID, in bytes.
pub const MAX_MODEL_ID: usize = 2048;

/// What a user name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username<'a> {
    /// The hub's host name, as the client spells it.
    pub host: &'a str,
    /// Who connects.
    pub identity: IdentityId,
    /// The plug-and-play model that the client announces; never empty.
    pub model_id: Option<String>,
}

/// Why a text is not a user name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUsername {
    /// Neither of a device nor of a module.
    #[error("the user name has not three or four segments")]
    Segments,
    /// Nothing before the first slash.
    #[error("the user name has no host")]
    NoHost,
    /// A device or module ID that is none.
    #[error("the user name does not name an identity")]
    Id(#[from] InvalidId),
    /// No `api-version`.
    #[error("the user name has no api-version")]
    NoApiVersion,
    /// A model ID that is not UTF-8 or too long.
    #[error("the user name's model-id is not text of at most {MAX_MODEL_ID} bytes")]
    ModelId,
}

impl<'a> Username<'a> {
    /// Reads a user name in any of the forms that SDKs send.
    pub fn parse(text: &'a str) -> Result<Self, InvalidUsername> {
        let segments: Vec<&str> = text.splitn(6, '/').collect();
        let (ids, properties) = split_properties(&segments)?;
        let (host, identity) = match *ids {
            [host, device] => (host, DeviceId::parse(device)?.into()),
            [host, device, module] => {
                let device = DeviceId::parse(device)?;
                (host, IdentityId::module(device, ModuleId::parse(module)?))
            }
            _ => return Err(InvalidUsername::Segments),
        };
        if host.is_empty() {
            return Err(InvalidUsername::NoHost);
        }
        if property(properties, "api-version").is_none() {
            return Err(InvalidUsername::NoApiVersion);
        }
        Ok(Username {
            host,
            identity,
            model_id: model_id(properties)?,
        })
    }
}

/// Host and IDs, and the properties without their question mark.
fn split_properties<'s, 'a>(
    segments: &'s [&'a str],
) -> Result<(&'s [&'a str], &'a str), InvalidUsername> {
    let (ids, properties) = match segments {
        // An old .NET client puts a slash where others put an ampersand; what
        // it says behind that is of no interest.
        [ids @ .., version, client]
            if ids.len() >= 2
                && client.starts_with("DeviceClientType=")
                && version.trim_start_matches('?').starts_with("api-version=") =>
        {
            (ids, *version)
        }
        [ids @ .., properties] => (ids, *properties),
        [] => return Err(InvalidUsername::Segments),
    };
    Ok((ids, properties.strip_prefix('?').unwrap_or(properties)))
}

/// The value of a property, still encoded; of duplicates the first.
fn property<'a>(properties: &'a str, wanted: &str) -> Option<&'a str> {
    properties
        .split('&')
        .map(|property| property.split_once('=').unwrap_or((property, "")))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

fn model_id(properties: &str) -> Result<Option<String>, InvalidUsername> {
    let Some(encoded) = property(properties, "model-id") else {
        return Ok(None);
    };
    let decoded = percent_decode_str(encoded)
        .decode_utf8()
        .map_err(|_| InvalidUsername::ModelId)?;
    if decoded.len() > MAX_MODEL_ID {
        return Err(InvalidUsername::ModelId);
    }
    Ok((!decoded.is_empty()).then(|| decoded.into_owned()))
}

#[cfg(test)]
mod tests;
