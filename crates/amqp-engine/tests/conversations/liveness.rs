//! Heartbeats and silence.

use std::time::Duration;

use twinhub_amqp_engine::frame::Frame;
use twinhub_amqp_engine::performatives::{Close, Open, Performative, condition};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::{CloseReason, Event, Settings};

use crate::peer::{Peer, open, transfer};

const MOMENT: Duration = Duration::from_millis(1);
const IDLE: Duration = Duration::from_secs(240);

/// A client that bears a minute of silence.
fn impatient() -> Peer {
    let impatient = Open {
        idle_time_out: Some(60_000),
        ..open()
    };
    Peer::opened_with(Settings::default(), impatient)
}

fn hears_heartbeats(peer: &mut Peer) -> usize {
    let frames = peer.hears_frames();
    assert!(frames.iter().all(|frame| *frame == Frame::HEARTBEAT));
    frames.len()
}

#[test]
fn a_heartbeat_is_sent_after_half_of_what_the_peer_bears() {
    let mut peer = impatient();

    assert_eq!(
        peer.connection.deadline(),
        Some(peer.now + Duration::from_secs(30))
    );
    peer.passes(Duration::from_secs(30) - MOMENT);
    assert_eq!(hears_heartbeats(&mut peer), 0);
    peer.passes(MOMENT);

    assert_eq!(hears_heartbeats(&mut peer), 1);
    peer.passes(Duration::from_secs(30));
    assert_eq!(hears_heartbeats(&mut peer), 1);
}

#[test]
fn what_is_sent_anyway_is_a_sign_of_life() {
    let mut peer = impatient();
    peer.passes(Duration::from_secs(20));
    peer.says(0, crate::peer::begin());
    peer.events();
    peer.hears();

    peer.passes(Duration::from_secs(20));
    assert_eq!(hears_heartbeats(&mut peer), 0);
    peer.passes(Duration::from_secs(10));

    assert_eq!(hears_heartbeats(&mut peer), 1);
}

#[test]
fn a_peer_without_time_out_gets_no_heartbeats() {
    for idle_time_out in [None, Some(0)] {
        let patient = Open {
            idle_time_out,
            ..open()
        };
        let mut peer = Peer::opened_with(Settings::default(), patient);

        assert_eq!(peer.connection.deadline(), Some(peer.now + IDLE));
        peer.passes(IDLE - MOMENT);

        assert_eq!(hears_heartbeats(&mut peer), 0);
    }
}

#[test]
fn however_impatient_the_peer_heartbeats_are_limited() {
    let restless = Open {
        idle_time_out: Some(1),
        ..open()
    };
    let mut peer = Peer::opened_with(Settings::default(), restless);

    for _ in 0..1000 {
        peer.passes(MOMENT);
    }

    assert_eq!(hears_heartbeats(&mut peer), 10);
}

#[test]
fn a_peer_that_is_silent_for_too_long_is_closed() {
    let mut peer = Peer::opened(Settings::default());

    peer.passes(IDLE - MOMENT);
    assert_eq!(peer.events(), []);
    peer.passes(MOMENT);

    assert_eq!(peer.events(), [Event::Closed(CloseReason::Silent)]);
    assert!(peer.connection.is_finished());
    let heard = peer.hears();
    let [(0, Performative::Close(Close { error: Some(error) }))] = &heard[..] else {
        panic!("not closed: {heard:?}");
    };
    assert_eq!(error.condition, condition::RESOURCE_LIMIT_EXCEEDED);
}

#[test]
fn a_peer_that_never_speaks_is_over_without_a_word() {
    let mut peer = Peer::connected(Settings::default());

    peer.passes(IDLE);

    assert_eq!(peer.events(), [Event::Closed(CloseReason::Silent)]);
    assert!(peer.takes_outbox().is_empty());
}

#[test]
fn any_byte_is_a_sign_of_life() {
    let heartbeat = [0, 0, 0, 8, 2, 0, 0, 0];
    let mut peer = Peer::opened(Settings::default());

    for byte in heartbeat {
        peer.passes(IDLE - MOMENT);
        peer.says_bytes(&[byte]);
        assert_eq!(peer.events(), []);
    }
    peer.passes(IDLE - MOMENT);

    assert_eq!(peer.events(), []);
    assert_eq!(peer.hears(), [], "a heartbeat has no answer");
}

#[test]
fn what_the_host_has_not_looked_at_is_no_silence() {
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);
    peer.says(1, transfer(0, 0, b"one"));
    peer.says(1, transfer(0, 1, b"two"));
    assert!(peer.event().is_some(), "and the second waits");

    peer.passes(IDLE);
    peer.passes(IDLE);

    assert_eq!(peer.deliveries().len(), 1);
}

#[test]
fn what_arrived_and_was_not_looked_at_is_no_silence() {
    let mut peer = Peer::connected(Settings::default());
    peer.says_header(ProtocolHeader::AMQP);

    peer.passes(IDLE);

    assert_eq!(peer.events(), []);
    assert_eq!(peer.hears_header(), ProtocolHeader::AMQP);
}

#[test]
fn a_host_that_stops_reading_can_say_so() {
    let mut peer = Peer::opened(Settings::default());

    peer.passes(IDLE - MOMENT);
    peer.connection.heard(peer.now);
    peer.passes(IDLE - MOMENT);
    assert_eq!(peer.events(), []);
    peer.passes(MOMENT);

    assert_eq!(peer.events(), [Event::Closed(CloseReason::Silent)]);
}
