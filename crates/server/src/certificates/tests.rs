use std::{fs, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
    pki_types::{PrivateKeyDer, ServerName},
    sign::{CertifiedKey, SingleCertAndKey},
};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::now;

struct Folder {
    _dir: tempfile::TempDir,
    data_dir: DataDir,
    config: Config,
}

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(dir.path());
        fs::create_dir(data_dir.tls()).unwrap();
        Self {
            _dir: dir,
            data_dir,
            config: Config::default(),
        }
    }

    fn prepare_at(&self, now: SystemTime) -> Arc<ServerCertificate> {
        let source = CertificateSource::of(&self.config, &self.data_dir);
        ServerCertificate::prepare(source, now).unwrap()
    }

    fn prepare(&self) -> Arc<ServerCertificate> {
        self.prepare_at(now())
    }

    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.data_dir.tls().join(name)).unwrap()
    }

    fn trust(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(&local_ca(&self.data_dir.tls())).unwrap() {
            roots.add(certificate).unwrap();
        }
        roots
    }
}

fn client_config(roots: RootCertStore, version: &'static SupportedProtocolVersion) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Lets both sides talk in memory until they have agreed, or one refuses.
fn handshake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    name: &str,
) -> Result<ClientConnection, rustls::Error> {
    both_sides(client, server, name).map(|(client, _)| client)
}

fn both_sides(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(client.clone(), name)?;
    let mut server = ServerConnection::new(server.clone())?;
    for _ in 0..10 {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking());
    Ok((client, server))
}

fn connect(folder: &Folder, server: &Arc<ServerConfig>, name: &str) -> Result<(), rustls::Error> {
    let client = Arc::new(client_config(folder.trust(), &rustls::version::TLS13));
    handshake(&client, server, name).map(|_| ())
}

#[test]
fn the_first_start_makes_a_certificate_for_every_name_and_address() {
    let mut folder = Folder::new();
    folder.config.hostname = vec!["hub.plant.example".into()];
    folder.config.listen = vec!["0.0.0.0".parse().unwrap(), "10.1.2.3".parse().unwrap()];
    let server = server_config(folder.prepare(), &[], ClientCertificates::NotAsked).unwrap();

    for name in [
        "hub.plant.example",
        "localhost",
        "10.1.2.3",
        "127.0.0.1",
        "::1",
    ] {
        connect(&folder, &server, name).unwrap();
    }
    assert!(connect(&folder, &server, "other.example").is_err());
    assert!(connect(&folder, &server, "0.0.0.0").is_err());
}

#[test]
fn both_tls_versions_are_spoken_and_alpn_is_offered() {
    let folder = Folder::new();
    let server = server_config(
        folder.prepare(),
        &["http/1.1"],
        ClientCertificates::NotAsked,
    )
    .unwrap();
    for (version, expected) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let mut client = client_config(folder.trust(), version);
        client.alpn_protocols = vec![b"http/1.1".to_vec()];

        let connection = handshake(&Arc::new(client), &server, "localhost").unwrap();

        assert_eq!(connection.protocol_version(), Some(expected));
        assert_eq!(connection.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
}

#[test]
fn a_client_that_returns_resumes_its_session() {
    let folder = Folder::new();
    let server = server_config(folder.prepare(), &[], ClientCertificates::NotAsked).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = Arc::new(client_config(folder.trust(), version));
        let first = handshake(&client, &server, "localhost").unwrap();

        let second = handshake(&client, &server, "localhost").unwrap();

        assert_eq!(first.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(
            second.handshake_kind(),
            Some(rustls::HandshakeKind::Resumed)
        );
    }
}

#[test]
fn the_next_start_keeps_authority_and_certificate() {
    let folder = Folder::new();
    folder.prepare();
    let (ca, server) = (folder.file("ca.pem"), folder.file("server.pem"));

    folder.prepare();

    assert_eq!(folder.file("ca.pem"), ca);
    assert_eq!(folder.file("server.pem"), server);
}

#[test]
fn a_new_name_gets_a_new_certificate_from_the_same_authority() {
    let mut folder = Folder::new();
    folder.prepare();
    let (ca, server) = (folder.file("ca.pem"), folder.file("server.pem"));

    folder.config.hostname.push("hub.plant.example".into());
    folder.prepare();

    assert_eq!(folder.file("ca.pem"), ca);
    assert_ne!(folder.file("server.pem"), server);
}

#[test]
fn a_certificate_is_signed_anew_thirty_days_before_its_end() {
    let folder = Folder::new();
    let start = now();
    let day = Duration::from_secs(24 * 60 * 60);
    folder.prepare_at(start);
    let first = folder.file("server.pem");

    folder.prepare_at(start + 365 * day);
    assert_eq!(folder.file("server.pem"), first);

    folder.prepare_at(start + 367 * day);
    assert_ne!(folder.file("server.pem"), first);
}

#[test]
fn half_an_authority_is_refused_rather_than_replaced() {
    let folder = Folder::new();
    folder.prepare();
    fs::remove_file(folder.data_dir.tls().join("ca-key.pem")).unwrap();

    let source = CertificateSource::of(&folder.config, &folder.data_dir);
    let refused = ServerCertificate::prepare(source, now()).unwrap_err();

    assert!(format!("{refused:#}").contains("belong together"));
}

#[test]
fn changed_files_are_shown_to_the_next_client_and_bad_ones_are_not() {
    let mut folder = Folder::new();
    let certificate = folder.prepare();
    let server = server_config(certificate.clone(), &[], ClientCertificates::NotAsked).unwrap();
    connect(&folder, &server, "new.example").unwrap_err();

    folder.config.hostname.push("new.example".into());
    folder.prepare();
    certificate.reload_if_changed();
    connect(&folder, &server, "new.example").unwrap();

    fs::write(folder.data_dir.tls().join("server.pem"), "no certificate").unwrap();
    certificate.reload_if_changed();
    connect(&folder, &server, "new.example").unwrap();
}

#[tokio::test(start_paused = true)]
async fn files_are_followed_until_shutdown() {
    let mut folder = Folder::new();
    let certificate = folder.prepare();
    let server = server_config(certificate.clone(), &[], ClientCertificates::NotAsked).unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(certificate.run(now, shutdown.clone()));

    folder.config.hostname.push("new.example".into());
    folder.prepare();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let outcome = connect(&folder, &server, "new.example");
    shutdown.cancel();
    task.await.unwrap();

    outcome.unwrap();
}

#[test]
fn an_own_pair_is_used_as_it_is_and_a_mismatch_is_refused() {
    let other = Folder::new();
    other.prepare();
    let mut folder = Folder::new();
    folder.config.tls.cert = Some(other.data_dir.tls().join("server.pem"));
    folder.config.tls.key = Some(other.data_dir.tls().join("server-key.pem"));

    let server = server_config(folder.prepare(), &[], ClientCertificates::NotAsked).unwrap();
    connect(&other, &server, "localhost").unwrap();
    assert!(!local_ca(&folder.data_dir.tls()).exists());

    folder.config.tls.key = Some(other.data_dir.tls().join("ca-key.pem"));
    let source = CertificateSource::of(&folder.config, &folder.data_dir);
    let refused = ServerCertificate::prepare(source, now()).unwrap_err();
    assert!(refused.to_string().contains("are not a pair"), "{refused}");
}

/// A client that shows a certificate, and signs with `key`.
fn client_with_certificate(
    folder: &Folder,
    version: &'static SupportedProtocolVersion,
    certificate: &rcgen::Certificate,
    key: &rcgen::KeyPair,
) -> Arc<ClientConfig> {
    // rustls would notice a wrong key itself: this client doesn't look.
    let signer = provider()
        .key_provider
        .load_private_key(PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let pair = CertifiedKey::new(vec![certificate.der().clone()], signer);
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(folder.trust())
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    Arc::new(config)
}

#[test]
fn a_client_certificate_is_taken_when_its_key_is_held_and_refused_otherwise() {
    let folder = Folder::new();
    let server = server_config(folder.prepare(), &[], ClientCertificates::Asked).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let stolen = rcgen::CertificateParams::new(vec!["device".into()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let owner = client_with_certificate(&folder, version, &stolen, &key);
        let thief_key = rcgen::KeyPair::generate().unwrap();
        let thief = client_with_certificate(&folder, version, &stolen, &thief_key);

        let (_, as_seen) = both_sides(&owner, &server, "localhost").unwrap();
        let refused = both_sides(&thief, &server, "localhost");

        assert_eq!(as_seen.peer_certificates().unwrap(), [stolen.der().clone()]);
        assert!(refused.is_err());
    }
}

#[test]
fn a_client_without_certificate_is_welcome_where_one_is_asked_for() {
    let folder = Folder::new();
    let server = server_config(folder.prepare(), &[], ClientCertificates::Asked).unwrap();

    connect(&folder, &server, "localhost").unwrap();
}

#[test]
fn a_resumed_session_keeps_the_clients_certificate() {
    let folder = Folder::new();
    let server = server_config(folder.prepare(), &[], ClientCertificates::Asked).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["device".into()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = client_with_certificate(&folder, version, &certificate, &key);
        both_sides(&client, &server, "localhost").unwrap();

        let (_, second) = both_sides(&client, &server, "localhost").unwrap();

        assert_eq!(
            second.handshake_kind(),
            Some(rustls::HandshakeKind::Resumed)
        );
        assert_eq!(
            second.peer_certificates().unwrap(),
            [certificate.der().clone()]
        );
    }
}
