//! Many tasks at once.

use std::sync::Arc;

use serde_json::json;
use twinhub_core::ports::{Change, CommitError, Record};

use crate::Storage;
use crate::fixture::{Fixture, desire, device, disabled, insert_device, replace_device};

const TASKS: usize = 64;

/// Exactly one, and the others hear of it.
pub async fn of_those_who_race_for_a_revision_one_wins(storage: impl Storage) {
    let fixture = Arc::new(Fixture::new(storage).await);
    let pump = fixture.with_device("pump-7").await;
    let read = fixture.revision(&pump).await;

    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        let fixture = fixture.clone();
        tasks.push(tokio::spawn(async move {
            let change = replace_device(disabled("pump-7"), read);
            match fixture.try_commit(vec![change]).await {
                Ok(()) => 1,
                Err(CommitError::Conflict(_)) => 0,
                Err(CommitError::Store(error)) => panic!("{error}"),
            }
        }));
    }
    let mut winners = 0;
    for task in tasks {
        winners += task.await.unwrap();
    }

    assert_eq!(winners, 1);
}

/// In every kind of read that starts after the commit returned.
pub async fn a_task_reads_what_it_wrote(storage: impl Storage) {
    let fixture = Arc::new(Fixture::new(storage).await);

    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let fixture = fixture.clone();
        tasks.push(tokio::spawn(async move {
            let name = format!("d{number:02}");
            let id = fixture.with_device(&name).await;
            assert!(fixture.device(&name).await.is_some());
            for version in 2..12 {
                let found = fixture.twin(&id).await.unwrap();
                let mut twin = found.value;
                desire(&mut twin, json!({"speed": version}));
                let change = Change::Replace(Record::Twin(twin.clone()), found.revision);
                fixture.commit(vec![change]).await;
                let after = fixture.twin(&id).await.unwrap();
                assert_eq!(after.value, twin);
                assert_eq!(after.value.version, version);
            }
            let before = format!("d{:02}~", number.wrapping_sub(1)).replace('~', "'");
            let listed = fixture.page(Some(&before[..]), TASKS).await;
            assert!(
                number == 0 || listed.contains(&name),
                "{name} is not listed"
            );
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }

    let counts = fixture.store.counts(&fixture.hub).await.unwrap();
    assert_eq!(counts.enabled_devices, TASKS as u64);
}

/// Units that are written together stay apart.
pub async fn refused_units_do_not_hurt_their_neighbours(storage: impl Storage) {
    let fixture = Arc::new(Fixture::new(storage).await);
    fixture.with_device("taken").await;

    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let fixture = fixture.clone();
        tasks.push(tokio::spawn(async move {
            let mut changes = insert_device(device(&format!("d{number:02}")));
            let refused = number % 2 == 1;
            if refused {
                changes.extend(insert_device(device("taken")));
            }
            let done = fixture.try_commit(changes).await;
            assert_eq!(done.is_err(), refused, "{number}: {done:?}");
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }

    let expected: Vec<_> = (0..TASKS)
        .step_by(2)
        .map(|number| format!("d{number:02}"))
        .chain(["taken".to_owned()])
        .collect();
    assert_eq!(fixture.page(None, 2 * TASKS).await, expected);
}
