//! The usual check of a server's certificate, and what it refuses wrongly.
//!
//! `openssl req -x509` marks what it makes as an authority (CA:TRUE), and the
//! usual check takes no authority for a server. When such a certificate is the
//! very one that the operator gave to the hub, nothing is left to find out but
//! that it is for the name: it is taken. Its dates and the proof that the
//! server holds its key are checked as for any other.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        VerifierBuilderError, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use crate::certificates::provider;

/// Takes what hangs on the roots, and the operator's own certificate.
#[derive(Debug)]
pub struct HubVerifier {
    usual: Arc<WebPkiServerVerifier>,
    own: Option<CertificateDer<'static>>,
}

impl HubVerifier {
    /// A check against `roots`; `own` is what the hub is known to show.
    pub fn new(
        roots: RootCertStore,
        own: Option<CertificateDer<'static>>,
    ) -> Result<Arc<Self>, VerifierBuilderError> {
        let usual =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build()?;
        Ok(Arc::new(Self { usual, own }))
    }
}

impl ServerCertVerifier for HubVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let outcome = self.usual.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match outcome {
            // That it is an authority has no variant of its own. Dates have,
            // and are looked at before.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.own.as_ref() == Some(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// As `openssl req -x509` makes it.
    fn marked_as_authority(name: &str, now: SystemTime) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_before = now.into();
        params.not_after = (now + 30 * DAY).into();
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn check(
        shown: &CertificateDer<'static>,
        own: &CertificateDer<'static>,
        name: &'static str,
        now: SystemTime,
    ) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        roots.add(own.clone()).unwrap();
        let verifier = HubVerifier::new(roots, Some(own.clone())).unwrap();
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        verifier
            .verify_server_cert(
                shown,
                &[],
                &ServerName::try_from(name).unwrap(),
                &[],
                UnixTime::since_unix_epoch(since),
            )
            .map(|_| ())
    }

    #[test]
    fn the_operators_own_certificate_is_taken_though_marked_as_an_authority() {
        let now = crate::clock::now();
        let own = marked_as_authority("hub.example", now);

        assert_eq!(check(&own, &own, "hub.example", now + DAY), Ok(()));
    }

    #[test]
    fn another_one_for_the_same_name_is_refused() {
        let now = crate::clock::now();
        let own = marked_as_authority("hub.example", now);
        let other = marked_as_authority("hub.example", now);

        assert!(check(&other, &own, "hub.example", now + DAY).is_err());
    }

    #[test]
    fn name_and_dates_of_the_own_one_still_count() {
        let now = crate::clock::now();
        let own = marked_as_authority("hub.example", now);
        let reason = |name, at| match check(&own, &own, name, at) {
            Err(Error::InvalidCertificate(reason)) => format!("{reason:?}"),
            other => panic!("{other:?}"),
        };

        assert!(reason("other.example", now + DAY).starts_with("NotValidForName"));
        assert!(reason("hub.example", now + 31 * DAY).starts_with("Expired"));
        assert!(reason("hub.example", now - DAY).starts_with("NotValidYet"));
    }
}
