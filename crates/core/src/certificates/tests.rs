use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::*;

const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(NOW + seconds)
}

fn params(common_name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.is_ca = is_ca;
    params
}

/// An authority's certificate, and the means to issue others.
fn plant() -> (Certificate, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let params = params("plant", IsCa::Ca(BasicConstraints::Unconstrained));
    let certificate = params.self_signed(&key).unwrap();
    (
        Certificate::from_der(certificate.der()).unwrap(),
        Issuer::new(params, key),
    )
}

fn issued(issuer: &Issuer<'static, KeyPair>, common_name: &str) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let signed = params(common_name, IsCa::NoCa).signed_by(&key, issuer);
    Certificate::from_der(signed.unwrap().der()).unwrap()
}

fn put(certificate: &Certificate, vouched_for: bool, former: Option<&Authority>) -> Authority {
    let name = CertificateName::parse("Plant").unwrap();
    Authority::put(name, certificate.clone(), vouched_for, former, at(0)).unwrap()
}

#[test]
fn possession_is_proven_by_a_certificate_named_by_the_code() {
    let (certificate, issuer) = plant();
    let added = put(&certificate, false, None);
    assert!(!added.verified);

    let waiting = added.with_code(verification_code(), at(1));
    let proof = issued(&issuer, waiting.code.as_ref().unwrap());
    let proven = waiting.prove(&proof, at(2)).unwrap();

    assert!(proven.verified);
    assert_eq!(proven.code, None);
    assert_eq!((proven.created, proven.updated), (at(0), at(2)));
    assert_ne!(proven.etag(), waiting.etag());
    assert_ne!(waiting.etag(), added.etag());
}

#[test]
fn other_certificates_prove_nothing() {
    let (certificate, issuer) = plant();
    let (_, namesake) = plant();
    let added = put(&certificate, false, None);
    let code = verification_code();
    let waiting = added.with_code(code.clone(), at(1));

    assert_eq!(
        added.prove(&issued(&issuer, &code), at(2)),
        Err(InvalidAuthority::NoCode)
    );
    assert_eq!(
        waiting.prove(&issued(&issuer, &verification_code()), at(2)),
        Err(InvalidAuthority::OtherCode)
    );
    assert!(matches!(
        waiting.prove(&issued(&namesake, &code), at(2)),
        Err(InvalidAuthority::Unusable(ChainError::Signature(_)))
    ));
}

#[test]
fn the_same_certificate_stays_verified_another_one_does_not() {
    let (first, _) = plant();
    let (second, _) = plant();
    let vouched_for = put(&first, true, None);

    assert!(vouched_for.verified);
    assert!(put(&first, false, Some(&vouched_for)).verified);
    assert!(!put(&second, false, Some(&vouched_for)).verified);
    assert!(put(&second, true, Some(&vouched_for)).verified);
}

#[test]
fn a_code_does_not_outlive_its_certificate() {
    let (first, _) = plant();
    let (second, _) = plant();
    let waiting = put(&first, false, None).with_code(verification_code(), at(1));

    assert_eq!(put(&first, false, Some(&waiting)).code, waiting.code);
    assert_eq!(put(&second, false, Some(&waiting)).code, None);
}

#[test]
fn who_may_not_issue_is_no_authority() {
    let (_, issuer) = plant();
    let name = CertificateName::parse("Plant").unwrap();

    let refused = Authority::put(name, issued(&issuer, "pump-7"), true, None, at(0));

    assert!(matches!(refused, Err(InvalidAuthority::Unusable(_))));
}

#[test]
fn codes_are_48_digits_and_differ() {
    let (one, other) = (verification_code(), verification_code());

    assert_eq!(one.len(), 48);
    assert!(one.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert_ne!(one, other);
}

#[test]
fn names_are_letters_digits_and_some_signs() {
    assert!(CertificateName::parse("Plant-1_a.b").is_ok());
    for refused in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
        assert!(CertificateName::parse(refused).is_err(), "{refused}");
    }
}
