//! Protocol headers, SASL, open.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::frame::RawFrame;
use twinhub_amqp_engine::performatives::{Close, Open, Performative, condition};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::sasl::{Init, Mechanisms, Outcome, OutcomeCode, SaslFrame};
use twinhub_amqp_engine::value::{Map, Symbol};
use twinhub_amqp_engine::{CloseReason, Event, Settings};

use crate::peer::{Peer, begin, encoded, open, receiver, sender};

fn says_sasl(peer: &mut Peer, frame: SaslFrame) {
    frame.encode(u32::MAX, peer.connection.inbox()).unwrap();
}

fn hears_sasl(peer: &mut Peer) -> SaslFrame {
    let raw = RawFrame::take(peer.connection.outbox(), u32::MAX);
    SaslFrame::decode(raw.unwrap().unwrap(), Limits::default()).unwrap()
}

fn plain() -> SaslFrame {
    SaslFrame::Init(Init {
        mechanism: Symbol::from_static("PLAIN"),
        initial_response: Some(Bytes::from_static(b"\0user\0secret")),
        hostname: Some("hub.example".into()),
    })
}

fn outcome(code: OutcomeCode) -> SaslFrame {
    SaslFrame::Outcome(Outcome {
        code,
        additional_data: None,
    })
}

/// A peer that has chosen PLAIN.
fn waiting_for_its_outcome() -> Peer {
    let mut peer = Peer::connected(Settings::default());
    peer.says_header(ProtocolHeader::SASL);
    says_sasl(&mut peer, plain());
    assert!(matches!(peer.events()[..], [Event::SaslInit { .. }]));
    peer.hears_header();
    hears_sasl(&mut peer);
    peer
}

#[test]
fn a_client_without_sasl_is_answered_in_kind() {
    let mut peer = Peer::connected(Settings {
        container_id: "hub".to_owned(),
        ..Settings::default()
    });

    peer.says_header(ProtocolHeader::AMQP);
    peer.says(0, open());

    assert_eq!(peer.events(), [Event::Opened(Box::new(open()))]);
    assert_eq!(peer.hears_header(), ProtocolHeader::AMQP);
    let ours = Open {
        container_id: "hub".into(),
        hostname: None,
        max_frame_size: 65_536,
        channel_max: 1023,
        idle_time_out: Some(240_000),
        outgoing_locales: Vec::new(),
        incoming_locales: Vec::new(),
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    };
    assert_eq!(peer.hears(), [(0, ours.into())]);
}

#[test]
fn the_header_is_answered_before_open_arrives() {
    let mut peer = Peer::connected(Settings::default());

    peer.says_header(ProtocolHeader::AMQP);

    assert_eq!(peer.events(), []);
    assert_eq!(peer.hears_header(), ProtocolHeader::AMQP);
}

#[test]
fn mechanisms_are_offered_and_the_choice_is_told() {
    let mut peer = Peer::connected(Settings::default());

    peer.says_header(ProtocolHeader::SASL);
    says_sasl(&mut peer, plain());

    let chosen = Event::SaslInit {
        mechanism: Symbol::from_static("PLAIN"),
        response: Bytes::from_static(b"\0user\0secret"),
        hostname: Some("hub.example".into()),
    };
    assert_eq!(peer.events(), [chosen]);
    assert_eq!(peer.hears_header(), ProtocolHeader::SASL);
    let offer = SaslFrame::Mechanisms(Mechanisms {
        mechanisms: Settings::default().mechanisms,
    });
    assert_eq!(hears_sasl(&mut peer), offer);
}

#[test]
fn nothing_is_read_until_the_host_has_judged() {
    let mut peer = waiting_for_its_outcome();

    peer.says_header(ProtocolHeader::AMQP);
    peer.says(0, open());
    assert_eq!(peer.events(), []);
    peer.connection.sasl_outcome(true);

    assert_eq!(peer.events(), [Event::Opened(Box::new(open()))]);
    assert_eq!(hears_sasl(&mut peer), outcome(OutcomeCode::Ok));
    assert_eq!(peer.hears_header(), ProtocolHeader::AMQP);
}

#[test]
fn a_client_that_is_not_let_in_is_told_and_not_heard() {
    let mut peer = waiting_for_its_outcome();

    peer.connection.sasl_outcome(false);
    peer.says_header(ProtocolHeader::AMQP);

    assert_eq!(peer.events(), []);
    assert!(peer.connection.is_finished());
    assert_eq!(hears_sasl(&mut peer), outcome(OutcomeCode::Auth));
    assert!(peer.takes_outbox().is_empty());
}

#[test]
fn what_is_no_choice_ends_the_sasl_layer() {
    let unknown = SaslFrame::Init(Init {
        mechanism: Symbol::from_static("SCRAM-SHA-1"),
        initial_response: None,
        hostname: None,
    });
    let mut not_offered = BytesMut::new();
    unknown.encode(u32::MAX, &mut not_offered).unwrap();
    let mut not_init = BytesMut::new();
    outcome(OutcomeCode::Ok)
        .encode(u32::MAX, &mut not_init)
        .unwrap();
    let cases = [
        not_offered,
        not_init,
        encoded(0, open()),
        BytesMut::from(&b"\0\0\0\x0c\x02\x01\0\0junk"[..]),
    ];
    for bytes in cases {
        let mut peer = Peer::connected(Settings::default());
        peer.says_header(ProtocolHeader::SASL);

        peer.says_bytes(&bytes);

        assert_eq!(peer.events(), [Event::Closed(CloseReason::Sasl)]);
        assert!(peer.connection.is_finished());
        peer.hears_header();
        hears_sasl(&mut peer);
        assert_eq!(hears_sasl(&mut peer), outcome(OutcomeCode::Auth));
    }
}

#[test]
fn another_protocol_is_answered_with_the_one_spoken_here() {
    let cases: [(&[u8], &[u8]); 6] = [
        (b"\x16\x03\x01", b"AMQP\x00\x01\x00\x00"),
        (b"GET / HTTP/1.1", b"AMQP\x00\x01\x00\x00"),
        (b"AMQP\x00\x00\x09\x01", b"AMQP\x00\x01\x00\x00"),
        (b"AMQP\x02\x01\x00\x00", b"AMQP\x00\x01\x00\x00"),
        (b"AMQP\x00\x02\x00\x00", b"AMQP\x00\x01\x00\x00"),
        (b"AMQP\x03\x02\x00\x00", b"AMQP\x03\x01\x00\x00"),
    ];
    for (said, answer) in cases {
        let mut peer = Peer::connected(Settings::default());

        let (events, heard) = peer.hearing_all_of(said);

        assert_eq!(events, [Event::Closed(CloseReason::OtherProtocol)]);
        assert_eq!(heard, answer, "to {said:?}");
        assert!(peer.connection.is_finished());
    }
}

#[test]
fn sasl_without_mechanisms_is_another_protocol() {
    let mut peer = Peer::connected(Settings {
        mechanisms: Vec::new(),
        ..Settings::default()
    });

    peer.says_header(ProtocolHeader::SASL);

    assert_eq!(peer.events(), [Event::Closed(CloseReason::OtherProtocol)]);
    assert_eq!(peer.hears_header(), ProtocolHeader::AMQP);
}

#[test]
fn sasl_comes_once() {
    let mut peer = waiting_for_its_outcome();
    peer.connection.sasl_outcome(true);
    hears_sasl(&mut peer);

    peer.says_header(ProtocolHeader::SASL);

    assert_eq!(peer.events(), [Event::Closed(CloseReason::OtherProtocol)]);
    assert_eq!(peer.hears_header(), ProtocolHeader::AMQP);
}

fn a_whole_conversation() -> BytesMut {
    let mut stream = BytesMut::new();
    ProtocolHeader::AMQP.encode(&mut stream);
    stream.extend_from_slice(&encoded(0, open()));
    stream.extend_from_slice(&encoded(1, begin()));
    stream.extend_from_slice(&encoded(1, sender(0)));
    stream.extend_from_slice(&encoded(1, receiver(1)));
    stream.extend_from_slice(&encoded(0, Close::default()));
    stream
}

#[test]
fn a_client_need_not_wait_for_any_answer() {
    let mut peer = Peer::connected(Settings::default());

    peer.says_bytes(&a_whole_conversation());

    let events = peer.events();
    let [
        Event::Opened(_),
        Event::Attach { attach: first, .. },
        Event::Attach { attach: second, .. },
        Event::Closed(CloseReason::Peer(None)),
    ] = &events[..]
    else {
        panic!("something else happened: {events:?}");
    };
    assert_eq!((first.handle, second.handle), (0, 1));
    assert!(peer.connection.is_finished());
    peer.hears_header();
    let heard = peer.hears();
    assert!(
        matches!(
            heard[..],
            [
                (0, Performative::Open(_)),
                (1, Performative::Begin(_)),
                (0, Performative::Close(_)),
            ]
        ),
        "{heard:?}"
    );
}

#[test]
fn how_bytes_arrive_makes_no_difference() {
    let whole = Peer::connected(Settings::default()).hearing_all_of(&a_whole_conversation());

    let mut peer = Peer::connected(Settings::default());
    let mut piecemeal = (Vec::new(), BytesMut::new());
    for byte in a_whole_conversation() {
        let (events, heard) = peer.hearing_all_of(&[byte]);
        piecemeal.0.extend(events);
        piecemeal.1.extend_from_slice(&heard);
    }

    assert_eq!(piecemeal, (whole.0, BytesMut::from(&whole.1[..])));
}

#[test]
fn a_sign_of_life_may_come_before_open() {
    let mut peer = Peer::connected(Settings::default());
    peer.says_header(ProtocolHeader::AMQP);

    peer.says_bytes(&[0, 0, 0, 8, 2, 0, 0, 0]);
    peer.says(0, open());

    assert!(matches!(peer.events()[..], [Event::Opened(_)]));
}

#[test]
fn what_cannot_open_a_connection_is_answered_with_open_and_close() {
    let tiny = Open {
        max_frame_size: 511,
        ..open()
    };
    let cases = [
        (encoded(0, tiny), condition::INVALID_FIELD),
        (encoded(1, begin()), condition::ILLEGAL_STATE),
        (
            BytesMut::from(&b"\0\0\0\x0c\x02\0\0\0junk"[..]),
            condition::DECODE_ERROR,
        ),
        (
            BytesMut::from(&b"\0\0\0\x08\x02\x01\0\0"[..]),
            condition::FRAMING_ERROR,
        ),
        (
            BytesMut::from(&b"\xff\0\0\0\x02\0\0\0"[..]),
            condition::FRAMING_ERROR,
        ),
    ];
    for (bytes, condition) in cases {
        let mut peer = Peer::connected(Settings::default());
        peer.says_header(ProtocolHeader::AMQP);

        peer.says_bytes(&bytes);

        assert_eq!(peer.violation().condition, condition);
        peer.hears_header();
        let heard = peer.hears();
        let [(0, Performative::Open(_)), (0, Performative::Close(close))] = &heard[..] else {
            panic!("not open and close: {heard:?}");
        };
        assert_eq!(close.error.as_ref().unwrap().condition, condition);
    }
}
