//! Whom connections to endpoints trust: whoever the system does, and the
//! authorities that the operator adds.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;
use twinhub_core::ports::{DeliveryFailure, FailureReason};

/// What is to be trusted holds no certificate that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no certificate in it that can be read")]
pub struct InvalidAuthorities;

/// The authorities that are trusted besides the system's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trust {
    added: Vec<CertificateDer<'static>>,
    /// What was read once: it counts until the hub is started anew.
    config: Arc<OnceLock<ClientConfig>>,
}

impl Trust {
    /// From certificates in PEM.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, InvalidAuthorities> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match certificates {
            Ok(added) if !added.is_empty() => Ok(Trust {
                added,
                config: Arc::default(),
            }),
            Ok(_) | Err(_) => Err(InvalidAuthorities),
        }
    }

    /// How a client speaks TLS. The first call reads what the system trusts.
    pub(crate) fn config(&self) -> Result<ClientConfig, DeliveryFailure> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        let config = self.verified().map_err(|_| {
            let detail = "the certificates that this machine trusts can't be read";
            DeliveryFailure::new(FailureReason::Failed, detail)
        })?;
        Ok(self.config.get_or_init(|| config).clone())
    }

    fn verified(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            Verifier::new_with_extra_roots(self.added.iter().cloned(), provider.clone())?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            // The system's verifier, in place of a list of roots.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_refused() {
        for pem in [
            "",
            "no certificate",
            "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----",
        ] {
            assert!(Trust::from_pem(pem.as_bytes()).is_err(), "{pem}");
        }
    }

    #[test]
    fn the_system_s_authorities_are_enough() {
        assert!(Trust::default().config().is_ok());
    }
}
