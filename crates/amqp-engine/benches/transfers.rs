//! Telemetry over AMQP as the server sees it: transfers of 256 bytes in reads
//! of 64 KiB, and events to a reader.

use bytes::{Bytes, BytesMut};
use divan::{Bencher, black_box, counter::ItemsCount};
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::frame::{Frame, RawFrame};
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties, Section, Sections};
use twinhub_amqp_engine::performatives::{
    DeliveryState, Disposition, Performative, Role, Transfer,
};
use twinhub_amqp_engine::value::{Map, Symbol, Timestamp};

const MESSAGES: u32 = 2_000;
const READ: usize = 64 * 1024;
const LIMIT: u32 = 64 * 1024;

fn main() {
    divan::main();
}

fn telemetry() -> Message {
    Message {
        properties: Some(Properties {
            message_id: Some(MessageId::String("6f1c1f0e".into())),
            content_type: Some(Symbol::from_static("application/json")),
            content_encoding: Some(Symbol::from_static("utf-8")),
            ..Properties::default()
        }),
        application_properties: Some(Map::new().with("level", "high")),
        body: Body::Data(vec![Bytes::from(vec![b'x'; 256])]),
        ..Message::default()
    }
}

fn event(number: u32) -> Message {
    Message {
        message_annotations: Map::new()
            .with(
                Symbol::from_static("x-opt-sequence-number"),
                i64::from(number),
            )
            .with(Symbol::from_static("x-opt-offset"), "4294967296")
            .with(
                Symbol::from_static("x-opt-enqueued-time"),
                Timestamp(1_700_000_000_000),
            )
            .with(Symbol::from_static("iothub-connection-device-id"), "pump-7"),
        ..telemetry()
    }
}

fn transfer(number: u32, message: &Message) -> Frame {
    let mut payload = BytesMut::with_capacity(1024);
    message.encode(&mut payload).expect("the message is small");
    Frame::new(
        0,
        Transfer {
            handle: 0,
            delivery_id: Some(number),
            delivery_tag: Some(Bytes::from_static(b"\0\0\0\0")),
            message_format: Some(0),
            settled: Some(false),
            payload: payload.freeze(),
            ..Transfer::default()
        },
    )
}

fn stream() -> BytesMut {
    let mut stream = BytesMut::new();
    for number in 0..MESSAGES {
        let frame = transfer(number, &telemetry());
        frame
            .encode(LIMIT, &mut stream)
            .expect("the frame is small");
    }
    stream
}

/// Reads every transfer, and settles what a read brought in one disposition.
fn receive(stream: &BytesMut, out: &mut BytesMut, mut take: impl FnMut(Transfer)) {
    let mut buffer = BytesMut::with_capacity(2 * READ);
    let mut settled = None;
    for read in stream.chunks(READ) {
        buffer.extend_from_slice(read);
        let first = settled.map_or(0, |last| last + 1);
        while let Some(raw) = RawFrame::take(&mut buffer, LIMIT).expect("the stream is valid") {
            let frame = Frame::decode(raw, Limits::default()).expect("the stream is valid");
            if let Some(Performative::Transfer(transfer)) = frame.performative {
                settled = transfer.delivery_id;
                take(transfer);
            }
        }
        let disposition = Disposition {
            role: Role::Receiver,
            first,
            last: settled,
            settled: true,
            state: Some(DeliveryState::Accepted),
            batchable: false,
        };
        Frame::new(0, disposition)
            .encode(LIMIT, out)
            .expect("the frame is small");
    }
    assert_eq!(settled, Some(MESSAGES - 1));
}

#[divan::bench]
fn transfers_in_payload_unread(bencher: Bencher) {
    let stream = stream();
    let mut out = BytesMut::with_capacity(READ);
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        out.clear();
        receive(&stream, &mut out, |transfer| {
            black_box(transfer);
        });
    });
}

#[divan::bench]
fn transfers_in_sections_read(bencher: Bencher) {
    let stream = stream();
    let mut out = BytesMut::with_capacity(READ);
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        out.clear();
        receive(&stream, &mut out, |transfer| {
            for section in Sections::new(transfer.payload, Limits::default()) {
                let section = section.expect("the stream is valid");
                if let Section::Data(data) = &section {
                    assert_eq!(data.len(), 256);
                }
                black_box(section);
            }
        });
    });
}

#[divan::bench]
fn events_out(bencher: Bencher) {
    let events: Vec<Message> = (0..MESSAGES).map(event).collect();
    let mut out = BytesMut::with_capacity(1024 * 1024);
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        out.clear();
        for (number, event) in (0..).zip(&events) {
            transfer(number, event)
                .encode(LIMIT, &mut out)
                .expect("the frame is small");
        }
        black_box(&out);
    });
}
