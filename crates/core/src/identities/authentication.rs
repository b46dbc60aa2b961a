//! What an identity proves itself with.

use crate::keys::{InvalidKey, Key, KeyPair};

/// Thumbprints of self-signed certificates, in hex: 40 digits (SHA-1) or 64
/// (SHA-256), case kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thumbprints {
    /// The first.
    pub primary: Option<String>,
    /// The second.
    pub secondary: Option<String>,
}

/// What an identity proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// A token signed with one of two keys.
    Sas(KeyPair),
    /// A self-signed certificate with one of two thumbprints.
    SelfSigned(Thumbprints),
    /// A certificate that a registered authority issued for its ID.
    CertificateAuthority,
    /// Nothing: it can't connect. Only the edge system modules start so.
    None,
}

/// Azure's names for the kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticationKind {
    /// `sas`
    Sas,
    /// `selfSigned`
    SelfSigned,
    /// `certificateAuthority`
    CertificateAuthority,
    /// `none`
    None,
}

impl Authentication {
    /// Which kind this is.
    pub fn kind(&self) -> AuthenticationKind {
        match self {
            Authentication::Sas(_) => AuthenticationKind::Sas,
            Authentication::SelfSigned(_) => AuthenticationKind::SelfSigned,
            Authentication::CertificateAuthority => AuthenticationKind::CertificateAuthority,
            Authentication::None => AuthenticationKind::None,
        }
    }

    /// The keys, if it has any.
    pub fn keys(&self) -> Option<&KeyPair> {
        match self {
            Authentication::Sas(keys) => Some(keys),
            _ => None,
        }
    }
}

/// What a caller says about authentication; empty texts count as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthenticationSpec {
    /// The kind, if named.
    pub kind: Option<AuthenticationKind>,
    /// The primary key, if given.
    pub primary_key: Option<String>,
    /// The secondary key, if given.
    pub secondary_key: Option<String>,
    /// The primary thumbprint, if given.
    pub primary_thumbprint: Option<String>,
    /// The secondary thumbprint, if given.
    pub secondary_thumbprint: Option<String>,
}

/// Why authentication data can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthentication {
    /// A key is malformed.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// Only one of two keys.
    #[error("give both keys, or neither to have them generated")]
    OneKey,
    /// A thumbprint is not hex of the right length.
    #[error("a thumbprint must be 40 (SHA-1) or 64 (SHA-256) hex digits without separators")]
    Thumbprint,
    /// Self-signed without a thumbprint.
    #[error("self-signed authentication needs a thumbprint")]
    NoThumbprint,
    /// Data of several kinds, or of another kind than named.
    #[error("keys go with type sas, thumbprints with type selfSigned; give one kind only")]
    Mixed,
    /// A device without authentication.
    #[error("type none is not allowed for a device")]
    NoneForDevice,
}

impl AuthenticationSpec {
    /// What a device with this specification gets; keys are generated where
    /// none are given.
    pub fn for_device(self) -> Result<Authentication, InvalidAuthentication> {
        if self.kind == Some(AuthenticationKind::None) {
            return Err(InvalidAuthentication::NoneForDevice);
        }
        self.resolve()
    }

    /// What a module with this specification gets: `none` becomes `sas`, as
    /// on the hub.
    pub fn for_module(mut self) -> Result<Authentication, InvalidAuthentication> {
        if self.kind == Some(AuthenticationKind::None) {
            self.kind = Some(AuthenticationKind::Sas);
        }
        self.resolve()
    }

    fn resolve(self) -> Result<Authentication, InvalidAuthentication> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let keys = (given(self.primary_key), given(self.secondary_key));
        let thumbprints = Thumbprints {
            primary: given(self.primary_thumbprint),
            secondary: given(self.secondary_thumbprint),
        };
        let has_keys = keys != (None, None);
        let has_thumbprints = thumbprints != Thumbprints::default();
        let kind = self.kind.unwrap_or(if has_thumbprints {
            AuthenticationKind::SelfSigned
        } else {
            AuthenticationKind::Sas
        });

        match kind {
            AuthenticationKind::Sas if has_thumbprints => Err(InvalidAuthentication::Mixed),
            AuthenticationKind::Sas => parse_keys(keys).map(Authentication::Sas),
            AuthenticationKind::SelfSigned if has_keys => Err(InvalidAuthentication::Mixed),
            AuthenticationKind::SelfSigned => {
                check_thumbprints(&thumbprints)?;
                Ok(Authentication::SelfSigned(thumbprints))
            }
            AuthenticationKind::CertificateAuthority if has_keys || has_thumbprints => {
                Err(InvalidAuthentication::Mixed)
            }
            AuthenticationKind::CertificateAuthority => Ok(Authentication::CertificateAuthority),
            AuthenticationKind::None => Ok(Authentication::None),
        }
    }
}

fn parse_keys(keys: (Option<String>, Option<String>)) -> Result<KeyPair, InvalidAuthentication> {
    match keys {
        (None, None) => Ok(KeyPair::generate()),
        (Some(primary), Some(secondary)) => Ok(KeyPair {
            primary: Key::parse(&primary)?,
            secondary: Key::parse(&secondary)?,
        }),
        _ => Err(InvalidAuthentication::OneKey),
    }
}

fn check_thumbprints(thumbprints: &Thumbprints) -> Result<(), InvalidAuthentication> {
    let given = [&thumbprints.primary, &thumbprints.secondary];
    let mut given = given.into_iter().flatten().peekable();
    if given.peek().is_none() {
        return Err(InvalidAuthentication::NoThumbprint);
    }
    let well_formed = |text: &String| {
        matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
    };
    if given.all(well_formed) {
        Ok(())
    } else {
        Err(InvalidAuthentication::Thumbprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(primary: &str, secondary: &str) -> AuthenticationSpec {
        AuthenticationSpec {
            primary_key: Some(primary.to_owned()),
            secondary_key: Some(secondary.to_owned()),
            ..AuthenticationSpec::default()
        }
    }

    const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    const SHA1: &str = "0123456789abcdefABCDEF0123456789abcdef01";

    #[test]
    fn missing_and_empty_keys_are_generated() {
        for spec in [AuthenticationSpec::default(), keys("", "")] {
            let generated = spec.for_device().unwrap();

            let pair = generated.keys().unwrap();
            assert_eq!(pair.primary.expose().len(), 44);
            assert_ne!(pair.primary, pair.secondary);
        }
    }

    #[test]
    fn one_key_alone_is_refused() {
        assert_eq!(
            keys(KEY, "").for_device(),
            Err(InvalidAuthentication::OneKey)
        );
    }

    #[test]
    fn malformed_keys_are_refused() {
        assert_eq!(
            keys(KEY, "not base64").for_device(),
            Err(InvalidAuthentication::Key(InvalidKey))
        );
    }

    #[test]
    fn a_thumbprint_implies_self_signed() {
        let spec = AuthenticationSpec {
            primary_thumbprint: Some(SHA1.to_owned()),
            ..AuthenticationSpec::default()
        };

        let authentication = spec.for_device().unwrap();

        assert_eq!(authentication.kind(), AuthenticationKind::SelfSigned);
    }

    #[test]
    fn thumbprints_with_separators_are_refused() {
        let spec = AuthenticationSpec {
            primary_thumbprint: Some("01:23:45".to_owned()),
            ..AuthenticationSpec::default()
        };

        assert_eq!(spec.for_device(), Err(InvalidAuthentication::Thumbprint));
    }

    #[test]
    fn keys_and_thumbprints_together_are_refused() {
        let spec = AuthenticationSpec {
            primary_thumbprint: Some(SHA1.to_owned()),
            ..keys(KEY, KEY)
        };

        assert_eq!(spec.for_device(), Err(InvalidAuthentication::Mixed));
    }

    #[test]
    fn none_is_refused_for_devices_and_becomes_sas_for_modules() {
        let spec = AuthenticationSpec {
            kind: Some(AuthenticationKind::None),
            ..AuthenticationSpec::default()
        };

        assert_eq!(
            spec.clone().for_device(),
            Err(InvalidAuthentication::NoneForDevice)
        );
        assert_eq!(spec.for_module().unwrap().kind(), AuthenticationKind::Sas);
    }
}
