//! What gateways keep between two connections.

use std::sync::Arc;

use twinhub_core::ids::IdentityId;
use twinhub_core::ports::{Change, RecordKey, SessionNumber, SessionRecord};

use crate::Storage;
use crate::fixture::{Fixture, device_id};

fn put(id: &IdentityId, by: SessionNumber, state: &[u8]) -> Change {
    let record = SessionRecord {
        identity: id.clone(),
        state: state.to_vec(),
    };
    Change::PutSession(record, by)
}

impl Fixture {
    async fn kept(&self, id: &IdentityId) -> Option<Vec<u8>> {
        let found = self.store.session(&self.hub, id).await.unwrap();
        found.map(|record| {
            assert_eq!(record.identity, *id);
            record.state
        })
    }
}

/// Whatever was there; each identity has its own.
pub async fn the_last_state_stands(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let sensor = fixture.with_module("pump-7", "sensor").await;
    let (by_pump, by_sensor) = (fixture.enter(&pump), fixture.enter(&sensor));

    fixture
        .commit(vec![
            put(&pump, by_pump, b"first"),
            put(&sensor, by_sensor, b""),
        ])
        .await;
    fixture
        .commit(vec![put(&pump, by_pump, &[0, 255, 0])])
        .await;

    assert_eq!(fixture.kept(&pump).await, Some(vec![0, 255, 0]));
    assert_eq!(fixture.kept(&sensor).await, Some(Vec::new()));
    let twin = fixture.twin(&pump).await;
    fixture.commit(vec![put(&pump, by_pump, b"third")]).await;
    assert_eq!(fixture.twin(&pump).await, twin);
}

/// It has no revision to be stale.
pub async fn a_removed_state_is_gone_and_may_be_removed_again(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let by = fixture.enter(&pump);
    fixture.commit(vec![put(&pump, by, b"state")]).await;

    for _ in 0..2 {
        fixture
            .commit(vec![Change::RemoveSession(pump.clone(), by)])
            .await;
        assert_eq!(fixture.kept(&pump).await, None);
    }

    let nobody = IdentityId::from(device_id("nobody"));
    let by = fixture.enter(&nobody);
    fixture
        .commit(vec![Change::RemoveSession(nobody, by)])
        .await;
}

/// Without one it conflicts.
pub async fn a_state_needs_its_identity(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let nobody = IdentityId::from(device_id("nobody"));
    let by = fixture.enter(&nobody);

    let over = fixture.conflict(vec![put(&nobody, by, b"state")]).await;

    assert_eq!(over, RecordKey::Identity(nobody.clone()));
    assert_eq!(fixture.kept(&nobody).await, None);
}

/// Neither what the newer one loaded nor what it wrote or discarded.
pub async fn a_session_that_was_taken_over_changes_nothing(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let older = fixture.enter(&pump);
    fixture.commit(vec![put(&pump, older, b"loaded")]).await;
    let newer = fixture.enter(&pump);
    let late = [
        put(&pump, older, b"late"),
        Change::RemoveSession(pump.clone(), older),
    ];

    for change in late.clone() {
        let over = fixture.conflict(vec![change]).await;
        assert_eq!(over, RecordKey::Session(pump.clone()));
    }
    assert_eq!(fixture.kept(&pump).await, Some(b"loaded".to_vec()));

    fixture
        .commit(vec![Change::RemoveSession(pump.clone(), newer)])
        .await;
    for change in late {
        fixture.conflict(vec![change]).await;
    }
    assert_eq!(fixture.kept(&pump).await, None);
}

/// However close they come: a write that was accepted is in what is loaded.
pub async fn what_a_newer_session_loads_is_final(storage: impl Storage) {
    let fixture = Arc::new(Fixture::new(storage).await);
    let pump = fixture.with_device("pump-7").await;

    for round in 0..100_u32 {
        let older = fixture.enter(&pump);
        let late = tokio::spawn({
            let (fixture, pump) = (fixture.clone(), pump.clone());
            async move {
                let state = round.to_be_bytes();
                fixture.try_commit(vec![put(&pump, older, &state)]).await
            }
        });
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }

        fixture.enter(&pump);
        let loaded = fixture.kept(&pump).await;
        let accepted = late.await.unwrap().is_ok();

        assert_eq!(fixture.kept(&pump).await, loaded);
        assert_eq!(loaded == Some(round.to_be_bytes().to_vec()), accepted);
    }
}
