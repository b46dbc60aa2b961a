//! One certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;

use crate::thumbprint::Thumbprint;

/// The largest certificate that is read, in bytes of DER.
pub const MAX_DER: usize = 16 * 1024;

/// Why bytes are not taken for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCertificateError {
    /// Too long.
    #[error("a certificate has at most {MAX_DER} bytes")]
    TooLarge,
    /// Neither PEM nor base64.
    #[error("the text is neither PEM nor base64 of a certificate")]
    Text,
    /// Not X.509.
    #[error("the bytes are not an X.509 certificate")]
    Malformed,
    /// PEM of several.
    #[error("the text holds more than one certificate")]
    Several,
}

/// From when until when a certificate counts, in seconds since 1970; both
/// ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: i64,
    /// The last second.
    pub not_after: i64,
}

/// A certificate and what it says about itself. None of it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Box<[u8]>,
    thumbprint: Thumbprint,
    validity: Validity,
    subject_der: Box<[u8]>,
}

impl Certificate {
    /// Reads DER.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseCertificateError> {
        let parsed = parse(der)?;
        let validity = parsed.validity();
        Ok(Certificate {
            der: der.into(),
            subject_der: parsed.subject().as_raw().into(),
            thumbprint: Thumbprint::of(der),
            validity: Validity {
                not_before: validity.not_before.timestamp(),
                not_after: validity.not_after.timestamp(),
            },
        })
    }

    /// Reads PEM, base64 of DER, or base64 of PEM: all of these are sent.
    pub fn from_text(text: &str) -> Result<Self, ParseCertificateError> {
        if text.len() > 4 * MAX_DER {
            return Err(ParseCertificateError::TooLarge);
        }
        if text.contains(PEM_MARK) {
            return from_pem(text.as_bytes());
        }
        let compact: String = text.split_ascii_whitespace().collect();
        let bytes = STANDARD
            .decode(compact)
            .map_err(|_| ParseCertificateError::Text)?;
        match std::str::from_utf8(&bytes) {
            Ok(inner) if inner.contains(PEM_MARK) => from_pem(&bytes),
            _ => Certificate::from_der(&bytes),
        }
    }

    /// Its bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// By which it is known.
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// When it counts.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Its subject, as RFC 4514 and people write it.
    pub fn subject(&self) -> String {
        self.parsed().subject().to_string()
    }

    /// The common name of its subject, if there is exactly one.
    pub fn common_name(&self) -> Option<String> {
        let parsed = self.parsed();
        let mut names = parsed.subject().iter_common_name();
        let only = names.next().filter(|_| names.next().is_none())?;
        only.as_str().ok().map(str::to_owned)
    }

    pub(crate) fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    pub(crate) fn parsed(&self) -> X509Certificate<'_> {
        parse(&self.der).expect("it was parsed when it was made, and has not changed")
    }
}

const PEM_MARK: &str = "-----BEGIN ";

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, ParseCertificateError> {
    if der.len() > MAX_DER {
        return Err(ParseCertificateError::TooLarge);
    }
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(ParseCertificateError::Malformed),
    }
}

fn from_pem(text: &[u8]) -> Result<Certificate, ParseCertificateError> {
    let mut found = None;
    for block in Pem::iter_from_buffer(text) {
        let block = block.map_err(|_| ParseCertificateError::Text)?;
        if block.label != "CERTIFICATE" {
            continue;
        }
        if found.is_some() {
            return Err(ParseCertificateError::Several);
        }
        found = Some(Certificate::from_der(&block.contents)?);
    }
    found.ok_or(ParseCertificateError::Text)
}
