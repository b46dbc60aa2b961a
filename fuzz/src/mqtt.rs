//! MQTT packets.

use bytes::BytesMut;
use twinhub_mqtt_codec::{Packet, decode};

const LIMIT: usize = 4096;

/// Takes packets off the bytes until one is refused or incomplete. Each came
/// from bytes that were there, needed all of them, and survives being written.
pub fn mqtt_packet(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    loop {
        let before = buffer.clone();
        match decode(&mut buffer, LIMIT) {
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
