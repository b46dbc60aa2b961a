//! Certificates of the authorities that issue devices' certificates.
//!
//! An authority counts once its certificate is verified: when it is added, by
//! somebody who vouches for it, or later, by proof of possession. For that the
//! hub makes a code, and the holder of the authority's key issues a
//! certificate with the code as its common name. Another certificate under the
//! same name must be verified anew.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
pub use twinhub_x509::{Certificate, ChainError, ParseCertificateError};

use crate::etag::Etag;
use crate::time::Timestamp;

/// The most authorities of a hub.
pub const MAX_AUTHORITIES: usize = 25;

/// A certificate's name within its hub: 1 to 64 letters, digits and `- . _`;
/// case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateName(String);

/// The text is not a certificate's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a certificate's name has 1 to 64 letters, digits and - _ .")]
pub struct InvalidCertificateName;

impl CertificateName {
    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, InvalidCertificateName> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let allowed = (1..=64).contains(&text.len()) && text.bytes().all(is_allowed);
        allowed
            .then(|| CertificateName(text.to_owned()))
            .ok_or(InvalidCertificateName)
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which names are compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An authority that may issue the certificates of devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Its name here.
    pub name: CertificateName,
    /// Its certificate.
    pub certificate: Certificate,
    /// Whether the certificates that it issues count.
    pub verified: bool,
    /// What the certificate that proves possession must be named.
    pub code: Option<String>,
    /// When it was added.
    pub created: Timestamp,
    /// When it was changed.
    pub updated: Timestamp,
    /// Moves with every change, and is never given twice under a name.
    pub version: u64,
}

/// Why a certificate can't be an authority's, or is not proof of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthority {
    /// No certificate.
    #[error(transparent)]
    Malformed(#[from] ParseCertificateError),
    /// Not one of an authority, or not one that counts now.
    #[error("the certificate can't be used: {0}")]
    Unusable(ChainError),
    /// Here already.
    #[error("certificate {0} is the same one")]
    Duplicate(CertificateName),
    /// No code was made.
    #[error("generate a verification code first")]
    NoCode,
    /// Made for another code.
    #[error("the certificate's common name is not the verification code")]
    OtherCode,
}

impl Authority {
    /// What callers compare.
    pub fn etag(&self) -> Etag {
        Etag::from_counter(self.version)
    }

    /// A new authority, in the place of `former` if there is one. The same
    /// certificate stays verified.
    pub fn put(
        name: CertificateName,
        certificate: Certificate,
        vouched_for: bool,
        former: Option<&Authority>,
        now: Timestamp,
    ) -> Result<Self, InvalidAuthority> {
        twinhub_x509::check_authority(&certificate, now.unix_seconds())
            .map_err(InvalidAuthority::Unusable)?;
        let same = former.filter(|former| former.certificate == certificate);
        Ok(Authority {
            name: former.map_or(name, |former| former.name.clone()),
            verified: vouched_for || same.is_some_and(|former| former.verified),
            code: same.and_then(|former| former.code.clone()),
            created: former.map_or(now, |former| former.created),
            updated: now,
            version: next_version(former, now),
            certificate,
        })
    }

    /// The same, waiting for proof of possession. An authority that is
    /// verified stays so.
    pub fn with_code(&self, code: String, now: Timestamp) -> Self {
        Authority {
            code: Some(code),
            ..self.changed(now)
        }
    }

    /// The same, verified, if `proof` was issued by it for its code.
    pub fn prove(&self, proof: &Certificate, now: Timestamp) -> Result<Self, InvalidAuthority> {
        let code = self.code.as_ref().ok_or(InvalidAuthority::NoCode)?;
        if proof.common_name().as_ref() != Some(code) {
            return Err(InvalidAuthority::OtherCode);
        }
        twinhub_x509::is_issued_by(proof, &self.certificate, now.unix_seconds())
            .map_err(InvalidAuthority::Unusable)?;
        Ok(Authority {
            verified: true,
            code: None,
            ..self.changed(now)
        })
    }

    fn changed(&self, now: Timestamp) -> Self {
        Authority {
            updated: now,
            version: next_version(Some(self), now),
            ..self.clone()
        }
    }
}

/// Ticks, so that a certificate that was removed and made again is at another.
fn next_version(former: Option<&Authority>, now: Timestamp) -> u64 {
    let now = now.ticks().unsigned_abs();
    former.map_or(now, |former| now.max(former.version + 1))
}

/// A fresh verification code: 48 hex digits, which fit a common name.
pub fn verification_code() -> String {
    let random = BASE64_STANDARD
        .decode(twinhub_sas::generate_key())
        .expect("a generated key is base64");
    random[..24]
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect()
}

#[cfg(test)]
mod tests;
