//! What a client shows of itself, before any of it is believed.

use std::net::SocketAddr;
use std::sync::Arc;

use twinhub_x509::{Certificate, ParseCertificateError};

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where it is.
    pub address: SocketAddr,
    /// The certificate whose key it holds, if it has shown one.
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl Peer {
    /// A peer without a certificate.
    pub fn at(address: SocketAddr) -> Self {
        Peer {
            address,
            certificate: None,
        }
    }
}

/// A certificate whose key a client holds, and those that it sent along.
/// Whether an authority stands behind it is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub(super) leaf: Certificate,
    /// As sent: neither complete, nor in order, nor certificates at all.
    pub(super) sent_along: Vec<Vec<u8>>,
}

impl ClientCertificate {
    /// The client's own certificate, in DER, and what it sent along.
    pub fn new<'a>(
        leaf: &[u8],
        sent_along: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, ParseCertificateError> {
        Ok(ClientCertificate {
            leaf: Certificate::from_der(leaf)?,
            sent_along: sent_along.into_iter().map(<[u8]>::to_vec).collect(),
        })
    }
}

/// What a client proves who it is with. Where it shows both, the token counts.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// A shared access signature.
    Token(&'a str),
    /// A certificate.
    Certificate(&'a ClientCertificate),
}
