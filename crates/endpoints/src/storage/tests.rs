use std::path::Path;
use std::sync::Mutex;

use twinhub_blobs::{BlobSettings, Stores};
use twinhub_core::events::Event;
use twinhub_core::messages::Message;
use twinhub_core::routing::{Secret, StorageEncoding};
use twinhub_core::time::Timestamp;

use super::*;
use crate::samples::event;

const MINIMUM: u64 = 10_485_760;

struct SetClock(Mutex<Timestamp>);

impl SetClock {
    fn at(text: &str) -> Arc<Self> {
        Arc::new(SetClock(Mutex::new(Timestamp::parse(text).unwrap())))
    }

    fn set(&self, text: &str) {
        *self.0.lock().unwrap() = Timestamp::parse(text).unwrap();
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

fn storage(folder: &Path, encoding: StorageEncoding, clock: Arc<SetClock>) -> Storage {
    let address = url::Url::from_file_path(folder).unwrap();
    let target = StorageTarget {
        connection: Secret::new(String::from(address)),
        container: String::new(),
        file_name_format: "{iothub}/{partition}/{YYYY}-{MM}-{DD}/{HH}/{mm}".to_owned(),
        batch_frequency: Duration::from_secs(60),
        max_chunk_bytes: MINIMUM,
        encoding,
    };
    let containers = Arc::new(Stores::new(BlobSettings::default()));
    let hub = HubName::parse("plant").unwrap();
    Storage::new(containers, clock, &hub, &target, PartitionId(2))
}

fn events(numbers: std::ops::Range<u64>, body: usize) -> Vec<Event> {
    let message = |number: u64| Message {
        system: vec![],
        application: vec![("number".into(), Some(number.to_string().into()))],
        body: vec![b'b'; body].into(),
    };
    numbers
        .map(|number| event(number, message(number)))
        .collect()
}

async fn take(storage: &mut Storage, events: &[Event]) -> Result<usize, DeliveryFailure> {
    let refs: Vec<_> = events.iter().map(EventRef::from).collect();
    storage.take(&refs).await
}

/// All files below a folder, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                found.push((name.to_owned(), std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn names(folder: &Path) -> Vec<String> {
    files(folder).into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn a_blob_is_named_by_the_moment_of_its_flush() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at("2026-11-21T08:59:59Z");
    let mut storage = storage(folder.path(), StorageEncoding::Json, clock.clone());

    let taken = take(&mut storage, &events(0..3, 10)).await;
    assert_eq!(names(folder.path()), [""; 0]);
    clock.set("2026-11-21T09:01:00Z");
    storage.flush().await.unwrap();

    assert_eq!(taken, Ok(3));
    let files = files(folder.path());
    assert_eq!(files[0].0, "plant/2/2026-11-21/09/01.json");
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].1.iter().filter(|byte| **byte == b'\n').count(), 3);
}

#[tokio::test]
async fn blobs_of_one_minute_stay_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at("2026-11-21T08:00:00Z");
    let mut one = storage(folder.path(), StorageEncoding::Avro, clock.clone());
    let mut other = storage(folder.path(), StorageEncoding::Avro, clock);

    for (is_first, number) in [(true, 0), (true, 1), (false, 2)] {
        let storage = if is_first { &mut one } else { &mut other };
        take(storage, &events(number..number + 1, 10))
            .await
            .unwrap();
        storage.flush().await.unwrap();
    }

    assert_eq!(
        names(folder.path()),
        [
            "plant/2/2026-11-21/08/00-1.avro",
            "plant/2/2026-11-21/08/00-2.avro",
            "plant/2/2026-11-21/08/00.avro",
        ]
    );
}

#[tokio::test]
async fn a_name_that_was_begun_is_not_begun_again_in_its_minute() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at("2026-11-21T08:00:00Z");
    let mut given_up = storage(folder.path(), StorageEncoding::Json, clock.clone());
    let large = events(0..20, 100_000);

    for _ in 0..2 {
        take(&mut given_up, &large).await.unwrap();
        given_up.blob = None;
    }
    take(&mut given_up, &large).await.unwrap();
    given_up.flush().await.unwrap();
    clock.set("2026-11-21T08:01:00Z");
    take(&mut given_up, &large).await.unwrap();
    given_up.flush().await.unwrap();

    let finished = names(folder.path());
    let finished = finished.iter().filter(|name| name.ends_with(".json"));
    assert_eq!(
        finished.collect::<Vec<_>>(),
        [
            "plant/2/2026-11-21/08/00-2.json",
            "plant/2/2026-11-21/08/01.json",
        ]
    );
}

#[tokio::test]
async fn a_full_blob_takes_nothing_until_it_is_flushed() {
    for encoding in [StorageEncoding::Json, StorageEncoding::Avro] {
        let folder = tempfile::tempdir().unwrap();
        let clock = SetClock::at("2026-11-21T08:00:00Z");
        let mut storage = storage(folder.path(), encoding, clock);
        let events = events(0..200, 100_000);

        let first = take(&mut storage, &events).await.unwrap();
        let none = take(&mut storage, &events[first..]).await.unwrap();
        storage.flush().await.unwrap();
        let size = files(folder.path())[0].1.len() as u64;
        let rest = take(&mut storage, &events[first..]).await.unwrap();

        assert!((75..=105).contains(&first), "{first}");
        assert_eq!(none, 0);
        assert!(rest > 0);
        assert!(
            (MINIMUM - 300_000..=MINIMUM).contains(&size),
            "{encoding:?} {size}"
        );
    }
}

#[tokio::test]
async fn an_event_larger_than_the_rest_of_a_blob_waits_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at("2026-11-21T08:00:00Z");
    let mut storage = storage(folder.path(), StorageEncoding::Json, clock);
    let small = events(0..1, 10);
    let large = events(1..2, 11_000_000);

    assert_eq!(take(&mut storage, &small).await, Ok(1));
    assert_eq!(take(&mut storage, &large).await, Ok(0));
    storage.flush().await.unwrap();

    // Alone it goes, however large.
    assert_eq!(take(&mut storage, &large).await, Ok(1));
}

#[tokio::test]
async fn no_events_make_no_blob() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at("2026-11-21T08:00:00Z");
    let mut storage = storage(folder.path(), StorageEncoding::Avro, clock);

    assert_eq!(take(&mut storage, &[]).await, Ok(0));
    storage.flush().await.unwrap();

    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn a_container_that_is_gone_is_told_and_nothing_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let container = folder.path().join("container");
    let clock = SetClock::at("2026-11-21T08:00:00Z");
    let mut storage = storage(&container, StorageEncoding::Json, clock);

    take(&mut storage, &events(0..2, 10)).await.unwrap();
    let failure = storage.flush().await.unwrap_err();

    assert_eq!(
        (failure.reason, failure.delivered),
        (FailureReason::NotFound, 0)
    );
    assert!(!failure.detail.contains("container/"), "{failure}");
    std::fs::create_dir(&container).unwrap();
    storage.flush().await.unwrap();
    assert_eq!(names(&container), [""; 0]);
    take(&mut storage, &events(0..2, 10)).await.unwrap();
    storage.flush().await.unwrap();
    assert_eq!(names(&container).len(), 1);
}

#[tokio::test]
async fn a_blob_that_is_given_up_leaves_nothing_that_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at("2026-11-21T08:00:00Z");
    let mut storage = storage(folder.path(), StorageEncoding::Json, clock);
    take(&mut storage, &events(0..30, 100_000)).await.unwrap();

    drop(storage);

    let readable = |name: &String| name.ends_with(".json");
    assert_eq!(
        names(folder.path())
            .iter()
            .filter(|name| readable(name))
            .count(),
        0
    );
}
