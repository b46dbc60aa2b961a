//! Taking events that go to custom endpoints besides the built-in one: 64
//! senders with 32 events of 256 bytes on their way each. An event is done once
//! all of its copies are durable.
//!
//! The disk is that of the temporary folder (`TMPDIR`).

use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, counter::ItemsCount};
use tokio::runtime::Runtime;
use twinhub_core::events::{EventSource, Origin};
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::messages::{MessageRef, SystemProperty};
use twinhub_core::ports::{Backlogs as _, EventLog, Producer};
use twinhub_core::routing::EndpointId;
use twinhub_core::time::Timestamp;
use twinhub_embedded::{EventSettings, LocalBacklogs, LocalEventLog};

const SENDERS: u64 = 64;
const WINDOW: u64 = 32;
const EVENTS: u64 = 100_000;

fn main() {
    divan::main();
}

fn hub() -> HubName {
    HubName::parse("plant").expect("a valid name")
}

/// The hub's log and a backlog for each of so many endpoints.
async fn logs(folder: &std::path::Path, endpoints: usize) -> Vec<Arc<dyn EventLog>> {
    let settings = EventSettings {
        partitions: 4,
        retention: Duration::from_secs(3600),
        max_bytes: 4 << 30,
    };
    let log = LocalEventLog::open(folder, [(hub(), settings)]).expect("an empty folder opens");
    let mut logs: Vec<Arc<dyn EventLog>> = vec![Arc::new(log)];
    let backlogs = LocalBacklogs::new(folder, [(hub(), settings)]);
    for _ in 0..endpoints {
        let opened = backlogs.open(&hub(), EndpointId::generate()).await;
        logs.push(opened.expect("there is room").log());
    }
    logs
}

async fn send(logs: Vec<Arc<dyn EventLog>>, sender: u64) {
    let device = DeviceId::parse(&format!("pump-{sender}")).expect("a valid ID");
    let origin = Origin {
        identity: device.into(),
        generation: Timestamp::from_unix_seconds(1_700_000_000),
        auth_method: None,
        model_id: None,
        source: EventSource::Telemetry,
    };
    let producers = logs.iter().map(|log| log.producer(&hub(), &origin));
    let mut producers: Vec<_> = producers
        .map(|producer| producer.expect("the hub has a log"))
        .collect();
    let system = [(SystemProperty::MessageId, Cow::from("5c5a2f3e-0001"))];
    let message = MessageRef {
        system: &system,
        application: &[],
        body: &[b'x'; 256],
    };
    let count = EVENTS / SENDERS;
    let mut sent = 0;
    while sent < count {
        let until = (sent + WINDOW).min(count);
        for producer in &mut producers {
            for _ in sent..until {
                let enqueued = Timestamp::from_unix_seconds(1_700_000_000);
                producer.append(&message, enqueued).expect("there is room");
            }
            producer.hand_over();
        }
        sent = until;
        for producer in &mut producers {
            durable(&mut **producer, sent).await;
        }
    }
}

async fn durable(producer: &mut dyn Producer, count: u64) {
    let mut known = 0;
    while known < count {
        let told = poll_fn(|cx| producer.poll_durable(cx, known)).await;
        known = told.expect("the disk takes it");
    }
}

#[divan::bench(args = [0, 1, 3], sample_count = 20)]
fn append_to_the_hub_and_endpoints(bencher: Bencher, endpoints: usize) {
    let runtime = Runtime::new().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let logs = runtime.block_on(logs(folder.path(), endpoints));
    bencher.counter(ItemsCount::new(EVENTS)).bench(|| {
        runtime.block_on(async {
            let senders = (0..SENDERS).map(|sender| tokio::spawn(send(logs.clone(), sender)));
            for sender in senders.collect::<Vec<_>>() {
                sender.await.expect("it sends");
            }
        });
    });
}
