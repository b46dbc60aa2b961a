//! Announcements: when, in which order, and when not.

use std::sync::Arc;

use serde_json::json;
use twinhub_core::ports::{Announcement, Change, CommitError, Record};

use crate::Storage;
use crate::fixture::{
    Fixture, desire, desired_changed, device, disabled, insert_device, replace_device,
};

/// In the order in which the unit names them.
pub async fn announcements_are_made_before_commit_returns(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;
    let read = fixture.revision(&pump).await;
    let announcements = vec![
        Announcement::IdentityChanged(pump.clone()),
        desired_changed(&pump, 2),
    ];

    fixture
        .commit_announcing(
            vec![replace_device(disabled("pump-7"), read)],
            announcements.clone(),
        )
        .await
        .unwrap();

    let expected: Vec<_> = announcements
        .into_iter()
        .map(|announcement| (fixture.hub.clone(), announcement))
        .collect();
    assert_eq!(fixture.recorder.heard(), expected);
}

/// Nobody hears of what did not happen.
pub async fn a_refused_unit_announces_nothing(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let pump = fixture.with_device("pump-7").await;

    let refused = fixture
        .commit_announcing(
            insert_device(device("pump-7")),
            vec![Announcement::IdentityChanged(pump)],
        )
        .await;

    assert!(matches!(refused, Err(CommitError::Conflict(_))));
    assert_eq!(fixture.recorder.heard(), []);
}

/// A session never hears of an older version after a newer one.
pub async fn announcements_come_in_the_order_of_commits(storage: impl Storage) {
    let fixture = Arc::new(Fixture::new(storage).await);
    let pump = fixture.with_device("pump-7").await;
    let writers = 16;
    let each = 10;

    let mut tasks = Vec::new();
    for _ in 0..writers {
        let (fixture, pump) = (fixture.clone(), pump.clone());
        tasks.push(tokio::spawn(async move {
            for _ in 0..each {
                loop {
                    let found = fixture.twin(&pump).await.unwrap();
                    let mut twin = found.value;
                    desire(&mut twin, json!({"speed": 1}));
                    let announcement = desired_changed(&pump, twin.desired.version);
                    let change = Change::Replace(Record::Twin(twin), found.revision);
                    let done = fixture
                        .commit_announcing(vec![change], vec![announcement])
                        .await;
                    match done {
                        Ok(()) => break,
                        Err(CommitError::Conflict(_)) => {}
                        Err(CommitError::Store(error)) => panic!("{error}"),
                    }
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }

    let heard = fixture.recorder.heard().into_iter();
    let versions: Vec<_> = heard
        .map(|(_, announcement)| match announcement {
            Announcement::DesiredChanged { version, .. } => version,
            other => panic!("{other:?} was never announced"),
        })
        .collect();
    let expected: Vec<_> = (2..2 + writers * each).collect();
    assert_eq!(versions, expected);
}
