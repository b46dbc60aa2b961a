//! The end of a connection.

use std::time::Duration;

use twinhub_amqp_engine::performatives::{AmqpError, Close, Open, Performative, condition};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::{CloseReason, Event, IncomingTerms, Settings};

use crate::peer::{Peer, begin, open, sender};

fn forced() -> AmqpError {
    AmqpError::new(condition::CONNECTION_FORCED, "the server shuts down")
}

#[test]
fn the_peers_close_is_answered_and_told() {
    let mut peer = Peer::begun(Settings::default());
    let error = Some(forced());

    peer.says(
        0,
        Close {
            error: error.clone(),
        },
    );

    assert_eq!(peer.events(), [Event::Closed(CloseReason::Peer(error))]);
    assert_eq!(peer.hears(), [(0, Close::default().into())]);
    assert!(peer.connection.is_finished());
}

#[test]
fn nothing_is_read_behind_the_peers_close() {
    let mut peer = Peer::begun(Settings::default());
    peer.says(0, Close::default());

    peer.says(2, begin());

    assert_eq!(
        peer.events(),
        [Event::Closed(CloseReason::Peer(None))],
        "and nothing else"
    );
    assert_eq!(peer.hears(), [(0, Close::default().into())]);
}

#[test]
fn after_our_close_only_the_peers_is_read() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 10);

    peer.connection.close(Some(forced()));
    assert_eq!(
        peer.hears(),
        [(
            0,
            Close {
                error: Some(forced())
            }
            .into()
        )]
    );
    peer.says(2, begin());
    peer.says(1, sender(1));
    assert_eq!(peer.events(), []);
    assert!(!peer.connection.is_finished());
    peer.connection.grant(link, 20);
    peer.connection.close(None);
    peer.says(0, Close::default());

    assert_eq!(peer.events(), []);
    assert!(peer.connection.is_finished());
    assert_eq!(peer.hears(), []);
}

#[test]
fn a_peer_that_does_not_answer_close_is_not_waited_for_long() {
    let mut peer = Peer::opened(Settings::default());
    peer.connection.close(None);

    let deadline = peer.connection.deadline().unwrap();
    peer.passes(deadline - peer.now - Duration::from_millis(1));
    assert!(!peer.connection.is_finished());
    peer.passes(Duration::from_millis(1));

    assert!(peer.connection.is_finished());
    assert_eq!(peer.connection.deadline(), None);
}

#[test]
fn events_not_told_yet_are_dropped_with_our_close() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 1);
    peer.says(1, crate::peer::transfer(0, 0, b"first"));
    peer.says(1, crate::peer::transfer(0, 1, b"beyond the credit"));
    assert!(peer.event().is_some());

    peer.connection.close(None);

    assert_eq!(peer.events(), []);
    assert!(!peer.connection.can_send(link));
}

#[test]
fn a_connection_that_is_not_open_yet_is_opened_to_be_closed() {
    let mut peer = Peer::connected(Settings::default());
    peer.says_header(ProtocolHeader::AMQP);
    peer.events();
    peer.hears_header();

    peer.connection.close(Some(forced()));

    let heard = peer.hears();
    assert!(
        matches!(
            heard[..],
            [(0, Performative::Open(_)), (0, Performative::Close(_))]
        ),
        "{heard:?}"
    );
}

#[test]
fn a_connection_without_header_is_just_over() {
    let mut peer = Peer::connected(Settings::default());

    peer.connection.close(Some(forced()));

    assert!(peer.connection.is_finished());
    assert!(peer.takes_outbox().is_empty());
}

#[test]
fn an_error_is_shortened_for_a_peer_with_small_frames() {
    let small = Open {
        max_frame_size: 512,
        ..open()
    };
    let mut peer = Peer::opened_with(Settings::default(), small);

    let long = AmqpError::new(condition::CONNECTION_FORCED, "x".repeat(600));
    peer.connection.close(Some(long));

    let short = AmqpError {
        description: None,
        ..forced()
    };
    assert_eq!(peer.hears(), [(0, Close { error: Some(short) }.into())]);
}

#[test]
fn an_answer_above_the_peers_frame_size_closes_the_connection() {
    let small = Open {
        max_frame_size: 512,
        ..open()
    };
    let mut peer = Peer::begun_with(Settings::default(), small, begin());
    let mut attach = sender(0);
    attach.name = "n".repeat(600).into();
    let link = peer.attaches(attach);

    peer.connection
        .accept_incoming(link, IncomingTerms::default());

    let error = peer.violation();
    assert_eq!(error.condition, condition::FRAME_SIZE_TOO_SMALL);
    assert!(matches!(peer.hears()[..], [(0, Performative::Close(_))]));
}
