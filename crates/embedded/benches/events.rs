//! Reading a partition as a reader of the built-in endpoint does: events of
//! 256 bytes with two system and two application properties, each property
//! looked at once. Once from the file system's cache to the last property, and
//! once without looking at what was read.

use std::borrow::Cow;
use std::future::poll_fn;
use std::time::Duration;

use divan::{Bencher, black_box, counter::ItemsCount};
use tokio::runtime::Runtime;
use twinhub_core::events::{EventRef, EventSource, Origin, PartitionId};
use twinhub_core::ids::{DeviceId, HubName, IdentityId};
use twinhub_core::messages::{MessageRef, SystemProperty};
use twinhub_core::ports::EventLog as _;
use twinhub_core::time::Timestamp;
use twinhub_embedded::{EventSettings, LocalEventLog};

const EVENTS: u64 = 50_000;
const BATCH_BYTES: usize = 256 * 1024;

fn main() {
    divan::main();
}

struct Given {
    _folder: tempfile::TempDir,
    runtime: Runtime,
    log: LocalEventLog,
    hub: HubName,
}

fn given() -> Given {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let hub = HubName::parse("plant").expect("a valid name");
    let settings = EventSettings {
        partitions: 1,
        retention: Duration::from_secs(3600),
        max_bytes: 1 << 30,
    };
    let log = LocalEventLog::open(folder.path(), [(hub.clone(), settings)])
        .expect("an empty folder opens");
    let runtime = Runtime::new().expect("a runtime starts");
    runtime.block_on(fill(&log, &hub));
    Given {
        _folder: folder,
        runtime,
        log,
        hub,
    }
}

async fn fill(log: &LocalEventLog, hub: &HubName) {
    let origin = Origin {
        identity: IdentityId::from(DeviceId::parse("pump-7").expect("a valid ID")),
        generation: Timestamp::from_unix_seconds(1_700_000_000),
        auth_method: None,
        model_id: None,
        source: EventSource::Telemetry,
    };
    let system = [
        (SystemProperty::MessageId, Cow::from("5c5a2f3e-0001")),
        (SystemProperty::ContentType, Cow::from("application/json")),
    ];
    let application = [
        (Cow::from("hall"), Some(Cow::from("seven"))),
        (Cow::from("urgent"), Some(Cow::from("no"))),
    ];
    let message = MessageRef {
        system: &system,
        application: &application,
        body: &[b'x'; 256],
    };
    let mut producer = log.producer(hub, &origin).expect("the hub has a log");
    let mut known = 0;
    for number in 1..=EVENTS {
        let enqueued = Timestamp::from_unix_seconds(1_700_000_000 + number);
        producer.append(&message, enqueued).expect("there is room");
        if number % 500 == 0 {
            producer.hand_over();
            while known < number {
                known = poll_fn(|cx| producer.poll_durable(cx, known))
                    .await
                    .expect("the disk takes it");
            }
        }
    }
}

fn look_at(event: EventRef<'_>) -> usize {
    event.device.len()
        + event.system().map(|(_, value)| value.len()).sum::<usize>()
        + event
            .application()
            .map(|(name, value)| name.len() + value.map_or(0, str::len))
            .sum::<usize>()
        + event.body().len()
}

fn drain(bencher: Bencher, look_at: impl Fn(EventRef<'_>) -> usize + Sync) {
    let given = given();
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| {
        given.runtime.block_on(async {
            let mut next = 0;
            let mut sum = 0;
            while next < EVENTS {
                let read = given
                    .log
                    .read(&given.hub, PartitionId(0), next, BATCH_BYTES);
                let batch = read.await.expect("it is sound");
                sum += batch.iter().map(&look_at).sum::<usize>();
                next += batch.len() as u64;
            }
            black_box(sum)
        })
    });
}

#[divan::bench]
fn read_and_look_at_everything(bencher: Bencher) {
    drain(bencher, look_at);
}

#[divan::bench]
fn read_only(bencher: Bencher) {
    drain(bencher, |_| 0);
}
