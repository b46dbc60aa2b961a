//! Tokens that are shown before it is known what for.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use twinhub_core::access::{Access, Refused};
use twinhub_core::etag::Precondition;
use twinhub_core::hubs::{Hub, HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{DeviceSpec, Registry, Status};
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::presence::PresenceBook;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};

const NOW: u64 = 1_800_000_000;
const HOST: &str = "plant.example";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(NOW)
    }
}

struct Plant {
    hub: Arc<Hub>,
    access: Access,
    registry: Registry,
    _folder: tempfile::TempDir,
}

impl Plant {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sessions = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open(folder.path(), sessions.clone()).unwrap());
        let settings = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: Tier {
                sku: Sku::S1,
                units: 1,
            },
            modules_per_device: 20,
            event_retention: Duration::from_secs(24 * 3600),
        };
        let name = HubName::parse("plant").unwrap();
        let (hubs, _) = Hubs::open(engine.clone(), vec![(name, settings)])
            .await
            .unwrap();
        let hubs = Arc::new(hubs);
        let clock = Arc::new(Fixed);
        Plant {
            hub: hubs.by_host(HOST).unwrap(),
            access: Access::new(
                hubs,
                engine.clone(),
                clock.clone(),
                Duration::ZERO,
                String::new(),
            ),
            registry: Registry::new(
                engine,
                sessions,
                Arc::new(PresenceBook::new(clock.clone())),
                clock,
            ),
            _folder: folder,
        }
    }

    fn key_of(&self, policy: &str) -> String {
        let policy = self.hub.policy(policy).unwrap();
        policy.keys.primary.expose().to_owned()
    }

    /// As hub clients sign: with what the key's text stands for.
    fn token(&self, policy: &str, resource: &str) -> String {
        let key = SigningKey::from_base64(&self.key_of(policy)).unwrap();
        SasToken::sign(resource, &key, Some(policy), NOW + 10)
    }

    /// As Event Hubs clients sign: with the key's text.
    fn readers_token(&self, policy: &str, resource: &str) -> String {
        let key = SigningKey::from_text(&self.key_of(policy)).unwrap();
        SasToken::sign(resource, &key, Some(policy), NOW + 10)
    }

    /// A device's token of its own.
    async fn device_token(&self, id: &str, status: Status) -> String {
        let owner = self.token("iothubowner", HOST);
        let owner = self.access.admit(&self.hub, &owner, &[]).await.unwrap();
        let mut spec = DeviceSpec::new(DeviceId::parse(id).unwrap());
        spec.status = status;
        let permit = owner.registry_write().unwrap();
        let put = self.registry.put_device(&permit, spec, &Precondition::None);
        let device = put.await.unwrap().0;
        let key = device.authentication.keys().unwrap().primary.clone();
        let key = SigningKey::from_base64(key.expose()).unwrap();
        SasToken::sign(&format!("{HOST}/devices/{id}"), &key, None, NOW + 10)
    }
}

#[tokio::test]
async fn a_token_says_by_itself_what_it_was_signed_for_and_by_whom() {
    let plant = Plant::new().await;
    let of_policy = plant.token("service", &format!("sb://{HOST}/entity/consumergroups/g"));
    let of_device = plant.device_token("pump", Status::Enabled).await;

    let policy = plant.access.examine(&of_policy).await.unwrap();
    let device = plant.access.examine(&of_device).await.unwrap();

    assert_eq!(policy.hub.name().as_str(), "plant");
    assert_eq!(policy.resource, ["entity", "consumergroups", "g"]);
    assert_eq!(policy.policy.unwrap().as_str(), "service");
    assert_eq!(policy.expires, Timestamp::from_unix_seconds(NOW + 10));
    assert_eq!(device.resource, ["devices", "pump"]);
    assert_eq!(device.policy, None);
}

#[tokio::test]
async fn a_token_that_opens_nothing_is_refused_by_itself() {
    let plant = Plant::new().await;
    let disabled = plant.device_token("pump", Status::Disabled).await;
    let good = plant.token("service", HOST);
    let examine = async |token: &str| plant.access.examine(token).await.unwrap_err();

    assert!(matches!(examine(&disabled).await, Refused::Disabled));
    let of_another_host = plant.token("service", "other.example");
    assert!(matches!(
        examine(&of_another_host).await,
        Refused::OutOfScope
    ));
    let of_another_policy = good.replace("skn=service", "skn=device");
    assert!(matches!(
        examine(&of_another_policy).await,
        Refused::Signature
    ));
    let expired = good.replace(&format!("se={}", NOW + 10), &format!("se={NOW}"));
    assert!(matches!(examine(&expired).await, Refused::Expired));
    assert!(matches!(examine("token").await, Refused::Malformed(_)));
}

#[tokio::test]
async fn the_key_of_a_policy_signs_as_text_and_as_bytes_and_opens_the_same() {
    let plant = Plant::new().await;
    let path = ["messages", "events"];
    for token in [
        plant.token("service", HOST),
        plant.readers_token("service", HOST),
    ] {
        assert!(plant.access.examine(&token).await.is_ok());
        assert!(plant.access.serve(&plant.hub, &token, &path).await.is_ok());
        assert!(plant.access.admit(&plant.hub, &token, &path).await.is_ok());
    }
}

#[tokio::test]
async fn back_ends_are_served_below_what_their_token_is_for_in_any_case() {
    let plant = Plant::new().await;
    let resource = format!("sb://{HOST}/Plant/consumergroups/$Default");
    let token = plant.readers_token("service", &resource);
    let serve = async |path: &[&str]| plant.access.serve(&plant.hub, &token, path).await;

    let below = serve(&["plant", "ConsumerGroups", "$default", "Partitions", "0"]).await;
    let above = serve(&["plant"]).await;
    let beside = serve(&["plant", "consumergroups", "other"]).await;

    assert!(below.is_ok());
    assert!(matches!(above, Err(Refused::OutOfScope)));
    assert!(matches!(beside, Err(Refused::OutOfScope)));
}

#[tokio::test]
async fn devices_and_policies_without_the_right_are_not_served() {
    let plant = Plant::new().await;
    let pump = plant.device_token("pump", Status::Enabled).await;
    let serve = async |token: &str, path: &[&str]| {
        let served = plant.access.serve(&plant.hub, token, path).await;
        served.unwrap_err()
    };

    let refused = serve(&plant.token("device", HOST), &["messages"]).await;
    assert!(matches!(refused, Refused::MissingRight(_)));
    let refused = serve(&pump, &["messages"]).await;
    assert!(matches!(refused, Refused::OutOfScope));
    let refused = serve(&pump, &["devices", "pump"]).await;
    assert!(matches!(refused, Refused::MissingRight(_)));
}
