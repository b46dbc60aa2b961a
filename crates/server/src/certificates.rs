//! The certificate that the hub shows, on every port.
//!
//! Without a certificate of the operator's own, a local authority made at the
//! first start signs one for the hub's names and addresses; it is signed anew
//! when those change or its end comes near. Whoever's it is, it is read again
//! when its files change, without a connection being dropped; a pair that
//! can't be used is logged, and the one in use stays.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use anyhow::Context;
use rustls::{ServerConfig, crypto::CryptoProvider};

use crate::{config::Config, data_dir::DataDir};

mod authority;
mod clients;
mod contents;
mod pair;
mod reload;

pub use clients::{ClientCertificates, may_be_a_browser};
pub use pair::{PairError, read_certificates};
pub use reload::ServerCertificate;

/// Where the server's certificate is, and who keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// The operator's own pair; Twinhub reads it and nothing else.
    Own {
        /// The certificate with its intermediates, PEM.
        chain: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
        /// The name that clients are told to use.
        hostname: String,
    },
    /// A pair signed by the local authority in `tls/`.
    Local {
        /// The folder with both pairs.
        folder: PathBuf,
        /// What the certificate is for: DNS names and IP addresses.
        names: Vec<String>,
    },
}

impl CertificateSource {
    /// The pair that the configuration asks for.
    pub fn of(config: &Config, data_dir: &DataDir) -> Self {
        match (&config.tls.cert, &config.tls.key) {
            (Some(chain), Some(key)) => Self::Own {
                chain: chain.clone(),
                key: key.clone(),
                hostname: config.preferred_hostname().to_owned(),
            },
            _ => Self::Local {
                folder: data_dir.tls(),
                names: authority::names(config),
            },
        }
    }

    /// The file with the server's certificate.
    pub fn chain(&self) -> PathBuf {
        match self {
            Self::Own { chain, .. } => chain.clone(),
            Self::Local { folder, .. } => folder.join("server.pem"),
        }
    }

    /// The file with its private key.
    pub fn key(&self) -> PathBuf {
        match self {
            Self::Own { key, .. } => key.clone(),
            Self::Local { folder, .. } => folder.join("server-key.pem"),
        }
    }

    /// The file that clients have to trust: the local authority, or the
    /// operator's chain. Commands read it from wherever they are started.
    pub fn trusted_by_clients(&self) -> PathBuf {
        match self {
            Self::Own { chain, .. } => std::path::absolute(chain).unwrap_or_else(|_| chain.clone()),
            Self::Local { folder, .. } => local_ca(folder),
        }
    }

    /// Whether it is of the local authority, which nobody knows but who is told.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local { .. })
    }

    /// Makes or signs anew what the local authority has to offer. The
    /// operator's own pair is left alone.
    fn ensure(&self, now: SystemTime) -> anyhow::Result<()> {
        match self {
            Self::Own { .. } => Ok(()),
            Self::Local { folder, names } => authority::ensure(folder, names, now)
                .with_context(|| format!("could not make certificates in {}", folder.display())),
        }
    }
}

/// The certificate of the local authority in a data folder's `tls/`.
pub fn local_ca(tls: &Path) -> PathBuf {
    tls.join("ca.pem")
}

/// How the hub speaks TLS: 1.2 and 1.3, with tickets that need no memory.
///
/// `alpn` are the protocols offered, most wanted first: none for MQTT and
/// AMQP, whose clients don't ask. TLS 1.2 is not optional: Azure's Python SDK
/// asks for exactly that. A certificate that a client shows is proven to be
/// its own and nothing more.
pub fn server_config(
    certificate: Arc<ServerCertificate>,
    alpn: &[&str],
    clients: ClientCertificates,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = provider();
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let builder = match clients {
        ClientCertificates::Asked => {
            builder.with_client_cert_verifier(clients::AnyCertificate::new(provider))
        }
        ClientCertificates::NotAsked => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(certificate);
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    // Who comes back gets a new one.
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// The cryptography of every TLS connection, in and out.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(test)]
mod tests;
