//! Certificates of devices and of authorities, over this engine.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use twinhub_core::access::{
    Access, AuthKind, AuthScope, Caller, CertificateRefused, ClientCertificate, DevicePermit,
    Proof, Refused,
};
use twinhub_core::certificates::{Certificate, CertificateName, MAX_AUTHORITIES};
use twinhub_core::connections::{Connected, Connections};
use twinhub_core::etag::Precondition;
use twinhub_core::hubs::{ChangeAuthorityError, Hub, HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{
    AuthenticationKind, AuthenticationSpec, DeviceSpec, ModuleSpec, Registry, Status,
};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::ports::Notice;
use twinhub_core::presence::PresenceBook;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};

const HOST: &str = "plant.example";
const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

/// Stands until it is set forward.
#[derive(Default)]
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(NOW + self.0.load(Ordering::Relaxed))
    }
}

struct Plant {
    hubs: Arc<Hubs>,
    access: Access,
    registry: Registry,
    connections: Connections,
    clock: Arc<TestClock>,
    _folder: tempfile::TempDir,
}

impl Plant {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::default());
        let sessions = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open(folder.path(), sessions.clone()).unwrap());
        let settings = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: Tier {
                sku: Sku::S1,
                units: 1,
            },
            modules_per_device: 20,
            event_retention: std::time::Duration::from_secs(24 * 3600),
        };
        let name = HubName::parse("plant").unwrap();
        let hubs = Hubs::open(engine.clone(), vec![(name, settings)]).await;
        let hubs = Arc::new(hubs.unwrap().0);
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        Plant {
            registry: Registry::new(
                engine.clone(),
                sessions.clone(),
                presence.clone(),
                clock.clone(),
            ),
            connections: Connections::new(sessions, presence),
            access: Access::new(
                hubs.clone(),
                engine,
                clock.clone(),
                Duration::ZERO,
                String::new(),
            ),
            hubs,
            clock,
            _folder: folder,
        }
    }

    fn hub(&self) -> Arc<Hub> {
        self.hubs.by_host(HOST).unwrap()
    }

    async fn owner(&self) -> Caller {
        let hub = self.hub();
        let key = &hub.policy("iothubowner").unwrap().keys.primary;
        let key = SigningKey::from_base64(key.expose()).unwrap();
        let token = SasToken::sign(HOST, &key, Some("iothubowner"), NOW + 1000 * DAY);
        self.access.admit(&hub, &token, &[]).await.unwrap()
    }

    /// Creates a device, or changes how it proves who it is.
    async fn put_device(&self, id: &str, authentication: AuthenticationSpec) -> IdentityId {
        let mut spec = DeviceSpec::new(DeviceId::parse(id).unwrap());
        spec.authentication = authentication;
        self.put(spec).await
    }

    async fn put(&self, spec: DeviceSpec) -> IdentityId {
        let permit = self.owner().await.registry_write().unwrap();
        let put = |condition| self.registry.put_device(&permit, spec.clone(), condition);
        if put(&Precondition::None).await.is_err() {
            put(&Precondition::Any).await.unwrap();
        }
        spec.id.clone().into()
    }

    async fn put_module(
        &self,
        device: &str,
        id: &str,
        authentication: AuthenticationSpec,
    ) -> IdentityId {
        let device = DeviceId::parse(device).unwrap();
        let permit = self.owner().await.modules_write(&device).unwrap();
        let mut spec = ModuleSpec::new(device.clone(), ModuleId::parse(id).unwrap());
        spec.authentication = authentication;
        let id = IdentityId::module(device, spec.id.clone());
        let put = self.registry.put_module(&permit, spec, &Precondition::None);
        put.await.unwrap();
        id
    }

    async fn connect(
        &self,
        certificate: &ClientCertificate,
        id: &IdentityId,
    ) -> Result<DevicePermit, Refused> {
        let proof = Proof::Certificate(certificate);
        self.access.connect(&self.hub(), proof, id).await
    }

    /// A live session of whoever shows the certificate.
    async fn enter(
        &self,
        certificate: &ClientCertificate,
        id: &IdentityId,
    ) -> (DevicePermit, Connected) {
        let permit = self.connect(certificate, id).await.unwrap();
        let connected = self.connections.enter(&permit, self.connections.before());
        (permit, connected)
    }

    /// Whether the session was told to look again, and may not stay.
    async fn is_sent_away(&self, session: &mut (DevicePermit, Connected)) -> bool {
        let (permit, connected) = session;
        assert_eq!(connected.mailbox.next().await, Ok(Notice::CheckAgain));
        self.access.still_holds(permit).await.is_err()
    }

    async fn add(&self, name: &str, authority: &Party, verified: bool) {
        let put = self.hubs.put_authority(
            "plant",
            &Precondition::None,
            CertificateName::parse(name).unwrap(),
            authority.certificate.clone(),
            verified,
            self.clock.now(),
        );
        put.await.unwrap();
    }

    async fn remove(&self, name: &str) {
        let name = CertificateName::parse(name).unwrap();
        let removed = self
            .hubs
            .remove_authority("plant", &Precondition::Any, name);
        removed.await.unwrap();
    }
}

/// Somebody with a certificate, who may issue others.
struct Party {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str, is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = time::OffsetDateTime::UNIX_EPOCH;
    let end = NOW + if is_ca { 20 * DAY } else { 10 * DAY };
    params.not_after = time::OffsetDateTime::from_unix_timestamp(end.cast_signed()).unwrap();
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

fn self_signed(name: &str, is_ca: bool) -> Party {
    let key = KeyPair::generate().unwrap();
    let params = params(name, is_ca);
    let signed = params.self_signed(&key).unwrap();
    Party {
        certificate: Certificate::from_der(signed.der()).unwrap(),
        issuer: Issuer::new(params, key),
    }
}

impl Party {
    fn issue(&self, name: &str, is_ca: bool) -> Party {
        let key = KeyPair::generate().unwrap();
        let params = params(name, is_ca);
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        Party {
            certificate: Certificate::from_der(signed.der()).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    fn shown_with(&self, sent_along: &[&Party]) -> ClientCertificate {
        let sent_along = sent_along.iter().map(|party| party.certificate.der());
        ClientCertificate::new(self.certificate.der(), sent_along).unwrap()
    }

    fn shown(&self) -> ClientCertificate {
        self.shown_with(&[])
    }
}

fn known_by(primary: &str, secondary: &str) -> AuthenticationSpec {
    AuthenticationSpec {
        kind: Some(AuthenticationKind::SelfSigned),
        primary_thumbprint: Some(primary.to_owned()),
        secondary_thumbprint: Some(secondary.to_owned()),
        ..AuthenticationSpec::default()
    }
}

fn by_authority() -> AuthenticationSpec {
    AuthenticationSpec {
        kind: Some(AuthenticationKind::CertificateAuthority),
        ..AuthenticationSpec::default()
    }
}

fn refusal(outcome: Result<DevicePermit, Refused>) -> CertificateRefused {
    match outcome {
        Err(Refused::Certificate(refusal)) => refusal,
        other => panic!("{other:?} is no refusal of a certificate"),
    }
}

#[tokio::test]
async fn both_thumbprints_let_in_by_either_digest_in_any_case() {
    let plant = Plant::new().await;
    let (first, second) = (self_signed("one", false), self_signed("two", false));
    let sha1 = first.certificate.thumbprint().sha1_hex().to_lowercase();
    let sha256 = second.certificate.thumbprint().sha256_hex();
    plant.put_device("pump-7", by_authority()).await;
    let ids = [
        plant.put_device("pump-7", known_by(&sha1, &sha256)).await,
        plant
            .put_module("pump-7", "main", known_by(&sha256, &sha1))
            .await,
    ];

    for id in ids {
        for party in [&first, &second] {
            let permit = plant.connect(&party.shown(), &id).await.unwrap();

            let method = permit.auth_method();
            assert_eq!(method.kind, AuthKind::X509Thumbprint);
            let scope = match id.module_id() {
                None => AuthScope::Device,
                Some(_) => AuthScope::Module,
            };
            assert_eq!(method.scope, scope);
            // It ends with the certificate.
            let end = Timestamp::from_unix_seconds(NOW + 10 * DAY + 1);
            assert_eq!(permit.expires(), end);
        }
    }
}

#[tokio::test]
async fn another_certificate_is_refused_and_so_is_one_out_of_its_time() {
    let plant = Plant::new().await;
    let own = self_signed("pump-7", false);
    let sha256 = own.certificate.thumbprint().sha256_hex();
    let id = plant.put_device("pump-7", known_by(&sha256, "")).await;

    let other = plant
        .connect(&self_signed("pump-7", false).shown(), &id)
        .await;
    assert!(matches!(refusal(other), CertificateRefused::Thumbprint));

    plant.clock.0.store(11 * DAY, Ordering::Relaxed);
    let late = plant.connect(&own.shown(), &id).await;
    assert!(matches!(refusal(late), CertificateRefused::Expired));
}

#[tokio::test]
async fn nobody_proves_who_it_is_in_another_way_than_its_own() {
    let plant = Plant::new().await;
    let own = self_signed("pump-7", false);
    let sha256 = own.certificate.thumbprint().sha256_hex();
    let with_keys = plant
        .put_device("valve-1", AuthenticationSpec::default())
        .await;
    let with_thumbprint = plant.put_device("pump-7", known_by(&sha256, "")).await;

    let certificate = plant.connect(&own.shown(), &with_keys).await;
    let key = SigningKey::from_base64("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap();
    let token = SasToken::sign(&format!("{HOST}/devices/pump-7"), &key, None, NOW + DAY);
    let token = plant
        .access
        .connect(&plant.hub(), Proof::Token(&token), &with_thumbprint)
        .await;

    assert!(matches!(certificate, Err(Refused::OtherProof)));
    assert!(matches!(token, Err(Refused::OtherProof)));
}

#[tokio::test]
async fn a_rolled_thumbprint_ends_the_session_it_let_in() {
    let plant = Plant::new().await;
    let (old, new) = (self_signed("old", false), self_signed("new", false));
    let print = |party: &Party| party.certificate.thumbprint().sha256_hex();
    let spec = known_by(&print(&old), &print(&new));
    let id = plant.put_device("pump-7", spec).await;
    let mut session = plant.enter(&new.shown(), &id).await;

    // The other one, then its own.
    plant.put_device("pump-7", known_by(&print(&new), "")).await;
    assert!(!plant.is_sent_away(&mut session).await);

    plant.put_device("pump-7", known_by(&print(&old), "")).await;
    assert!(plant.is_sent_away(&mut session).await);
}

#[tokio::test]
async fn a_verified_authority_lets_in_by_the_name_of_the_identity() {
    let plant = Plant::new().await;
    let root = self_signed("root", true);
    let hall = root.issue("hall", true);
    plant.add("Root", &root, true).await;
    let device = plant.put_device("pump-7", by_authority()).await;
    let module = plant.put_module("pump-7", "main", by_authority()).await;

    for (id, name) in [(&device, "pump-7"), (&module, "pump-7/main")] {
        let leaf = hall.issue(name, false);

        let permit = plant.connect(&leaf.shown_with(&[&hall]), id).await.unwrap();
        assert_eq!(permit.auth_method().kind, AuthKind::X509Ca);

        let alone = plant.connect(&leaf.shown(), id).await;
        assert!(matches!(refusal(alone), CertificateRefused::Chain(_)));
    }
    let others = hall.issue("pump-8", false);
    let refused = plant.connect(&others.shown_with(&[&hall]), &device).await;
    assert!(matches!(
        refusal(refused),
        CertificateRefused::CommonName(Some(name)) if name == "pump-8"
    ));
    // A device's certificate is not its modules'.
    let leaf = root.issue("pump-7", false);
    assert!(plant.connect(&leaf.shown(), &device).await.is_ok());
    assert!(plant.connect(&leaf.shown(), &module).await.is_err());
}

#[tokio::test]
async fn an_authority_counts_once_possession_is_proven() {
    let plant = Plant::new().await;
    let root = self_signed("root", true);
    plant.add("Root", &root, false).await;
    let id = plant.put_device("pump-7", by_authority()).await;
    let leaf = root.issue("pump-7", false);

    let early = plant.connect(&leaf.shown(), &id).await;
    assert!(matches!(refusal(early), CertificateRefused::NotVerified(_)));

    let name = || CertificateName::parse("root").unwrap();
    let now = plant.clock.now();
    let waiting = plant
        .hubs
        .generate_verification_code("plant", &Precondition::Any, name(), now)
        .await
        .unwrap();
    let proof = root.issue(waiting.code.as_ref().unwrap(), false);
    let etag = Precondition::Etag(waiting.etag().to_string());
    let proven = plant
        .hubs
        .verify_authority("plant", &etag, name(), &proof.certificate, now)
        .await
        .unwrap();

    assert!(proven.verified);
    assert!(plant.connect(&leaf.shown(), &id).await.is_ok());
}

#[tokio::test]
async fn a_removed_authority_ends_the_sessions_it_let_in() {
    let plant = Plant::new().await;
    let (root, other) = (self_signed("root", true), self_signed("other", true));
    plant.add("root", &root, true).await;
    plant.add("other", &other, true).await;
    let pump = plant.put_device("pump-7", by_authority()).await;
    let valve = plant.put_device("valve-1", by_authority()).await;
    let shown = root.issue("pump-7", false).shown();
    let mut session = plant.enter(&shown, &pump).await;
    let (permit, _connected) = plant
        .enter(&other.issue("valve-1", false).shown(), &valve)
        .await;

    plant.remove("ROOT").await;

    assert!(plant.is_sent_away(&mut session).await);
    assert!(plant.connect(&shown, &pump).await.is_err());
    assert!(plant.access.still_holds(&permit).await.is_ok());
}

#[tokio::test]
async fn whoever_is_disabled_or_unknown_is_refused_whatever_it_shows() {
    let plant = Plant::new().await;
    let root = self_signed("root", true);
    plant.add("root", &root, true).await;
    let mut spec = DeviceSpec::new(DeviceId::parse("pump-7").unwrap());
    spec.authentication = by_authority();
    spec.status = Status::Disabled;
    let disabled = plant.put(spec).await;
    let unknown: IdentityId = DeviceId::parse("nobody").unwrap().into();

    let shown = root.issue("pump-7", false).shown();
    let outcome = plant.connect(&shown, &disabled).await;
    assert!(matches!(outcome, Err(Refused::Disabled)));
    let outcome = plant
        .connect(&root.issue("nobody", false).shown(), &unknown)
        .await;
    assert!(matches!(
        refusal(outcome),
        CertificateRefused::NotRegistered
    ));
}

#[tokio::test]
async fn authorities_are_25_different_ones_and_changed_by_their_etag() {
    let plant = Plant::new().await;
    let first = self_signed("0", true);
    plant.add("a0", &first, true).await;
    let put = |name: &str, authority: &Party, if_match: Precondition| {
        let name = CertificateName::parse(name).unwrap();
        let certificate = authority.certificate.clone();
        let (hubs, now) = (plant.hubs.clone(), plant.clock.now());
        async move {
            let put = hubs.put_authority("plant", &if_match, name, certificate, true, now);
            put.await
        }
    };
    let another = self_signed("another", true);
    let stale = Precondition::Etag("AAAAAAAAAAE=".to_owned());

    let again = put("A0", &another, Precondition::None).await;
    assert!(matches!(again, Err(ChangeAuthorityError::Exists(_))));
    let outdated = put("a0", &another, stale).await;
    assert!(matches!(
        outdated,
        Err(ChangeAuthorityError::EtagMismatch { .. })
    ));
    let twice = put("b", &first, Precondition::None).await;
    assert!(matches!(twice, Err(ChangeAuthorityError::Invalid(_))));
    let missing = put("c", &another, Precondition::Any).await;
    assert!(matches!(
        missing,
        Err(ChangeAuthorityError::NoSuchCertificate(_))
    ));

    for number in 1..MAX_AUTHORITIES {
        plant
            .add(&format!("a{number}"), &self_signed("x", true), false)
            .await;
    }
    let full = put("one-more", &another, Precondition::None).await;
    assert!(matches!(full, Err(ChangeAuthorityError::TooMany)));
    assert_eq!(plant.hub().authorities().count(), MAX_AUTHORITIES);
    assert!(put("a0", &another, Precondition::Any).await.is_ok());
}
