//! Shared access signature tokens, as sent and as made.
//!
//! `SharedAccessSignature`, one blank, then `sr`, `sig`, `se` and perhaps
//! `skn` in any order. SDKs differ in what they encode, so parsing is lenient
//! about spelling and strict about meaning: the text of `sr` is kept exactly
//! as received, because that text is what was signed.

use std::{borrow::Cow, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{
    key::SigningKey,
    resource::{self, ResourceError, ResourcePath},
};

/// The longest token that is looked at, in bytes. Two IDs of 128 characters,
/// encoded, and a policy name fit several times.
pub const MAX_TOKEN_LENGTH: usize = 4096;

const SCHEME: &str = "SharedAccessSignature";

/// HMAC-SHA256 has this many bytes.
const SIGNATURE_LENGTH: usize = 32;

/// What the SDKs leave as it is when they encode a field.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Why a text is not a token. None of these repeats any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseTokenError {
    /// More than [`MAX_TOKEN_LENGTH`] bytes.
    #[error("the token is longer than {MAX_TOKEN_LENGTH} bytes")]
    TooLong,
    /// It does not begin with the scheme and a blank.
    #[error("the token does not begin with `SharedAccessSignature` and a blank")]
    WrongScheme,
    /// A field has no `=`.
    #[error("a field of the token has no value")]
    FieldWithoutValue,
    /// `sr`, `sig` or `se` is absent.
    #[error("the token has no field `{0}`")]
    MissingField(&'static str),
    /// A field stands there twice.
    #[error("the token has the field `{0}` twice")]
    DuplicateField(&'static str),
    /// `sig` is not the base64 of 32 bytes.
    #[error("the token's signature is not base64 of 32 bytes")]
    InvalidSignature,
    /// `se` is not a decimal number of seconds.
    #[error("the token's expiry is not a number of seconds")]
    InvalidExpiry,
    /// `skn` is not text once decoded.
    #[error("the token's policy name is not UTF-8 once decoded")]
    InvalidPolicyName,
}

/// A token that was parsed. It proves nothing until [`verify`](Self::verify)
/// was true and the expiry was compared with the time.
#[derive(Clone)]
pub struct SasToken<'a> {
    resource: &'a str,
    signature: [u8; SIGNATURE_LENGTH],
    expiry_text: &'a str,
    expiry: u64,
    policy_name: Option<Cow<'a, str>>,
}

impl<'a> SasToken<'a> {
    /// Takes a token apart.
    ///
    /// The scheme compares exactly, field names without regard to case. Fields
    /// of other names and empty fields are passed over. `sig` may hold `/` and
    /// `+` raw, or the blank that a `+` becomes in a form decoder.
    pub fn parse(text: &'a str) -> Result<Self, ParseTokenError> {
        if text.len() > MAX_TOKEN_LENGTH {
            return Err(ParseTokenError::TooLong);
        }
        let fields = text
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or(ParseTokenError::WrongScheme)?;
        let fields = Fields::parse(fields.trim_ascii())?;

        let resource = fields.sr.ok_or(ParseTokenError::MissingField("sr"))?;
        let signature = fields.sig.ok_or(ParseTokenError::MissingField("sig"))?;
        let expiry_text = fields.se.ok_or(ParseTokenError::MissingField("se"))?;
        Ok(Self {
            resource,
            signature: parse_signature(signature)?,
            expiry_text,
            expiry: parse_expiry(expiry_text)?,
            policy_name: parse_policy_name(fields.skn)?,
        })
    }

    /// Writes a token as the SDKs do: the resource encoded once, as a whole.
    ///
    /// `resource` is plain text, such as `{host}/devices/{device}`, and
    /// `expiry` is in seconds since 1970.
    pub fn sign(resource: &str, key: &SigningKey, policy: Option<&str>, expiry: u64) -> String {
        let resource = utf8_percent_encode(resource, ENCODED).to_string();
        let expiry = expiry.to_string();
        let signature = STANDARD.encode(key.signature(&resource, &expiry));
        let signature = utf8_percent_encode(&signature, ENCODED);

        let mut token = format!("{SCHEME} sr={resource}&sig={signature}&se={expiry}");
        if let Some(policy) = policy {
            token.push_str("&skn=");
            token.extend(utf8_percent_encode(policy, ENCODED));
        }
        token
    }

    /// Whether `key` made this signature. Takes the same time for a right and
    /// a wrong signature.
    pub fn verify(&self, key: &SigningKey) -> bool {
        key.verifies(self.resource, self.expiry_text, &self.signature)
    }

    /// The `sr` text as received, still encoded.
    pub fn resource(&self) -> &'a str {
        self.resource
    }

    /// The `sr` text, percent-decoded once.
    pub fn decoded_resource(&self) -> Result<String, ResourceError> {
        resource::decode(self.resource)
    }

    /// The resource as host and segments.
    pub fn resource_path(&self) -> Result<ResourcePath, ResourceError> {
        ResourcePath::from_encoded(self.resource)
    }

    /// When the token ends, in seconds since 1970.
    pub fn expiry(&self) -> u64 {
        self.expiry
    }

    /// The decoded `skn`; `None` when it is absent or empty.
    pub fn policy_name(&self) -> Option<&str> {
        self.policy_name.as_deref()
    }
}

impl fmt::Debug for SasToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasToken")
            .field("resource", &self.resource)
            .field("expiry", &self.expiry)
            .field("policy_name", &self.policy_name)
            .finish_non_exhaustive()
    }
}

/// The fields that count, as received.
#[derive(Default)]
struct Fields<'a> {
    sr: Option<&'a str>,
    sig: Option<&'a str>,
    se: Option<&'a str>,
    skn: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Result<Self, ParseTokenError> {
        let mut fields = Self::default();
        for field in text.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field
                .split_once('=')
                .ok_or(ParseTokenError::FieldWithoutValue)?;
            let (slot, name) = match name {
                _ if name.eq_ignore_ascii_case("sr") => (&mut fields.sr, "sr"),
                _ if name.eq_ignore_ascii_case("sig") => (&mut fields.sig, "sig"),
                _ if name.eq_ignore_ascii_case("se") => (&mut fields.se, "se"),
                _ if name.eq_ignore_ascii_case("skn") => (&mut fields.skn, "skn"),
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(ParseTokenError::DuplicateField(name));
            }
        }
        Ok(fields)
    }
}

fn parse_signature(text: &str) -> Result<[u8; SIGNATURE_LENGTH], ParseTokenError> {
    let mut base64: Vec<u8> = percent_decode_str(text).collect();
    for byte in &mut base64 {
        // A form decoder on the way has turned `+` into a blank.
        if *byte == b' ' {
            *byte = b'+';
        }
    }
    STANDARD
        .decode(base64)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(ParseTokenError::InvalidSignature)
}

fn parse_expiry(text: &str) -> Result<u64, ParseTokenError> {
    // `parse` alone would accept a sign.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseTokenError::InvalidExpiry);
    }
    text.parse().map_err(|_| ParseTokenError::InvalidExpiry)
}

fn parse_policy_name(text: Option<&str>) -> Result<Option<Cow<'_, str>>, ParseTokenError> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => percent_decode_str(text)
            .decode_utf8()
            .map(Some)
            .map_err(|_| ParseTokenError::InvalidPolicyName),
    }
}

#[cfg(test)]
mod tests;
