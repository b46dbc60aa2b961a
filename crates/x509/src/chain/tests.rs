use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};

use super::*;

const NOW: i64 = 1_800_000_000;

fn day(number: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).unwrap() + Duration::days(number)
}

/// Somebody with a certificate, who may issue others.
struct Party {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

type Change = fn(&mut CertificateParams);

fn params(name: &str, change: Change) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = day(-10);
    params.not_after = day(10);
    change(&mut params);
    params
}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
}

fn plain(_: &mut CertificateParams) {}

fn root(name: &str, change: Change) -> Party {
    let key = KeyPair::generate().unwrap();
    let params = params(name, change);
    let certificate = Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap();
    Party {
        certificate,
        issuer: Issuer::new(params, key),
    }
}

impl Party {
    fn issue(&self, name: &str, change: Change) -> Party {
        let key = KeyPair::generate().unwrap();
        let params = params(name, change);
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        Party {
            certificate: Certificate::from_der(signed.der()).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }
}

fn find(leaf: &Party, sent: &[&Party], authorities: &[&Party]) -> Result<Chain, ChainError> {
    let sent: Vec<_> = sent.iter().map(|party| party.der()).collect();
    let authorities: Vec<_> = authorities.iter().map(|party| &party.certificate).collect();
    find_authority(&leaf.certificate, &sent, &authorities, NOW)
}

#[test]
fn the_authority_that_issued_it_stands_behind_a_certificate() {
    let (other, plant) = (root("other", authority), root("plant", authority));
    let device = plant.issue("pump-7", plain);

    let chain = find(&device, &[], &[&other, &plant]).unwrap();

    assert_eq!(chain.authority, 1);
    assert_eq!(chain.not_after, day(10).unix_timestamp());
}

#[test]
fn issuers_in_between_are_found_in_any_order_among_other_things() {
    let plant = root("plant", authority);
    let hall = plant.issue("hall", authority);
    let line = hall.issue("line", authority);
    let device = line.issue("pump-7", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let stray = root("stray", authority);
    let mut sent: Vec<_> = [&stray, &hall, &plant, &line].map(Party::der).to_vec();
    sent.insert(1, b"no certificate".to_vec());

    for authority in [&plant, &hall, &line] {
        let found = find_authority(&device.certificate, &sent, &[&authority.certificate], NOW);

        assert_eq!(found.map(|chain| chain.authority), Ok(0));
    }
}

#[test]
fn the_chain_ends_with_the_first_of_its_certificates() {
    let plant = root("plant", authority);
    let hall = plant.issue("hall", |params| {
        authority(params);
        params.not_after = day(3);
    });
    let device = hall.issue("pump-7", plain);

    let chain = find(&device, &[&hall], &[&plant]).unwrap();

    assert_eq!(chain.not_after, day(3).unix_timestamp());
}

#[test]
fn a_missing_link_is_named() {
    let plant = root("plant", authority);
    let hall = plant.issue("hall", authority);
    let device = hall.issue("pump-7", plain);

    assert_eq!(
        find(&device, &[], &[&plant]),
        Err(ChainError::NoIssuer("CN=hall".to_owned()))
    );
}

#[test]
fn a_namesake_of_the_authority_does_not_count() {
    let plant = root("plant", authority);
    let namesake = root("plant", authority);
    let device = namesake.issue("pump-7", plain);

    for sent in [vec![], vec![&namesake], vec![&namesake, &plant]] {
        assert!(matches!(
            find(&device, &sent, &[&plant]),
            Err(ChainError::Signature(_) | ChainError::TooComplex)
        ));
    }
}

#[test]
fn a_certificate_that_vouches_for_itself_does_not_count() {
    let plant = root("plant", authority);
    let device = root("pump-7", plain);

    assert_eq!(
        find(&device, &[&device], &[&plant]),
        Err(ChainError::NotAnAuthority("CN=pump-7".to_owned()))
    );
    assert_eq!(
        find(&plant, &[], &[&plant]),
        Err(ChainError::Authority),
        "the authority's own certificate is nobody's"
    );
}

#[test]
fn who_may_not_issue_is_no_issuer() {
    let changes: [Change; 3] = [
        plain,
        |params| params.is_ca = IsCa::ExplicitNoCa,
        |params| {
            authority(params);
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        },
    ];
    for change in changes {
        let plant = root("plant", authority);
        let hall = plant.issue("hall", change);
        let device = hall.issue("pump-7", plain);

        assert_eq!(
            find(&device, &[&hall], &[&plant]),
            Err(ChainError::NotAnAuthority("CN=hall".to_owned()))
        );
    }
}

#[test]
fn no_more_issuers_than_the_authority_allows() {
    let plant = root("plant", |params| {
        authority(params);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    });
    let hall = plant.issue("hall", authority);
    let line = hall.issue("line", authority);
    let allowed = hall.issue("pump-7", plain);
    let refused = line.issue("pump-8", plain);

    assert!(find(&allowed, &[&hall], &[&plant]).is_ok());
    assert_eq!(
        find(&refused, &[&hall, &line], &[&plant]),
        Err(ChainError::TooLong("CN=plant".to_owned()))
    );
}

#[test]
fn every_certificate_of_the_chain_has_its_time() {
    let late: Change = |params| {
        authority(params);
        params.not_before = day(1);
    };
    let over: Change = |params| {
        authority(params);
        params.not_after = day(-1);
    };
    for (change, expected) in [
        (late, ChainError::NotYetValid("CN=hall".to_owned())),
        (over, ChainError::Expired("CN=hall".to_owned())),
    ] {
        let plant = root("plant", authority);
        let hall = plant.issue("hall", change);
        let device = hall.issue("pump-7", plain);

        assert_eq!(find(&device, &[&hall], &[&plant]), Err(expected.clone()));
        assert_eq!(find(&device, &[], &[&hall]), Err(expected));
    }

    let plant = root("plant", authority);
    let device = plant.issue("pump-7", |params| params.not_after = day(-1));
    assert_eq!(
        find(&device, &[], &[&plant]),
        Err(ChainError::Expired("CN=pump-7".to_owned()))
    );
}

#[test]
fn a_certificate_for_servers_alone_is_refused_wherever_it_stands() {
    let for_servers: Change = |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    let plant = root("plant", authority);
    let device = plant.issue("pump-7", for_servers);
    let hall = plant.issue("hall", |params| {
        authority(params);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let below = hall.issue("pump-7", plain);

    assert!(matches!(
        find(&device, &[], &[&plant]),
        Err(ChainError::NotForClients(_))
    ));
    assert!(matches!(
        find(&below, &[&hall], &[&plant]),
        Err(ChainError::NotForClients(_))
    ));
}

#[test]
fn constraints_that_are_not_worked_out_are_refused() {
    let constrained: Change = |params| {
        authority(params);
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("plant.example".into())],
            excluded_subtrees: Vec::new(),
        });
    };
    let unknown: Change = |params| {
        authority(params);
        let mut extension =
            rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
    };
    for change in [constrained, unknown] {
        let plant = root("plant", change);
        let device = plant.issue("pump-7", plain);

        assert!(matches!(
            find(&device, &[], &[&plant]),
            Err(ChainError::Extension(..))
        ));
    }
}

#[test]
fn a_maze_of_issuers_is_left_in_time() {
    // Namesakes that issued each other: every way leads on, none to the end.
    let plant = root("plant", authority);
    let hall = root("hall", authority);
    let mut same: Vec<CertificateParams> = Vec::new();
    same.resize_with(10, || params("hall", authority));
    let key = hall.issuer.key();
    let sent: Vec<Vec<u8>> = same
        .iter()
        .map(|params| params.self_signed(key).unwrap().der().to_vec())
        .collect();
    let device = hall.issue("pump-7", plain);

    assert_eq!(
        find_authority(&device.certificate, &sent, &[&plant.certificate], NOW),
        Err(ChainError::TooComplex)
    );
}

#[test]
fn a_changed_certificate_is_refused() {
    let plant = root("plant", authority);
    let device = plant.issue("pump-7", plain);
    let mut der = device.der();
    let at = der.windows(6).position(|bytes| bytes == b"pump-7").unwrap();
    der[at + 5] = b'8';
    let forged = Certificate::from_der(&der).unwrap();

    assert_eq!(forged.common_name().as_deref(), Some("pump-8"));
    assert_eq!(
        find_authority(&forged, &[], &[&plant.certificate], NOW),
        Err(ChainError::Signature("CN=pump-8".to_owned()))
    );
}

fn sample(pem: &str) -> Certificate {
    Certificate::from_text(pem).unwrap()
}

#[test]
fn what_openssl_makes_without_being_told_extensions_is_taken() {
    let authority = sample(include_str!("../../samples/ca.pem"));
    let leaf = sample(include_str!("../../samples/version1.pem"));

    let now = leaf.validity().not_before;
    assert!(find_authority(&leaf, &[], &[&authority], now).is_ok());
    assert!(is_issued_by(&leaf, &authority, now).is_ok());
}

#[test]
fn signatures_with_sha1_are_refused() {
    let authority = sample(include_str!("../../samples/ca.pem"));
    let leaf = sample(include_str!("../../samples/sha1.pem"));

    let now = leaf.validity().not_before;
    assert_eq!(
        find_authority(&leaf, &[], &[&authority], now),
        Err(ChainError::Sha1("CN=pump-7".to_owned()))
    );
}

#[test]
fn an_authority_may_be_a_root_or_not_but_no_leaf_and_not_over() {
    let plant = root("plant", authority);
    let hall = plant.issue("hall", authority);
    let device = hall.issue("pump-7", plain);

    assert_eq!(check_authority(&plant.certificate, NOW), Ok(()));
    assert_eq!(check_authority(&hall.certificate, NOW), Ok(()));
    assert!(check_authority(&device.certificate, NOW).is_err());
    let later = day(11).unix_timestamp();
    assert!(check_authority(&plant.certificate, later).is_err());
}
