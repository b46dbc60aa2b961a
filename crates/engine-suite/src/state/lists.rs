//! Lists and joint reads.

use twinhub_core::ports::RecordKey;

use crate::Storage;
use crate::fixture::{Fixture, device, device_id, hub_name, insert_device, module_id};

/// `$` before digits, capitals before `_`, `_` before small letters.
pub async fn devices_are_listed_in_byte_order(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let mut ids = [
        "a", "B", "b", "A", "aa", "a-b", "a.b", "_x", "0", "10", "9", "'q", "$s",
    ];
    for id in &ids {
        fixture.with_device(id).await;
    }

    ids.sort_unstable();
    assert_eq!(fixture.page(None, 100).await, ids);
}

/// Also after one that is not there, and to the end.
pub async fn pages_continue_after_the_last_device(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    for number in 0..7 {
        fixture.with_device(&format!("d{number}")).await;
    }

    assert_eq!(fixture.page(None, 3).await, ["d0", "d1", "d2"]);
    assert_eq!(fixture.page(Some("d2"), 3).await, ["d3", "d4", "d5"]);
    assert_eq!(fixture.page(Some("d5"), 3).await, ["d6"]);
    assert_eq!(fixture.page(Some("d6"), 3).await, Vec::<String>::new());
    assert_eq!(fixture.page(Some("d33"), 1).await, ["d4"]);
    assert_eq!(fixture.page(None, 0).await, Vec::<String>::new());
}

/// In inserts, reads and lists.
pub async fn ids_that_differ_in_case_are_different(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    fixture.with_device("Pump").await;
    fixture.with_module("Pump", "Sensor").await;

    assert_eq!(fixture.device("pump").await, None);
    fixture.with_device("pump").await;
    fixture.with_module("Pump", "sensor").await;

    assert_eq!(fixture.page(None, 9).await, ["Pump", "pump"]);
    let device = device_id("Pump");
    let found = fixture.store.device_with_modules(&fixture.hub, &device);
    let (_, modules) = found.await.unwrap().unwrap();
    assert_eq!(modules.len(), 2);
}

/// However many there are.
pub async fn modules_are_not_listed_among_devices(storage: impl Storage) {
    let mut fixture = Fixture::new(storage).await;
    fixture.with_device("a").await;
    for number in 0..20 {
        fixture.with_module("a", &format!("m{number}")).await;
    }
    fixture.with_device("b").await;

    assert_eq!(fixture.page(None, 2).await, ["a", "b"]);
    assert_eq!(fixture.page(Some("a"), 2).await, ["b"]);
    fixture.hub = hub_name("harbour");
    assert_eq!(fixture.page(None, 2).await, Vec::<String>::new());
}

/// Those of this device alone.
pub async fn modules_are_read_by_name_with_their_device(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    for device in ["pump", "pump-7", "pump-77"] {
        fixture.with_device(device).await;
        for module in ["b", "$edgeHub", "B", "a"] {
            fixture.with_module(device, module).await;
        }
    }

    let device = device_id("pump-7");
    let found = fixture.store.device_with_modules(&fixture.hub, &device);
    let (owner, modules) = found.await.unwrap().unwrap();

    assert_eq!(owner.identity.value.id, device);
    assert!(modules.iter().all(|m| m.identity.value.device == device));
    let names: Vec<_> = modules
        .iter()
        .map(|module| module.identity.value.id.as_str())
        .collect();
    assert_eq!(names, ["$edgeHub", "B", "a", "b"]);
    let nobody = device_id("nobody");
    let found = fixture.store.device_with_modules(&fixture.hub, &nobody);
    assert_eq!(found.await.unwrap(), None);
}

/// Either may be missing.
pub async fn a_module_is_read_with_its_device(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let sensor = fixture.with_module("pump-7", "sensor").await;
    let (device_id, module_id, other) =
        (device_id("pump-7"), module_id("sensor"), module_id("other"));
    let read = |module| fixture.store.module(&fixture.hub, &device_id, module);

    let (owner, module) = read(&module_id).await.unwrap();
    assert_eq!(owner, None);
    assert_eq!(module.unwrap().identity.value.identity_id(), sensor);

    fixture.commit(insert_device(device("pump-7"))).await;
    let (owner, module) = read(&module_id).await.unwrap();
    assert_eq!(owner.unwrap().identity.value.id, device_id);
    assert!(module.is_some());
    let (owner, module) = read(&other).await.unwrap();
    assert!(owner.is_some());
    assert_eq!(module, None);
    let again = insert_device(device("pump-7"));
    let key = RecordKey::Identity(device_id.clone().into());
    assert_eq!(fixture.conflict(again).await, key);
}
