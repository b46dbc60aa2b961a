//! What an event of 256 bytes costs on its way to a reader.

use bytes::{Bytes, BytesMut};
use divan::{Bencher, black_box, counter::ItemsCount};
use twinhub_core::access::{AuthKind, AuthMethod, AuthScope};
use twinhub_core::events::{Event, EventBatch, EventSource, Origin};
use twinhub_core::ids::{DeviceId, IdentityId};
use twinhub_core::messages::{Message, SystemProperty};
use twinhub_core::ports::PartitionState;
use twinhub_core::time::Timestamp;
use twinhub_eventhubs::{EventEncoder, RuntimeInfo};

const EVENTS: usize = 1_000;

fn main() {
    divan::main();
}

fn batch() -> EventBatch {
    let event = |sequence_number: usize| Event {
        sequence_number: sequence_number as u64,
        offset: 4_294_967_296 + 400 * sequence_number as u64,
        enqueued: Timestamp::from_unix_seconds(1_800_000_000),
        origin: Origin {
            identity: IdentityId::Device(DeviceId::parse("pump-7").expect("a valid ID")),
            generation: Timestamp::from_unix_seconds(1_700_000_000),
            auth_method: Some(AuthMethod {
                scope: AuthScope::Device,
                kind: AuthKind::Sas,
            }),
            model_id: None,
            source: EventSource::Telemetry,
        },
        message: Message {
            system: vec![
                (SystemProperty::MessageId, "6f1c1f0e".into()),
                (SystemProperty::ContentType, "application/json".into()),
                (SystemProperty::ContentEncoding, "utf-8".into()),
            ],
            application: vec![("level".into(), Some("high".into()))],
            body: Bytes::from(vec![b'x'; 256]),
        },
    };
    (0..EVENTS).map(event).collect::<Vec<_>>().into()
}

fn encode(bencher: Bencher<'_, '_>, runtime: Option<&RuntimeInfo>) {
    let (encoder, batch) = (EventEncoder::new(), batch());
    let mut out = BytesMut::with_capacity(EVENTS * 2_048);
    bencher
        .counter(ItemsCount::new(EVENTS))
        .bench_local(move || {
            out.clear();
            for event in black_box(&batch).iter() {
                encoder.encode(&event, runtime, &mut out);
            }
            out.len()
        });
}

#[divan::bench]
fn events(bencher: Bencher<'_, '_>) {
    encode(bencher, None);
}

#[divan::bench]
fn events_with_runtime_info(bencher: Bencher<'_, '_>) {
    let partition = PartitionState {
        first: 0,
        next: EVENTS as u64,
        last_offset: Some(4_294_967_296),
        last_enqueued: Some(Timestamp::from_unix_seconds(1_800_000_000)),
    };
    let runtime = RuntimeInfo::new(&partition, Timestamp::from_unix_seconds(1_800_000_001));
    encode(bencher, Some(&runtime));
}
