//! Certificates that clients show.
//!
//! A device may prove who it is with a certificate that nobody signed but
//! itself. The handshake can therefore only find out that the client holds
//! the certificate's key; whether the certificate belongs to a device is for
//! the hub to say, which knows thumbprints and registered authorities.
//!
//! Signatures are checked against the bare key: openssl makes certificates of
//! version 1 where it is not told any extensions, which webpki refuses.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls13_signature_with_raw_key},
    pki_types::{
        CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime,
    },
    server::ClientHello,
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use webpki::RawPublicKeyEntity;
use x509_parser::certificate::X509Certificate;

/// Whether clients are asked for a certificate; none has to show one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// On ports that only devices use.
    Asked,
    /// Where browsers would prompt their user.
    NotAsked,
}

/// Takes any certificate whose key the client holds.
#[derive(Debug)]
pub(super) struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl AnyCertificate {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Arc<Self> {
        Arc::new(Self { provider })
    }
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        parse(end_entity).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = parse(certificate)?;
        let spki = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
        let key = RawPublicKeyEntity::try_from(&spki).map_err(|_| bad_encoding())?;
        let algorithms = &self.provider.signature_verification_algorithms;
        let (_, candidates) = algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == signature.scheme)
            .ok_or_else(bad_signature)?;
        // In TLS 1.2 a scheme does not tell the curve.
        let is_signed_with = |algorithm: &&dyn SignatureVerificationAlgorithm| {
            let signed = key.verify_signature(*algorithm, message, signature.signature());
            signed.is_ok()
        };
        match candidates.iter().any(is_signed_with) {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(bad_signature()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = parse(certificate)?;
        let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match x509_parser::parse_x509_certificate(certificate) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(bad_encoding()),
    }
}

fn bad_encoding() -> Error {
    Error::InvalidCertificate(CertificateError::BadEncoding)
}

fn bad_signature() -> Error {
    Error::InvalidCertificate(CertificateError::BadSignature)
}

/// Whether a client may have a person in front of it, whom its browser would
/// ask for a certificate: browsers offer HTTP/2, the SDKs of devices don't.
pub fn may_be_a_browser(hello: &ClientHello<'_>) -> bool {
    hello
        .alpn()
        .is_some_and(|mut offers| offers.any(|offer| offer == b"h2"))
}
