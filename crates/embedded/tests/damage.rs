//! Files that are not what was once written, and records of the future.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use twinhub_core::hubs::HubRecord;
use twinhub_core::ids::HubName;
use twinhub_core::policies::Policy;
use twinhub_core::ports::{
    Change, CommitError, QueueStore as _, Record, StateStore as _, UnitOfWork,
};
use twinhub_embedded::{Engine, LocalSessions, OpenError};

fn open(folder: &Path) -> Result<Engine, OpenError> {
    Engine::open(folder, Arc::new(LocalSessions::new()))
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join("state.db")
}

fn hub() -> HubName {
    HubName::parse("plant").unwrap()
}

fn hub_with_policies() -> UnitOfWork {
    let record = HubRecord {
        name: hub(),
        etag: 1,
    };
    let mut changes = vec![Change::Insert(Record::Hub(record))];
    changes.extend(
        Policy::defaults()
            .into_iter()
            .map(|policy| Change::Insert(Record::Policy(policy))),
    );
    UnitOfWork::new(hub(), changes)
}

/// A folder with a hub in it, closed.
async fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).unwrap();
    engine.commit(hub_with_policies()).await.unwrap();
    engine.close().await;
    folder
}

fn edit(folder: &Path, sql: &str) {
    let connection = Connection::open(file_in(folder)).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_file_of_rubbish_is_refused_as_damaged() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(file_in(folder.path()), "rubbish ".repeat(4096)).unwrap();

    let refused = open(folder.path()).err().unwrap();

    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused:?}");
    assert!(refused.to_string().contains("state.db"));
}

#[tokio::test]
async fn a_closed_state_is_one_file() {
    // Threads that close at once may meet.
    for _ in 0..20 {
        let folder = written().await;

        let log = folder.path().join("state.db-wal");

        assert!(!log.exists(), "{}", log.display());
    }
}

#[tokio::test]
async fn a_torn_file_is_an_error_and_no_panic() {
    let folder = written().await;
    let path = file_in(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    for byte in &mut bytes[4096..] {
        *byte = 0xa5;
    }
    fs::write(&path, bytes).unwrap();

    match open(folder.path()) {
        Err(refused) => assert!(matches!(refused, OpenError::Damaged { .. }), "{refused:?}"),
        Ok(engine) => {
            let error = engine.policies(&hub()).await.unwrap_err();
            assert!(error.to_string().contains("damaged"), "{error}");
        }
    }
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    edit(folder.path(), "CREATE TABLE songs (title TEXT)");

    let refused = open(folder.path()).err().unwrap();

    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_file_of_a_later_release_is_refused() {
    let folder = written().await;
    edit(
        folder.path(),
        "UPDATE meta SET value = 99 WHERE name = 'format'",
    );

    let refused = open(folder.path()).err().unwrap();

    assert!(
        matches!(refused, OpenError::UnknownFormat { found: 99, .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_file_of_format_1_gets_the_tables_it_lacks() {
    let folder = written().await;
    edit(
        folder.path(),
        "DROP TABLE messages; DROP TABLE queues; DROP TABLE feedback; DROP TABLE feedback_books;
         DROP TABLE authorities; UPDATE meta SET value = 1 WHERE name = 'format'",
    );

    let engine = open(folder.path()).unwrap();

    assert_eq!(engine.policies(&hub()).await.unwrap().len(), 5);
    assert_eq!(engine.due_queues(10).await.unwrap(), []);
    assert_eq!(engine.feedback_stocks().await.unwrap(), []);
    engine.close().await;
    assert!(open(folder.path()).is_ok());
}

#[tokio::test]
async fn a_record_of_a_later_release_is_named_and_not_shown() {
    let folder = written().await;
    edit(
        folder.path(),
        "UPDATE policies SET format = 99 WHERE folded_name = 'service'",
    );

    let engine = open(folder.path()).unwrap();
    let error = engine.policies(&hub()).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "policy service can't be read as record format 99"
    );
}

#[tokio::test]
async fn a_record_that_does_not_parse_is_named_and_not_shown() {
    let folder = written().await;
    edit(
        folder.path(),
        "UPDATE policies SET doc = '{\"name\":\"secret\"}' WHERE folded_name = 'service'",
    );

    let engine = open(folder.path()).unwrap();
    let error = format!("{:?}", engine.policies(&hub()).await.unwrap_err());

    assert!(error.contains("policy service"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_closed_engine_refuses_reads_and_writes() {
    let folder = written().await;
    let engine = open(folder.path()).unwrap();

    engine.close().await;
    engine.close().await;

    assert!(engine.hub(&hub()).await.is_err());
    match engine.commit(hub_with_policies()).await {
        Err(CommitError::Store(error)) => assert!(error.certainly_not_written()),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).unwrap();
    engine.commit(hub_with_policies()).await.unwrap();

    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} is open to others", entry.path());
    }
}
