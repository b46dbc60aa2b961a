//! Certificates that clients show and operators upload.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twinhub_x509::{Certificate, check_authority, find_authority, is_issued_by};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

const AUTHORITY: &str = include_str!("../../crates/x509/samples/ca.pem");
const ISSUED: &str = include_str!("../../crates/x509/samples/version1.pem");

/// What is read keeps its bytes, in whatever form it came; no authority stands
/// behind anything but what it has signed.
pub fn certificate(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(read) = Certificate::from_text(text)
    {
        keeps_its_bytes(&read);
    }
    let Ok(read) = Certificate::from_der(bytes) else {
        return;
    };
    assert_eq!(read.der(), bytes);
    keeps_its_bytes(&read);
    nobody_vouches_for_itself(&read);
    is_not_forged(&read);
}

fn keeps_its_bytes(read: &Certificate) {
    let text = STANDARD.encode(read.der());
    assert_eq!(Certificate::from_text(&text).as_ref(), Ok(read));
    assert!(read.thumbprint().is(&read.thumbprint().sha1_hex()));
    assert!(read.thumbprint().is(&read.thumbprint().sha256_hex()));
    if let Some(name) = read.common_name() {
        assert!(!read.subject().is_empty(), "it has the name {name:?}");
    }
}

fn nobody_vouches_for_itself(read: &Certificate) {
    let now = read.validity().not_before;
    let chain = find_authority(read, &[read.der().to_vec()], &[read], now);
    assert!(chain.is_err(), "{chain:?}");
    let _ = check_authority(read, now);
}

fn is_not_forged(read: &Certificate) {
    let authority = Certificate::from_text(AUTHORITY).expect("it is a sample");
    let issued = Certificate::from_text(ISSUED).expect("it is a sample");
    let now = issued.validity().not_before;
    let sent_along = [authority.der().to_vec(), read.der().to_vec()];
    if find_authority(read, &sent_along, &[&authority], now).is_ok() {
        assert_eq!(signed_part(read), signed_part(&issued));
    }
    if is_issued_by(read, &authority, now).is_ok() {
        let signed = [signed_part(&issued), signed_part(&authority)];
        assert!(signed.contains(&signed_part(read)));
    }
}

/// All that counts. What is around it may be written in more than one way,
/// with the same signature.
fn signed_part(certificate: &Certificate) -> Vec<u8> {
    let (_, parsed) = X509Certificate::from_der(certificate.der()).expect("it was read before");
    parsed.tbs_certificate.as_ref().to_vec()
}
