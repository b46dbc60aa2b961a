//! Activity: written behind, read with the identity.

use twinhub_core::ids::IdentityId;
use twinhub_core::presence::Activity;

use crate::Storage;
use crate::fixture::{Fixture, activity, device_id, module_id};

/// Every read of an identity tells its activity.
pub async fn activity_is_read_with_the_identity(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let sensor = fixture.with_module("pump-7", "sensor").await;
    let (store, hub) = (&fixture.store, &fixture.hub);
    let (device, module) = (device_id("pump-7"), module_id("sensor"));
    let before = store.device(hub, &device).await.unwrap().unwrap();
    assert_eq!(before.activity, Activity::default());

    let batch = vec![(pump.clone(), activity(5)), (sensor.clone(), activity(9))];
    store.record_activity(hub, batch).await.unwrap();

    let found = store.device(hub, &device).await.unwrap().unwrap();
    assert_eq!(found.activity, activity(5));
    assert_eq!(found.identity, before.identity);
    let (found, own) = store.module(hub, &device, &module).await.unwrap();
    assert_eq!(found.unwrap().activity, activity(5));
    assert_eq!(own.unwrap().activity, activity(9));
    let (_, modules) = store
        .device_with_modules(hub, &device)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(modules[0].activity, activity(9));
    let page = store.devices(hub, None, 10).await.unwrap();
    assert_eq!(page[0].activity, activity(5));
    let (owner, _) = store.twin(hub, &sensor).await.unwrap().unwrap();
    assert_eq!(owner.activity, activity(9));
}

/// Somebody who was removed meanwhile is no error.
pub async fn activity_of_the_unregistered_is_skipped(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let gone = IdentityId::from(device_id("gone"));
    let pump = fixture.with_device("pump-7").await;

    let batch = vec![(gone, activity(1)), (pump, activity(2))];
    let store = &fixture.store;
    store.record_activity(&fixture.hub, batch).await.unwrap();

    assert_eq!(fixture.page(None, 10).await, ["pump-7"]);
    let page = store.devices(&fixture.hub, None, 10).await.unwrap();
    assert_eq!(page[0].activity, activity(2));
}

/// The last write stands.
pub async fn newer_activity_takes_the_place_of_older(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let store = &fixture.store;

    for ticks in [3, 8] {
        let batch = vec![(pump.clone(), activity(ticks))];
        store.record_activity(&fixture.hub, batch).await.unwrap();
    }

    let page = store.devices(&fixture.hub, None, 10).await.unwrap();
    assert_eq!(page[0].activity, activity(8));
}

/// However many were active in the last seconds.
pub async fn a_large_batch_of_activity_is_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let mut batch = Vec::new();
    for number in 0..1_203 {
        batch.push((
            IdentityId::from(device_id(&format!("d{number}"))),
            activity(4),
        ));
    }
    let last = fixture.with_device("d1202").await;
    let store = &fixture.store;

    store.record_activity(&fixture.hub, batch).await.unwrap();

    let (owner, _) = store.twin(&fixture.hub, &last).await.unwrap().unwrap();
    assert_eq!(owner.activity, activity(4));
}
