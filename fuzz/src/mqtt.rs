//! MQTT packets.

use bytes::BytesMut;
use twinhub_mqtt_codec::{DecodeError, Front, Packet, PacketType, decode, peek};

const LIMIT: usize = 4096;

/// Takes packets off the bytes until one is refused or incomplete. Each came
/// from bytes that were there, needed all of them, survives being written, and is
/// the same when it is read in place.
pub fn mqtt_packet(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    loop {
        let before = buffer.clone();
        let (front, decoded) = (peek(&before, LIMIT), decode(&mut buffer, LIMIT));
        reads_alike_in_place(front, &decoded);
        match decoded {
            Ok(Some(packet)) => {
                let taken = before.len().checked_sub(buffer.len());
                let taken = taken.expect("decoding adds nothing");
                assert!((2..=LIMIT).contains(&taken));
                assert_eq!(&before[taken..], &buffer[..], "the rest stays as it was");
                needs_every_byte(&before[..taken]);
                survives_writing(&packet, taken);
            }
            Ok(None) => {
                assert_eq!(before, buffer, "waiting takes nothing");
                return;
            }
            Err(_) => return,
        }
    }
}

fn needs_every_byte(packet: &[u8]) {
    let mut cut = BytesMut::from(&packet[..packet.len() - 1]);
    assert_eq!(decode(&mut cut, LIMIT), Ok(None));
}

fn survives_writing(packet: &Packet, taken: usize) {
    let mut written = BytesMut::new();
    packet
        .encode(&mut written)
        .expect("what was read can be written");
    // A length may have come in more bytes than it needs.
    assert!(written.len() <= taken);
    assert_eq!(
        decode(&mut written, LIMIT).as_ref(),
        Ok(&Some(packet.clone()))
    );
    assert!(written.is_empty());
}

fn reads_alike_in_place(
    front: Result<Front<'_>, DecodeError>,
    decoded: &Result<Option<Packet>, DecodeError>,
) {
    match (front, decoded) {
        (Ok(Front::Publish(front)), Ok(Some(Packet::Publish(publish)))) => {
            assert_eq!(front.topic(), Ok(&*publish.topic));
            assert_eq!(front.payload, &publish.payload);
            assert_eq!(front.delivery, publish.delivery);
            assert_eq!(front.retain, publish.retain);
        }
        (Ok(Front::Publish(front)), Err(error)) => assert_eq!(front.topic(), Err(*error)),
        (Ok(Front::Incomplete), Ok(None)) => {}
        (Ok(Front::Other), Ok(Some(other))) => {
            assert_ne!(other.packet_type(), PacketType::Publish);
        }
        (Ok(Front::Other), Ok(None) | Err(_)) => {}
        (Err(front), Err(error)) => assert_eq!(front, *error),
        (front, decoded) => panic!("{front:?} in place is {decoded:?}"),
    }
}
