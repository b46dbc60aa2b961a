//! What is stored comes back as it was.

use serde_json::{Value, json};
use twinhub_core::identities::{
    Authentication, DeviceIdentity, Identity, ModuleIdentity, Status, Thumbprints,
};
use twinhub_core::ids::IdentityId;
use twinhub_core::ports::{Change, Record};
use twinhub_core::time::Timestamp;
use twinhub_core::twins::{Twin, TwinPatch};

use crate::Storage;
use crate::fixture::{Fixture, NOW, device, keys, module, object};

async fn comes_back(fixture: &Fixture, twin: Twin) {
    let read = fixture.twin(&twin.id).await.unwrap().revision;

    fixture
        .commit(vec![Change::Replace(Record::Twin(twin.clone()), read)])
        .await;

    assert_eq!(fixture.twin(&twin.id).await.unwrap().value, twin);
}

fn write(twin: &mut Twin, tags: Value, desired: Value, reported: Value) {
    let later = Timestamp::from_ticks(NOW.ticks() + 12_345_678);
    let patch = TwinPatch {
        tags: Some(object(tags)),
        desired: Some(object(desired)),
    };
    twin.patch(&patch, later).unwrap();
    twin.report(&object(reported), later).unwrap();
}

/// Sections, versions and metadata, of devices and modules.
pub async fn a_twin_comes_back_as_it_was_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let sensor = fixture.with_module("pump-7", "sensor").await;

    for id in [pump, sensor] {
        let mut twin = fixture.twin(&id).await.unwrap().value;
        write(
            &mut twin,
            json!({"place": {"hall": "ä \"quoted\" \\ \u{0} 𝄞"}}),
            json!({"a": {"b": {"c": [1, {"d": []}]}}, "empty": {}}),
            json!({"on": true, "text": "", "list": [1.5, "x", false]}),
        );
        twin.model_id = "dtmi:example:pump;1".to_owned();
        comes_back(&fixture, twin).await;
    }
}

/// As large as the rules allow, and then some.
pub async fn a_large_twin_comes_back_as_it_was_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let mut twin = fixture.twin(&pump).await.unwrap().value;
    let many = |count: usize| {
        let properties = (0..count).map(|n| (format!("p{n:04}"), json!("x".repeat(20))));
        Value::Object(properties.collect())
    };

    write(&mut twin, many(300), many(1_200), many(1_200));
    comes_back(&fixture, twin).await;
}

/// Each kind of authentication, each optional part.
pub async fn every_kind_of_identity_comes_back_as_it_was_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let thumbprints = Thumbprints {
        primary: None,
        secondary: Some("0123456789abcdefABCDEF0123456789abcdef01".to_owned()),
    };
    let kinds = [
        Authentication::Sas(keys()),
        Authentication::SelfSigned(thumbprints),
        Authentication::CertificateAuthority,
        Authentication::None,
    ];
    let mut identities = vec![Identity::Device(DeviceIdentity {
        generation: Timestamp::from_ticks(i64::MAX),
        version: u64::MAX,
        status: Status::Disabled,
        status_reason: Some("ausgemustert, \"alt\"".to_owned()),
        status_updated: NOW,
        edge: true,
        scope: Some("ms-azure-iot-edge://edge-1-638".to_owned()),
        parent_scopes: vec!["ms-azure-iot-edge://edge-0-637".to_owned()],
        ..device("edge-1")
    })];
    for (number, authentication) in kinds.into_iter().enumerate() {
        identities.push(Identity::Device(DeviceIdentity {
            authentication: authentication.clone(),
            ..device(&format!("d{number}"))
        }));
        identities.push(Identity::Module(ModuleIdentity {
            authentication,
            managed_by: (number == 1).then(|| "iotEdge".to_owned()),
            ..module("d0", &format!("m{number}"))
        }));
    }

    for identity in &identities {
        let twin = Twin::new(identity.id(), NOW);
        let changes = vec![
            Change::Insert(Record::Identity(identity.clone())),
            Change::Insert(Record::Twin(twin)),
        ];
        fixture.commit(changes).await;
    }

    for identity in identities {
        let found = fixture.store.twin(&fixture.hub, &identity.id()).await;
        let (owner, _) = found.unwrap().unwrap();
        assert_eq!(owner.identity.value, identity);
        let read_alone = match identity.id() {
            IdentityId::Device(id) => {
                let found = fixture.store.device(&fixture.hub, &id).await.unwrap();
                Identity::Device(found.unwrap().identity.value)
            }
            IdentityId::Module { device, module } => {
                let found = fixture.store.module(&fixture.hub, &device, &module).await;
                Identity::Module(found.unwrap().1.unwrap().identity.value)
            }
        };
        assert_eq!(read_alone, identity);
    }
}

/// Integers to the last digit, floats to the last bit.
pub async fn numbers_at_the_edge_come_back_as_they_were_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let mut twin = fixture.twin(&pump).await.unwrap().value;

    write(
        &mut twin,
        json!({}),
        json!({"max": 4_503_599_627_370_495_i64, "min": -4_503_599_627_370_496_i64}),
        json!({
            "third": 1.0 / 3.0,
            "odd": 0.1 + 0.2,
            "awkward": 9_007_199_254_740_993.0_f64 * 1.1e-7,
            "tiny": 5e-324,
            "huge": 1.797_693_134_862_315_7e308,
            "minus": -0.0,
            "whole": 2.0,
        }),
    );
    comes_back(&fixture, twin).await;
}
