//! Bytes and frames that no peer may send, and what they end.

use bytes::BytesMut;
use twinhub_amqp_engine::performatives::{Performative, condition};
use twinhub_amqp_engine::value::Symbol;
use twinhub_amqp_engine::{Event, Settings};

use crate::peer::{Peer, encoded, open, transfer};

#[test]
fn each_malformed_frame_closes_the_connection_with_its_condition() {
    let cases: &[(&[u8], Symbol)] = &[
        // Sizes, offsets and types of frames.
        (b"\0\0\0\x07\x02\0\0\0", condition::FRAMING_ERROR),
        (b"\0\x01\0\x01\x02\0\0\0", condition::FRAMING_ERROR),
        (b"\xff\xff\xff\xff\x02\0\0\0", condition::FRAMING_ERROR),
        (b"\0\0\0\x08\x01\0\0\0", condition::FRAMING_ERROR),
        (b"\0\0\0\x08\x03\0\0\0", condition::FRAMING_ERROR),
        (b"\0\0\0\x08\x02\x07\0\0", condition::FRAMING_ERROR),
        (b"\0\0\0\x08\x02\x01\0\0", condition::FRAMING_ERROR),
        // Bodies that are no performative.
        (b"\0\0\0\x09\x02\0\0\x01\x40", condition::DECODE_ERROR),
        (
            b"\0\0\0\x0c\x02\0\0\x01\0\x53\x70\x45",
            condition::DECODE_ERROR,
        ),
        // A transfer without handle, a flow without windows, a begin of strings.
        (
            b"\0\0\0\x0c\x02\0\0\x01\0\x53\x14\x45",
            condition::DECODE_ERROR,
        ),
        (
            b"\0\0\0\x0c\x02\0\0\x01\0\x53\x13\x45",
            condition::DECODE_ERROR,
        ),
        (
            b"\0\0\0\x12\x02\0\0\x01\0\x53\x11\xc0\x05\x02\x40\xa1\x01x",
            condition::DECODE_ERROR,
        ),
        // An end with something behind it.
        (
            b"\0\0\0\x0d\x02\0\0\x01\0\x53\x17\x45\x40",
            condition::DECODE_ERROR,
        ),
    ];
    for (bytes, condition) in cases {
        let mut peer = Peer::begun(Settings::default());

        peer.says_bytes(bytes);

        let error = peer.violation();
        assert_eq!(error.condition, *condition, "{bytes:02x?}: {error:?}");
        let heard = peer.hears();
        let [(0, Performative::Close(close))] = &heard[..] else {
            panic!("not close: {heard:?}");
        };
        assert_eq!(close.error, Some(error));
    }
}

#[test]
fn behind_bytes_that_are_no_frame_nothing_is_read() {
    let mut peer = Peer::begun(Settings::default());

    peer.says_bytes(b"\0\0\0\x01\x02\0\0\0");
    peer.violation();

    assert!(peer.connection.is_finished());
}

#[test]
fn open_comes_once() {
    let mut peer = Peer::begun(Settings::default());

    peer.says(0, open());

    assert_eq!(peer.violation().condition, condition::ILLEGAL_STATE);
}

#[test]
fn the_extension_of_a_head_is_passed_over() {
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 1);
    let frame = encoded(1, transfer(0, 0, b"message"));
    let mut extended = BytesMut::from(&frame[..]);
    extended[3] += 4;
    extended[4] = 3;
    let body = extended.split_off(8);
    extended.extend_from_slice(b"ext.");
    extended.unsplit(body);

    peer.says_bytes(&extended);

    assert_eq!(peer.deliveries().len(), 1);
}

#[test]
fn a_window_that_is_overrun_ends_the_session() {
    // A full window is granted with every flow, so only one of none can be overrun.
    let mut peer = Peer::begun(Settings {
        incoming_window: 0,
        ..Settings::default()
    });
    let link = peer.sender(0, 10);

    peer.says(1, transfer(0, 0, b"message"));

    let events = peer.events();
    assert!(
        matches!(&events[..], [Event::Detached { link: gone, .. }] if *gone == link),
        "{events:?}"
    );
    let heard = peer.hears_on_1();
    let [Performative::End(end)] = &heard[..] else {
        panic!("not end: {heard:?}");
    };
    let error = end.error.as_ref().unwrap();
    assert_eq!(error.condition, condition::WINDOW_VIOLATION);
}

#[test]
fn no_violation_is_told_twice() {
    let mut peer = Peer::begun(Settings::default());
    peer.says(0, open());
    peer.says(0, open());
    peer.violation();

    assert_eq!(peer.events(), []);
    assert_eq!(peer.hears().len(), 1);
}
