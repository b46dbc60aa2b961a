use std::path::Path;
use std::sync::Arc;

use twinhub_core::hubs::HubRecord;
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::ports::{Change, Record, SessionNumber, SessionRecord, UnitOfWork};

use super::*;
use crate::sessions::LocalSessions;
use crate::unit::SessionWrites;

/// Room for the tables and little else.
const PAGES: u32 = 40;

fn hub() -> HubName {
    HubName::parse("plant").unwrap()
}

fn work(changes: Vec<Change>) -> Unit {
    Unit::of(UnitOfWork::new(hub(), changes), &SessionWrites::default())
}

fn insert_hub() -> Unit {
    let record = HubRecord {
        name: hub(),
        etag: 1,
    };
    work(vec![Change::Insert(Record::Hub(record))])
}

fn insert_policies() -> Unit {
    let policies = twinhub_core::policies::Policy::defaults().into_iter();
    work(
        policies
            .map(|policy| Change::Insert(Record::Policy(policy)))
            .collect(),
    )
}

/// A writer whose file can't grow beyond [`PAGES`].
fn nearly_full(folder: &Path, sessions: Arc<LocalSessions>) -> Writer {
    let (file, connection) = StateFile::open(folder).unwrap();
    connection
        .pragma_update(None, "max_page_count", PAGES)
        .unwrap();
    let workbench = Workbench {
        indexes: IndexBook::default(),
        connection,
        file,
        counts: Arc::default(),
        sessions,
        checkpoint: Arc::default(),
        outbox: watch::Sender::default(),
    };
    Writer::start(workbench, 0).unwrap()
}

fn device() -> twinhub_core::identities::DeviceIdentity {
    use twinhub_core::identities::{Authentication, DeviceIdentity, Status};
    use twinhub_core::time::Timestamp;
    DeviceIdentity {
        id: DeviceId::parse("pump-7").unwrap(),
        generation: Timestamp::NEVER,
        version: 1,
        authentication: Authentication::None,
        status: Status::Enabled,
        status_reason: None,
        status_updated: Timestamp::NEVER,
        edge: false,
        scope: None,
        parent_scopes: Vec::new(),
    }
}

fn insert_device() -> Unit {
    let identity = twinhub_core::identities::Identity::Device(device());
    work(vec![Change::Insert(Record::Identity(identity))])
}

/// More than fits.
fn put_large_session(by: SessionNumber) -> Unit {
    let record = SessionRecord {
        identity: device().id.into(),
        state: vec![1; 4096 * PAGES as usize],
    };
    work(vec![Change::PutSession(record, by)])
}

#[tokio::test]
async fn a_full_disk_refuses_what_does_not_fit_and_takes_what_does() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = Arc::new(LocalSessions::new());
    let mailbox = sessions.open(&hub(), &device().id.into(), None);
    let writer = nearly_full(folder.path(), sessions);
    writer.commit(insert_hub()).await.unwrap();
    writer.commit(insert_device()).await.unwrap();

    let refused = writer.commit(put_large_session(mailbox.session())).await;

    match refused {
        Err(CommitError::Store(error)) => {
            assert!(error.certainly_not_written());
            assert_eq!(error.to_string(), "the disk is full");
        }
        other => panic!("expected a full disk, got {other:?}"),
    }
    writer.commit(insert_policies()).await.unwrap();
}

#[tokio::test]
async fn what_is_queued_is_written_before_the_writer_goes() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Arc::new(nearly_full(folder.path(), Arc::default()));
    writer.commit(insert_hub()).await.unwrap();

    let queued = writer.clone();
    let queued = tokio::spawn(async move { queued.commit(insert_device()).await });
    tokio::task::yield_now().await;
    writer.close().await;

    match queued.await.unwrap() {
        Ok(()) => {
            let (_, connection) = StateFile::open(folder.path()).unwrap();
            let devices: i64 = connection
                .query_row("SELECT count(*) FROM identities", [], |row| row.get(0))
                .unwrap();
            assert_eq!(devices, 1);
        }
        Err(CommitError::Store(error)) => assert!(error.certainly_not_written()),
        Err(CommitError::Conflict(conflict)) => panic!("{conflict}"),
    }
}

/// SQLite can't be made to fail a commit on demand; what is told is decided
/// here.
#[test]
fn a_failed_commit_is_in_doubt_unless_the_disk_was_full() {
    let failed = |code: std::ffi::c_int| {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        BatchError::Commit(Arc::new(error)).told()
    };

    assert!(failed(rusqlite::ffi::SQLITE_FULL).certainly_not_written());
    assert!(!failed(rusqlite::ffi::SQLITE_IOERR_FSYNC).certainly_not_written());
    assert!(!failed(rusqlite::ffi::SQLITE_IOERR_WRITE).certainly_not_written());
}
