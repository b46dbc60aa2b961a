//! A device's telemetry as the server sees it: QoS 1 PUBLISHes of 256 bytes in
//! reads of 64 KiB, each answered by a PUBACK into one buffer of writes.

use std::io::IoSlice;

use bytes::{Bytes, BytesMut};
use divan::{Bencher, black_box, counter::ItemsCount};
use mqtt_protocol_core::mqtt::{
    self, Version,
    common::Cursor,
    connection::{ConnectionOptions, Event, PacketBuildResult, PacketBuilder, PacketData, role},
    packet::{GenericPacketTrait, Packet as TheirPacket, v3_1_1},
};
use twinhub_mqtt_codec::{Delivery, Packet, PacketId, Publish, TopicName, decode, put_puback};

const MESSAGES: u16 = 2_000;
const READ: usize = 64 * 1024;
const LIMIT: usize = 256 * 1024;

fn main() {
    divan::main();
}

fn stream() -> BytesMut {
    let mut stream = BytesMut::new();
    for number in 1..=MESSAGES {
        let publish = Publish {
            topic: TopicName::new("devices/pump-7/modules/sensor1/messages/events/")
                .expect("the name has no wildcard"),
            delivery: Delivery::AtLeastOnce {
                id: PacketId::new(number).expect("numbers start at 1"),
                duplicate: false,
            },
            retain: false,
            payload: Bytes::from(vec![b'x'; 256]),
        };
        publish.encode(&mut stream).expect("the packet is small");
    }
    stream
}

#[divan::bench]
fn own(bencher: Bencher) {
    let stream = stream();
    let mut out = BytesMut::with_capacity(READ);
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        out.clear();
        let mut buffer = BytesMut::with_capacity(2 * READ);
        for read in stream.chunks(READ) {
            buffer.extend_from_slice(read);
            while let Some(packet) = decode(&mut buffer, LIMIT).expect("the stream is valid") {
                let Packet::Publish(publish) = packet else {
                    continue;
                };
                black_box((&*publish.topic, &publish.payload));
                if let Some(id) = publish.delivery.packet_id() {
                    put_puback(id, &mut out);
                }
            }
        }
        assert_eq!(out.len(), 4 * usize::from(MESSAGES));
    });
}

/// Their packets without their connection, which is the least they can cost.
#[divan::bench]
fn mqtt_protocol_core_packets(bencher: Bencher) {
    let stream = stream();
    let mut out = BytesMut::with_capacity(READ);
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        out.clear();
        let mut builder = PacketBuilder::with_maximum_packet_size(LIMIT as u32);
        for read in stream.chunks(READ) {
            let mut cursor = Cursor::new(read);
            loop {
                let raw = match builder.feed(&mut cursor) {
                    PacketBuildResult::Complete(raw) => raw,
                    PacketBuildResult::Incomplete => break,
                    PacketBuildResult::Error(error) => panic!("{error}"),
                };
                let PacketData::Publish(data) = &raw.data else {
                    continue;
                };
                let (publish, _) =
                    v3_1_1::Publish::parse(raw.flags(), data.clone()).expect("the stream is valid");
                black_box((publish.topic_name(), publish.payload()));
                if let Some(id) = publish.packet_id() {
                    let puback = v3_1_1::Puback::builder().packet_id(id).build();
                    put_buffers(
                        puback.expect("the identifier is set").to_buffers(),
                        &mut out,
                    );
                }
            }
        }
        assert_eq!(out.len(), 4 * usize::from(MESSAGES));
    });
}

/// Their connection, as their documentation uses it.
#[divan::bench]
fn mqtt_protocol_core_connection(bencher: Bencher) {
    let stream = stream();
    let mut out = BytesMut::with_capacity(READ);
    let mut connection = mqtt::Connection::<role::Server>::with_options(
        Version::V3_1_1,
        ConnectionOptions::new().maximum_packet_size_recv(LIMIT as u32),
    );
    let connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a";
    connection.recv(&mut Cursor::new(&connect[..]));
    let connack = v3_1_1::Connack::builder()
        .session_present(false)
        .return_code(mqtt::result_code::ConnectReturnCode::Accepted)
        .build()
        .expect("all fields are set");
    connection.checked_send(connack);

    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        out.clear();
        for read in stream.chunks(READ) {
            let mut cursor = Cursor::new(read);
            while (cursor.position() as usize) < read.len() {
                for event in connection.recv(&mut cursor) {
                    let Event::NotifyPacketReceived(TheirPacket::V3_1_1Publish(publish)) = event
                    else {
                        continue;
                    };
                    black_box((publish.topic_name(), publish.payload()));
                    let Some(id) = publish.packet_id() else {
                        continue;
                    };
                    let puback = v3_1_1::Puback::builder().packet_id(id).build();
                    let puback = puback.expect("the identifier is set");
                    for event in connection.checked_send(puback) {
                        if let Event::RequestSendPacket { packet, .. } = event {
                            put_buffers(packet.to_buffers(), &mut out);
                        }
                    }
                }
            }
        }
        assert_eq!(out.len(), 4 * usize::from(MESSAGES));
    });
}

fn put_buffers(buffers: Vec<IoSlice<'_>>, out: &mut BytesMut) {
    for buffer in buffers {
        out.extend_from_slice(&buffer);
    }
}
