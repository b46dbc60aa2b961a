//! From a client's certificate to an authority.
//!
//! Each certificate of the chain must be valid at the moment, signed by the
//! next one, and each issuer allowed to issue; the last one is one of the
//! authorities given, be it a root or not. What a client sends along is in no
//! order and may be anything: it is searched, within bounds.
//!
//! Nothing is fetched: neither issuers nor lists of what was revoked.

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::certificate::{Certificate, MAX_DER};
use crate::rules::{check_issuer, check_leaf, check_signature, check_time, name};

/// The most certificates that are looked at of those sent along.
const MAX_SENT_ALONG: usize = 10;
/// The most issuers of a chain.
const MAX_ISSUERS: usize = 8;
/// The most signatures that are checked to find a chain.
const MAX_SIGNATURES: usize = 24;

/// Why no authority stands behind a certificate. The texts are subjects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No issuer of that name is there.
    #[error("no issuer with the name of {0:?} is known")]
    NoIssuer(String),
    /// Somebody else's signature.
    #[error("{0:?} is not signed by the issuer it names, or in a way that is not supported")]
    Signature(String),
    /// Signed with SHA-1.
    #[error("{0:?} is signed with SHA-1")]
    Sha1(String),
    /// Its time has not come.
    #[error("{0:?} is not valid yet")]
    NotYetValid(String),
    /// Its time is over.
    #[error("{0:?} has expired")]
    Expired(String),
    /// An issuer that may not issue.
    #[error("{0:?} may not issue certificates")]
    NotAnAuthority(String),
    /// A client that shows an issuer's certificate.
    #[error("the client shows the certificate of an authority")]
    Authority,
    /// More issuers below one than it allows.
    #[error("{0:?} does not allow so many issuers below it")]
    TooLong(String),
    /// Made for something else.
    #[error("{0:?} is not for authenticating clients")]
    NotForClients(String),
    /// Something critical or constraining that is not supported.
    #[error("{0:?} has extension {1}, which is malformed or not supported")]
    Extension(String, String),
    /// Contradictory.
    #[error("{0:?} is malformed")]
    Malformed(String),
    /// Too many possibilities.
    #[error("the certificates sent along are too many to find a way through")]
    TooComplex,
}

/// An authority that stands behind a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Its place among those that were given.
    pub authority: usize,
    /// The last second of the chain, since 1970.
    pub not_after: i64,
}

/// Finds the authority that stands behind a client's certificate at a moment
/// in seconds since 1970.
pub fn find_authority(
    leaf: &Certificate,
    sent_along: &[Vec<u8>],
    authorities: &[&Certificate],
    now: i64,
) -> Result<Chain, ChainError> {
    let leaf = leaf.parsed();
    check_leaf(&leaf)?;
    check_time(&leaf, now)?;
    let sent_along: Vec<_> = sent_along
        .iter()
        .take(MAX_SENT_ALONG)
        .filter(|der| der.len() <= MAX_DER)
        .filter_map(|der| X509Certificate::from_der(der).ok())
        .map(|(_, certificate)| certificate)
        .collect();
    Search {
        sent_along,
        authorities,
        now,
        signatures_left: MAX_SIGNATURES,
    }
    .climb(&leaf, 0, 0)
}

struct Search<'a> {
    sent_along: Vec<X509Certificate<'a>>,
    authorities: &'a [&'a Certificate],
    now: i64,
    signatures_left: usize,
}

impl Search<'_> {
    /// Finds a chain from `certificate` upwards. `issuers` are below it
    /// already, `counted` of them count for the length of a path: those that
    /// did not issue themselves.
    fn climb(
        &mut self,
        certificate: &X509Certificate<'_>,
        issuers: usize,
        counted: usize,
    ) -> Result<Chain, ChainError> {
        if issuers == MAX_ISSUERS {
            return Err(ChainError::TooComplex);
        }
        let mut why =
            ChainError::NoIssuer(certificate.issuer().to_string().chars().take(200).collect());
        let authorities = self.authorities;
        for (authority, candidate) in authorities.iter().enumerate() {
            if candidate.subject_der() != certificate.issuer().as_raw() {
                continue;
            }
            let issuer = candidate.parsed();
            match self.check_link(certificate, &issuer, counted) {
                Ok(()) => {
                    let not_after = [certificate, &issuer].map(not_after).into_iter().min();
                    return Ok(Chain {
                        authority,
                        not_after: not_after.unwrap_or(self.now),
                    });
                }
                Err(error) => why = error,
            }
        }
        for place in 0..self.sent_along.len() {
            let issuer = self.sent_along[place].clone();
            if issuer.subject().as_raw() != certificate.issuer().as_raw() {
                continue;
            }
            let issued_itself = issuer.subject().as_raw() == issuer.issuer().as_raw();
            let chain = self
                .check_link(certificate, &issuer, counted)
                .and_then(|()| {
                    self.climb(&issuer, issuers + 1, counted + usize::from(!issued_itself))
                });
            match chain {
                Ok(chain) => {
                    let not_after = chain.not_after.min(not_after(certificate));
                    return Ok(Chain { not_after, ..chain });
                }
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn check_link(
        &mut self,
        certificate: &X509Certificate<'_>,
        issuer: &X509Certificate<'_>,
        below: usize,
    ) -> Result<(), ChainError> {
        check_issuer(issuer, below)?;
        check_time(issuer, self.now)?;
        self.signatures_left = self
            .signatures_left
            .checked_sub(1)
            .ok_or(ChainError::TooComplex)?;
        check_signature(certificate, issuer)
    }
}

fn not_after(certificate: &X509Certificate<'_>) -> i64 {
    certificate.validity().not_after.timestamp()
}

/// Checks that a certificate may be an authority: that it may issue
/// certificates, and that its time is not over. It may be a root or not.
pub fn check_authority(certificate: &Certificate, now: i64) -> Result<(), ChainError> {
    let certificate = certificate.parsed();
    check_issuer(&certificate, 0)?;
    check_time(&certificate, now)
}

/// Checks that an authority issued a certificate, which proves that whoever
/// had it made holds the authority's key.
pub fn is_issued_by(
    certificate: &Certificate,
    authority: &Certificate,
    now: i64,
) -> Result<(), ChainError> {
    let (certificate, authority) = (certificate.parsed(), authority.parsed());
    check_time(&certificate, now)?;
    check_issuer(&authority, 0)?;
    check_time(&authority, now)?;
    if certificate.issuer().as_raw() != authority.subject().as_raw() {
        return Err(ChainError::NoIssuer(name(&certificate)));
    }
    check_signature(&certificate, &authority)
}

#[cfg(test)]
mod tests;
