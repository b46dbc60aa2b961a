use std::path::Path;
use std::sync::Arc;

use twinhub_core::hubs::HubRecord;
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::ports::{Change, Record, SessionNumber, SessionRecord, UnitOfWork};

use super::*;
use crate::outbox::room::Load;
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
    writer(folder, sessions, PAGES, Arc::default())
}

/// A writer that keeps three events of changes.
fn with_little_outbox(folder: &Path) -> Writer {
    let most = Load {
        events: 3,
        bytes: i64::MAX,
    };
    writer(folder, Arc::default(), u32::MAX, Arc::new(Room::with(most)))
}

fn writer(folder: &Path, sessions: Arc<LocalSessions>, pages: u32, room: Arc<Room>) -> Writer {
    let (file, connection) = StateFile::open(folder).unwrap();
    connection
        .pragma_update(None, "max_page_count", pages)
        .unwrap();
    room.load(&connection).unwrap();
    let last_revision = schema::last_revision(&connection).unwrap();
    let workbench = Workbench {
        indexes: IndexBook::default(),
        connection,
        file,
        counts: Arc::default(),
        sessions,
        checkpoint: Arc::default(),
        outbox: watch::Sender::default(),
        room,
    };
    Writer::start(workbench, last_revision.cast_unsigned()).unwrap()
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

/// A change with its event.
fn insert_device_and_tell() -> Unit {
    let identity = twinhub_core::identities::Identity::Device(device());
    let changes = vec![Change::Insert(Record::Identity(identity))];
    let work = UnitOfWork::new(hub(), changes).with_events(vec![event()]);
    Unit::of(work, &SessionWrites::default())
}

fn tell() -> Unit {
    let work = UnitOfWork::new(hub(), Vec::new()).with_events(vec![event()]);
    Unit::of(work, &SessionWrites::default())
}

fn event() -> twinhub_core::notifications::NewEvent {
    use twinhub_core::time::Timestamp;
    twinhub_core::notifications::NewEvent {
        source: twinhub_core::events::EventSource::TwinChange,
        identity: device().id.into(),
        generation: Timestamp::NEVER,
        message: twinhub_core::messages::Message::default(),
        at: Timestamp::NEVER,
    }
}

/// The numbers of the events that wait.
fn waiting(folder: &Path) -> Vec<u64> {
    let file = Connection::open(folder.join("state.db")).unwrap();
    let page = crate::tables::outbox::read_page(&file, &hub(), 0, usize::MAX).unwrap();
    page.iter().map(|event| event.number).collect()
}

fn assert_outbox_full(outcome: &Outcome) {
    match outcome {
        Err(CommitError::Store(error)) => {
            assert!(error.certainly_not_written());
            assert!(error.to_string().contains("wait for the event log"));
        }
        other => panic!("expected a full outbox, got {other:?}"),
    }
}

#[tokio::test]
async fn a_full_outbox_refuses_changes_with_events_and_no_others_until_some_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let writer = with_little_outbox(folder.path());
    writer.commit(insert_hub()).await.unwrap();

    let together = futures_util::future::join_all((0..10).map(|_| writer.commit(tell()))).await;
    let refused = writer.commit(insert_device_and_tell()).await;

    assert_eq!(together.iter().filter(|one| one.is_ok()).count(), 3);
    let failed = together.iter().filter(|one| one.is_err());
    failed.chain([&refused]).for_each(assert_outbox_full);
    assert_eq!(waiting(folder.path()).len(), 3);
    writer.commit(insert_policies()).await.unwrap();

    let first = waiting(folder.path())[0];
    let told = Unit::of_told(hub(), first);
    writer.commit(told).await.unwrap();
    // Nothing was left of it when it was refused.
    writer.commit(insert_device_and_tell()).await.unwrap();
    assert_outbox_full(&writer.commit(tell()).await);
}

#[tokio::test]
async fn a_writer_knows_what_waits_since_before_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let writer = with_little_outbox(folder.path());
    writer.commit(insert_hub()).await.unwrap();
    for _ in 0..3 {
        writer.commit(tell()).await.unwrap();
    }
    writer.close().await;
    drop(writer);

    let writer = with_little_outbox(folder.path());

    assert_outbox_full(&writer.commit(tell()).await);
    let last = waiting(folder.path())[2];
    writer.commit(Unit::of_told(hub(), last)).await.unwrap();
    writer.commit(tell()).await.unwrap();
}
