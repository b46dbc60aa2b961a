//! A certificate chain and its key, read from PEM files.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::CertifiedKey,
};

/// Why a pair can't be shown to clients.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A file that can't be read.
    #[error("could not read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that holds no PEM, or none of the wanted kind.
    #[error("{} holds no {wanted} in PEM form", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// Certificate or private key.
        wanted: &'static str,
    },
    /// A broken PEM file.
    #[error("{} is not valid PEM", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: pem::Error,
    },
    /// Certificate and key that don't belong together, or of a kind that TLS
    /// can't use.
    #[error("{} and {} are not a pair that TLS can use", chain.display(), key.display())]
    NoPair {
        /// The certificate's file.
        chain: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What the TLS library said.
        source: rustls::Error,
    },
}

/// Reads a pair and checks that the key is the certificate's.
pub(super) fn read(
    chain: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, PairError> {
    let certificates = read_certificates(chain)?;
    let secret = PrivateKeyDer::from_pem_slice(&contents(key)?).map_err(|error| match error {
        pem::Error::NoItemsFound => PairError::Empty {
            path: key.to_owned(),
            wanted: "private key",
        },
        source => PairError::NotPem {
            path: key.to_owned(),
            source,
        },
    })?;
    CertifiedKey::from_der(certificates, secret, provider)
        .map(Arc::new)
        .map_err(|source| PairError::NoPair {
            chain: chain.to_owned(),
            key: key.to_owned(),
            source,
        })
}

/// Reads all certificates of a PEM file, of which there is at least one.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&contents(path)?).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => Err(PairError::Empty {
            path: path.to_owned(),
            wanted: "certificate",
        }),
        Ok(certificates) => Ok(certificates),
        Err(source) => Err(PairError::NotPem {
            path: path.to_owned(),
            source,
        }),
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, PairError> {
    std::fs::read(path).map_err(|source| PairError::Unreadable {
        path: path.to_owned(),
        source,
    })
}
