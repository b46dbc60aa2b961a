//! X.509 certificates: what one says, and whether an authority stands behind
//! it.
//!
//! Knows no hub, no connection and no clock: moments are passed in as seconds
//! since 1970. Whatever the bytes are, reading them neither panics nor takes
//! long; [`MAX_DER`] bounds them.

mod certificate;
mod chain;
mod rules;
mod thumbprint;

pub use certificate::{Certificate, MAX_DER, ParseCertificateError, Validity};
pub use chain::{Chain, ChainError, check_authority, find_authority, is_issued_by};
pub use thumbprint::Thumbprint;
