//! What gateways keep between two connections.

use twinhub_core::ids::IdentityId;
use twinhub_core::ports::{Change, RecordKey, SessionRecord};

use crate::Storage;
use crate::fixture::{Fixture, device_id};

fn put(id: &IdentityId, state: &[u8]) -> Change {
    Change::PutSession(SessionRecord {
        identity: id.clone(),
        state: state.to_vec(),
    })
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

    fixture
        .commit(vec![put(&pump, b"first"), put(&sensor, b"")])
        .await;
    fixture.commit(vec![put(&pump, &[0, 255, 0])]).await;

    assert_eq!(fixture.kept(&pump).await, Some(vec![0, 255, 0]));
    assert_eq!(fixture.kept(&sensor).await, Some(Vec::new()));
    let twin = fixture.twin(&pump).await;
    fixture.commit(vec![put(&pump, b"third")]).await;
    assert_eq!(fixture.twin(&pump).await, twin);
}

/// It has no revision to be stale.
pub async fn a_removed_state_is_gone_and_may_be_removed_again(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    fixture.commit(vec![put(&pump, b"state")]).await;

    for _ in 0..2 {
        fixture
            .commit(vec![Change::RemoveSession(pump.clone())])
            .await;
        assert_eq!(fixture.kept(&pump).await, None);
    }

    let nobody = IdentityId::from(device_id("nobody"));
    fixture.commit(vec![Change::RemoveSession(nobody)]).await;
}

/// Without one it conflicts.
pub async fn a_state_needs_its_identity(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let nobody = IdentityId::from(device_id("nobody"));

    let over = fixture.conflict(vec![put(&nobody, b"state")]).await;

    assert_eq!(over, RecordKey::Identity(nobody.clone()));
    assert_eq!(fixture.kept(&nobody).await, None);
}
