//! The local authority: signs the hub's certificate on this machine.
//!
//! The authority lives ten years and is made once, because people install it
//! in trust stores. The certificate lives 397 days, the most that browsers
//! and Apple's systems take.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{contents::Contents, local_ca};
use crate::{config::Config, private_file};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AUTHORITY_LIFE: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
const CERTIFICATE_LIFE: Duration = Duration::from_secs(397 * 24 * 60 * 60);
const SIGN_ANEW_BEFORE_END: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What the certificate has to be for: the hub's names, and the addresses
/// under which it can be reached.
pub(super) fn names(config: &Config) -> Vec<String> {
    let addresses = config
        .listen
        .iter()
        .copied()
        .filter(|address| !address.is_unspecified())
        .chain([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
        .map(|address: IpAddr| address.to_string());
    let mut names = Vec::new();
    for name in config
        .hostname
        .iter()
        .cloned()
        .chain(["localhost".to_owned()])
        .chain(addresses)
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Makes the authority if there is none, and signs a certificate for `names`
/// unless the present one is for exactly those and lasts.
pub(super) fn ensure(folder: &Path, names: &[String], now: SystemTime) -> anyhow::Result<()> {
    let made = ensure_authority(folder, now)?;
    let certificate = folder.join("server.pem");
    let is_good = !made
        && folder.join("server-key.pem").exists()
        && fs::read(&certificate).is_ok_and(|pem| lasts(&pem, names, now));
    if is_good {
        return Ok(());
    }
    sign(folder, names, now)
}

fn ensure_authority(folder: &Path, now: SystemTime) -> anyhow::Result<bool> {
    let (certificate, key) = (local_ca(folder), folder.join("ca-key.pem"));
    match (certificate.exists(), key.exists()) {
        (true, true) => return Ok(false),
        (false, false) => {}
        _ => anyhow::bail!(
            "{} and {} belong together and one is missing: restore it, or remove the other to make a new authority, which clients must then trust",
            certificate.display(),
            key.display()
        ),
    }
    let mut serial = [0_u8; 3];
    getrandom::fill(&mut serial).context("the system gave no random bytes")?;
    // Each folder's authority has its own name: OpenSSL finds an issuer by
    // name, and would try a wrong key of the same name.
    let [a, b, c] = serial;
    let mut params = params(
        &format!("Twinhub local CA {a:02x}{b:02x}{c:02x}"),
        now,
        AUTHORITY_LIFE,
    );
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let secret = KeyPair::generate()?;
    let authority = params.self_signed(&secret)?;
    // The key first: a certificate is there only when its key is.
    private_file::write(&key, secret.serialize_pem().as_bytes())?;
    private_file::write(&certificate, authority.pem().as_bytes())?;
    Ok(true)
}

fn sign(folder: &Path, names: &[String], now: SystemTime) -> anyhow::Result<()> {
    let ca_file = local_ca(folder);
    let ca_key = KeyPair::from_pem(&fs::read_to_string(folder.join("ca-key.pem"))?)
        .context("ca-key.pem holds no usable key")?;
    let issuer = Issuer::from_ca_cert_pem(&fs::read_to_string(&ca_file)?, ca_key)
        .with_context(|| format!("{} holds no usable certificate", ca_file.display()))?;

    // A common name has at most 64 characters; clients read the names anyway.
    let common_name = names
        .iter()
        .find(|name| name.len() <= 64)
        .map_or("twinhub", String::as_str);
    let mut params = params(common_name, now, CERTIFICATE_LIFE);
    params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let secret = KeyPair::generate()?;
    let certificate = params.signed_by(&secret, &issuer)?;

    private_file::write(
        &folder.join("server-key.pem"),
        secret.serialize_pem().as_bytes(),
    )?;
    private_file::write(&folder.join("server.pem"), certificate.pem().as_bytes())?;
    tracing::info!(names = names.join(" "), "certificate signed");
    Ok(())
}

fn params(common_name: &str, now: SystemTime, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    // Clients' clocks may be behind.
    params.not_before = (now - DAY).into();
    params.not_after = (now - DAY + life).into();
    params
}

fn lasts(pem: &[u8], names: &[String], now: SystemTime) -> bool {
    let contents = CertificateDer::from_pem_slice(pem)
        .ok()
        .and_then(|der| Contents::read(&der));
    contents.is_some_and(|contents| {
        contents.lasts_until(now + SIGN_ANEW_BEFORE_END)
            && contents.names == names.iter().cloned().collect()
    })
}
