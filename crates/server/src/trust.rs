//! Which certificates are trusted, here and by the tools that run beside us.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use rustls::RootCertStore;

use crate::{
    certificates::{local_ca, read_certificates},
    config::Environment,
    data_dir::DataDir,
    private_file,
};

mod verifier;

pub use verifier::HubVerifier;

/// Where systems keep the roots that they trust, as one PEM file.
const SYSTEM_ROOTS: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The roots that a command trusts: the system's, those of
/// `TWINHUB_CA_FILE`, the CA of the data folder, and `more`.
pub fn roots(
    environment: &Environment,
    data_dir: &DataDir,
    more: Option<&Path>,
) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    // What the person named must be there; what is only likely may be missing.
    for named in [environment.ca_file().as_deref(), more]
        .into_iter()
        .flatten()
    {
        roots.add_parsable_certificates(read_certificates(named)?);
    }
    let likely = [
        Some(local_ca(&data_dir.tls())),
        system_roots(environment, data_dir),
    ];
    for file in likely.into_iter().flatten() {
        if let Ok(certificates) = read_certificates(&file) {
            roots.add_parsable_certificates(certificates);
        }
    }
    Ok(roots)
}

/// Writes the bundle for tools that take one file of roots: the system's, so
/// that their other connections keep working, and `hub_ca`.
pub fn write_bundle(
    environment: &Environment,
    data_dir: &DataDir,
    hub_ca: &Path,
) -> anyhow::Result<PathBuf> {
    let mut bundle = match system_roots(environment, data_dir) {
        Some(file) => {
            fs::read(&file).with_context(|| format!("could not read {}", file.display()))?
        }
        None => Vec::new(),
    };
    if bundle.last().is_some_and(|last| *last != b'\n') {
        bundle.push(b'\n');
    }
    bundle
        .extend(fs::read(hub_ca).with_context(|| format!("could not read {}", hub_ca.display()))?);

    let file = data_dir.ca_bundle_file();
    if fs::read(&file).is_ok_and(|present| present == bundle) {
        return Ok(file);
    }
    private_file::write(&file, &bundle)
        .with_context(|| format!("could not write {}", file.display()))?;
    Ok(file)
}

/// `SSL_CERT_FILE` when it is someone else's, or the system's file.
fn system_roots(environment: &Environment, data_dir: &DataDir) -> Option<PathBuf> {
    environment
        .ssl_cert_file()
        .filter(|file| *file != data_dir.ca_bundle_file() && file.exists())
        .or_else(|| {
            SYSTEM_ROOTS
                .iter()
                .map(PathBuf::from)
                .find(|file| file.exists())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(ssl_cert_file: &Path) -> Environment {
        let value = ssl_cert_file.display().to_string();
        [("SSL_CERT_FILE".to_owned(), value)].into_iter().collect()
    }

    #[test]
    fn the_bundle_holds_the_roots_in_use_and_the_hubs_ca() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(dir.path().join("hub"));
        private_file::create_folder(data_dir.root()).unwrap();
        let (corporate, ca) = (dir.path().join("corporate.pem"), dir.path().join("ca.pem"));
        fs::write(&corporate, "corporate").unwrap();
        fs::write(&ca, "ours\n").unwrap();

        let bundle = write_bundle(&environment(&corporate), &data_dir, &ca).unwrap();

        assert_eq!(fs::read_to_string(bundle).unwrap(), "corporate\nours\n");
    }

    #[test]
    fn a_bundle_is_not_made_of_itself() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(dir.path());
        fs::write(data_dir.ca_bundle_file(), "an older CA\n").unwrap();
        let ca = dir.path().join("ca.pem");
        fs::write(&ca, "ours\n").unwrap();

        let bundle = write_bundle(&environment(&data_dir.ca_bundle_file()), &data_dir, &ca);

        let text = fs::read_to_string(bundle.unwrap()).unwrap();
        assert!(!text.contains("an older CA"));
        assert!(text.ends_with("ours\n"));
    }

    #[test]
    fn a_ca_file_that_was_named_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("none.pem");
        let named = [("TWINHUB_CA_FILE".to_owned(), missing.display().to_string())];

        let refused = roots(&named.into_iter().collect(), &DataDir::at(dir.path()), None);

        assert!(refused.unwrap_err().to_string().contains("none.pem"));
    }
}
