//! The event port's contract, a behaviour per function.

pub mod appending;
pub mod partitions;
pub mod reading;
pub mod reopening;

use std::borrow::Cow;
use std::future::poll_fn;

use twinhub_core::events::{Event, EventSource, Origin, PartitionId};
use twinhub_core::ids::{DeviceId, HubName, IdentityId};
use twinhub_core::messages::{MessageRef, SystemProperty};
use twinhub_core::ports::{EventLog, Producer};
use twinhub_core::time::Timestamp;

/// How many partitions the suite's hubs have.
pub const PARTITIONS: u16 = 4;

/// The hubs that the suite writes to.
pub fn hubs() -> [HubName; 2] {
    ["plant", "harbour"].map(|name| HubName::parse(name).unwrap())
}

pub(crate) fn hub() -> HubName {
    hubs()[0].clone()
}

pub(crate) fn device(name: &str) -> DeviceId {
    DeviceId::parse(name).unwrap()
}

pub(crate) fn origin(identity: impl Into<IdentityId>) -> Origin {
    Origin {
        identity: identity.into(),
        generation: moment(0),
        auth_method: None,
        model_id: None,
        source: EventSource::Telemetry,
    }
}

/// Seconds after the suite's beginning of time.
pub(crate) fn moment(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000 + seconds)
}

pub(crate) fn body(body: &[u8]) -> MessageRef<'_> {
    MessageRef {
        system: &[],
        application: &[],
        body,
    }
}

pub(crate) fn producer(log: &dyn EventLog, device_id: &str) -> Box<dyn Producer> {
    log.producer(&hub(), &origin(device(device_id))).unwrap()
}

/// Waits until `count` messages are durable.
async fn durable(producer: &mut dyn Producer, count: u64) {
    let mut known = 0;
    while known < count {
        known = poll_fn(|cx| producer.poll_durable(cx, known))
            .await
            .unwrap();
    }
    assert_eq!(known, count, "more is durable than was sent");
}

/// Sends a body each, a second apart, and waits until all are durable.
pub(crate) async fn send(log: &dyn EventLog, device_id: &str, bodies: &[&str]) {
    let mut producer = producer(log, device_id);
    for (seconds, text) in (0..).zip(bodies) {
        producer
            .append(&body(text.as_bytes()), moment(seconds))
            .unwrap();
    }
    producer.hand_over();
    durable(&mut *producer, bodies.len() as u64).await;
}

pub(crate) fn partition_of(device_id: &str) -> PartitionId {
    PartitionId::of(&device(device_id), PARTITIONS)
}

/// All events of a device's partition from a number on.
pub(crate) async fn events_from(log: &dyn EventLog, device_id: &str, from: u64) -> Vec<Event> {
    let mut all = Vec::new();
    let (hub, partition) = (hub(), partition_of(device_id));
    let mut next = from;
    loop {
        let read = log.read(&hub, partition, next, 4096);
        let batch = read.await.unwrap();
        let Some(last) = batch.last() else {
            return all;
        };
        next = last.sequence_number + 1;
        all.extend(batch.events());
    }
}

pub(crate) fn bodies(events: &[Event]) -> Vec<String> {
    let body = |event: &Event| String::from_utf8_lossy(&event.message.body).into_owned();
    events.iter().map(body).collect()
}

/// A system and an application property of each kind.
fn rich<'a>() -> MessageRef<'a> {
    MessageRef {
        system: const {
            &[
                (SystemProperty::MessageId, Cow::Borrowed("m-1")),
                (
                    SystemProperty::ContentType,
                    Cow::Borrowed("application/json"),
                ),
                (SystemProperty::MessageId, Cow::Borrowed("a duplicate")),
            ]
        },
        application: const {
            &[
                (Cow::Borrowed("hall"), Some(Cow::Borrowed("7 \u{fc}"))),
                (Cow::Borrowed("empty"), Some(Cow::Borrowed(""))),
                (Cow::Borrowed("flag"), None),
            ]
        },
        body: b"{\"t\":\0}",
    }
}
