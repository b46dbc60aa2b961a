//! A device's telemetry as the server sees it: QoS 1 PUBLISHes of 256 bytes in
//! reads of 64 KiB, each answered by a PUBACK into one buffer of writes. Once with
//! packets that own what they hold, once read in place.

use bytes::{Buf, Bytes, BytesMut};
use divan::{Bencher, black_box, counter::ItemsCount};
use twinhub_mqtt_codec::{
    Delivery, Front, Packet, PacketId, Publish, TopicName, decode, peek, put_puback,
};

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
fn publishes_in_pubacks_out(bencher: Bencher) {
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

#[divan::bench]
fn publishes_in_place_pubacks_out(bencher: Bencher) {
    let stream = stream();
    let mut out = BytesMut::with_capacity(READ);
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        out.clear();
        let mut buffer = BytesMut::with_capacity(2 * READ);
        for read in stream.chunks(READ) {
            buffer.extend_from_slice(read);
            let mut taken = 0;
            while let Front::Publish(publish) =
                peek(&buffer[taken..], LIMIT).expect("the stream is valid")
            {
                black_box((publish.topic().expect("it is one"), publish.payload));
                if let Some(id) = publish.delivery.packet_id() {
                    put_puback(id, &mut out);
                }
                taken += publish.size;
            }
            buffer.advance(taken);
        }
        assert_eq!(out.len(), 4 * usize::from(MESSAGES));
    });
}
