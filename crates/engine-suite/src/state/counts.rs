//! How many identities a hub has.

use twinhub_core::ports::IdentityCounts;

use crate::Storage;
use crate::fixture::{Fixture, device, disabled, hub_name, insert_device, replace_device};

fn counted(enabled_devices: u64, disabled_devices: u64, modules: u64) -> IdentityCounts {
    IdentityCounts {
        enabled_devices,
        disabled_devices,
        modules,
    }
}

impl Fixture {
    async fn counts(&self) -> IdentityCounts {
        self.store.counts(&self.hub).await.unwrap()
    }
}

/// Created, enabled, disabled, removed, devices and modules.
pub async fn counts_follow_every_kind_of_change(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    assert_eq!(fixture.counts().await, counted(0, 0, 0));

    let pump = fixture.with_device("pump-7").await;
    fixture.commit(insert_device(disabled("valve-1"))).await;
    let sensor = fixture.with_module("pump-7", "sensor").await;
    assert_eq!(fixture.counts().await, counted(1, 1, 1));

    let read = fixture.revision(&pump).await;
    fixture
        .commit(vec![replace_device(disabled("pump-7"), read)])
        .await;
    assert_eq!(fixture.counts().await, counted(0, 2, 1));

    let read = fixture.revision(&pump).await;
    fixture
        .commit(vec![replace_device(device("pump-7"), read)])
        .await;
    assert_eq!(fixture.counts().await, counted(1, 1, 1));

    fixture.remove(&sensor).await;
    fixture.remove(&pump).await;
    assert_eq!(fixture.counts().await, counted(0, 1, 0));

    let fixture = fixture.reopen().await;
    assert_eq!(fixture.counts().await, counted(0, 1, 0));
}

/// Though some of its steps could have been done.
pub async fn a_refused_unit_leaves_the_counts_alone(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    fixture.with_device("pump-7").await;

    let mut changes = insert_device(device("valve-1"));
    changes.extend(insert_device(device("pump-7")));
    fixture.conflict(changes).await;

    assert_eq!(fixture.counts().await, counted(1, 0, 0));
}

/// A namesake in another hub is another identity.
pub async fn counts_are_per_hub(storage: impl Storage) {
    let mut fixture = Fixture::new(storage).await;
    fixture.with_device("pump-7").await;
    fixture.with_device("valve-1").await;

    fixture.hub = hub_name("harbour");
    fixture.add_hub(&fixture.hub).await;
    assert_eq!(fixture.counts().await, counted(0, 0, 0));
    fixture.with_device("pump-7").await;
    assert_eq!(fixture.counts().await, counted(1, 0, 0));

    fixture.hub = hub_name("plant");
    assert_eq!(fixture.counts().await, counted(2, 0, 0));
}
