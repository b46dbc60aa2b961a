//! What one certificate of a chain must be, wherever it stands in it.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::x509::X509Version;

use crate::chain::ChainError;

/// Of a certificate that issued another one, with `below` more issuers between
/// it and the client's certificate.
pub(crate) fn check_issuer(issuer: &X509Certificate<'_>, below: usize) -> Result<(), ChainError> {
    check_extensions(issuer)?;
    let constraints = match issuer.basic_constraints() {
        Ok(Some(extension)) if extension.value.ca => extension.value,
        _ => return Err(ChainError::NotAnAuthority(name(issuer))),
    };
    let is_too_long = |max: u32| below > usize::try_from(max).unwrap_or(usize::MAX);
    if constraints.path_len_constraint.is_some_and(is_too_long) {
        return Err(ChainError::TooLong(name(issuer)));
    }
    match issuer.key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.key_cert_sign() => Ok(()),
        _ => Err(ChainError::NotAnAuthority(name(issuer))),
    }
}

/// Of the client's own certificate. It may be of version 1, which openssl
/// makes where it is not told any extensions.
pub(crate) fn check_leaf(leaf: &X509Certificate<'_>) -> Result<(), ChainError> {
    check_extensions(leaf)?;
    if leaf.is_ca() {
        return Err(ChainError::Authority);
    }
    Ok(())
}

/// In any certificate: nothing that is not understood, and use by clients.
fn check_extensions(certificate: &X509Certificate<'_>) -> Result<(), ChainError> {
    let twice = certificate.extensions_map().is_err();
    let misplaced =
        certificate.version() != X509Version::V3 && !certificate.extensions().is_empty();
    if twice || misplaced {
        return Err(ChainError::Malformed(name(certificate)));
    }
    for extension in certificate.extensions() {
        let is_understood = match extension.parsed_extension() {
            ParsedExtension::ParseError { .. } => false,
            ParsedExtension::BasicConstraints(_)
            | ParsedExtension::KeyUsage(_)
            | ParsedExtension::ExtendedKeyUsage(_)
            | ParsedExtension::SubjectAlternativeName(_)
            | ParsedExtension::CertificatePolicies(_) => true,
            // Whether its names keep within them is not worked out here, so
            // that nothing is let through by mistake.
            ParsedExtension::NameConstraints(_) => false,
            _ => !extension.critical,
        };
        if !is_understood {
            let oid = extension.oid.to_id_string();
            return Err(ChainError::Extension(name(certificate), oid));
        }
    }
    match certificate.extended_key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.client_auth || usage.value.any => Ok(()),
        _ => Err(ChainError::NotForClients(name(certificate))),
    }
}

/// The issuer's signature under a certificate.
pub(crate) fn check_signature(
    certificate: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
) -> Result<(), ChainError> {
    let algorithm = &certificate.signature_algorithm;
    if *algorithm != certificate.tbs_certificate.signature {
        return Err(ChainError::Malformed(name(certificate)));
    }
    // RSA and ECDSA with SHA-1: forgeries are within reach.
    let oid = algorithm.algorithm.to_id_string();
    if matches!(
        oid.as_str(),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" | "1.2.840.10045.4.1"
    ) {
        return Err(ChainError::Sha1(name(certificate)));
    }
    certificate
        .verify_signature(Some(issuer.public_key()))
        .map_err(|_| ChainError::Signature(name(certificate)))
}

/// When it counts.
pub(crate) fn check_time(certificate: &X509Certificate<'_>, now: i64) -> Result<(), ChainError> {
    let validity = certificate.validity();
    if now < validity.not_before.timestamp() {
        Err(ChainError::NotYetValid(name(certificate)))
    } else if now > validity.not_after.timestamp() {
        Err(ChainError::Expired(name(certificate)))
    } else {
        Ok(())
    }
}

/// For the log: as it says itself, shortened.
pub(crate) fn name(certificate: &X509Certificate<'_>) -> String {
    let subject = certificate.subject().to_string();
    subject.chars().take(200).collect()
}
