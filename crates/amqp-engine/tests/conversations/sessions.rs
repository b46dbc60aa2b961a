//! Sessions on their channels.

use twinhub_amqp_engine::performatives::{AmqpError, Begin, Detach, End, Performative, condition};
use twinhub_amqp_engine::{Event, IncomingTerms, Settings};

use crate::peer::{Peer, begin, receiver, sender, session_flow, transfer};

#[test]
fn begin_is_answered_with_every_term() {
    let mut peer = Peer::opened(Settings::default());

    peer.says(7, begin());

    assert_eq!(peer.events(), []);
    let answer = Begin {
        remote_channel: Some(7),
        next_outgoing_id: 0,
        incoming_window: 5000,
        outgoing_window: 5000,
        handle_max: 255,
        ..begin()
    };
    assert_eq!(peer.hears(), [(7, answer.into())]);
}

#[test]
fn a_session_can_begin_on_every_channel() {
    let mut peer = Peer::opened(Settings::default());

    for channel in 0..=1023 {
        peer.begins(channel, begin());
    }

    let (_, first) = peer.attaches_on(0, sender(0));
    let (_, last) = peer.attaches_on(1023, sender(0));
    assert_ne!(first, last);
}

#[test]
fn links_of_a_session_know_it() {
    let mut peer = Peer::begun(Settings::default());

    let (_, one) = peer.attaches_on(1, sender(0));
    let (_, other) = peer.attaches_on(1, receiver(1));

    assert_eq!(one, other);
}

#[test]
fn end_is_answered_and_takes_its_links_along() {
    let mut peer = Peer::begun(Settings::default());
    let first = peer.sender(0, 1);
    let second = peer.receiver(1, 1);
    peer.begins(2, begin());
    let (elsewhere, _) = peer.attaches_on(2, sender(0));
    let error = AmqpError::new(condition::DETACH_FORCED, "going home");

    peer.says(
        1,
        End {
            error: Some(error.clone()),
        },
    );

    let gone = |link| Event::Detached {
        link,
        error: Some(error.clone()),
    };
    assert_eq!(peer.events(), [gone(first), gone(second)]);
    assert_eq!(peer.hears(), [(1, End::default().into())]);
    peer.connection
        .accept_incoming(elsewhere, IncomingTerms::default());
    assert_eq!(peer.hears().len(), 2, "the other session goes on");
}

#[test]
fn a_link_of_an_ended_session_is_gone() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(1, 1);
    peer.says(1, End::default());
    peer.events();
    peer.hears();

    peer.connection.detach(link, None);
    peer.connection.grant(link, 5);

    assert!(!peer.connection.can_send(link));
    assert_eq!(peer.hears(), []);
}

#[test]
fn frames_behind_the_peers_end_are_passed_over() {
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);
    peer.says(1, End::default());
    peer.events();
    peer.hears();

    let detach = Detach {
        handle: 0,
        closed: true,
        error: None,
    };
    peer.says(1, detach);
    peer.says(1, transfer(0, 0, b"late"));
    peer.says(1, session_flow());
    peer.says(1, sender(3));
    peer.says(1, End::default());

    assert_eq!(peer.events(), []);
    assert_eq!(peer.hears(), []);
}

#[test]
fn frames_are_passed_over_until_the_peer_has_seen_our_end() {
    let mut peer = Peer::begun(Settings::default());
    let (link, session) = peer.attaches_on(1, sender(0));
    let error = AmqpError::new(condition::DETACH_FORCED, "a fault was asked for");

    peer.connection.end_session(session, error.clone());
    let ended = Event::Detached {
        link,
        error: Some(error.clone()),
    };
    assert_eq!(peer.events(), [ended]);
    let end = End { error: Some(error) };
    assert_eq!(peer.hears(), [(1, end.into())]);
    peer.says(1, transfer(0, 0, b"late"));
    peer.says(1, receiver(1));
    peer.says(1, End::default());

    assert_eq!(peer.events(), []);
    assert_eq!(peer.hears(), [], "its end is the answer to ours");
}

#[test]
fn a_channel_can_be_used_again_after_its_end() {
    let mut peer = Peer::begun(Settings::default());
    let (_, before) = peer.attaches_on(1, sender(0));
    peer.says(1, End::default());
    peer.events();
    peer.hears();

    peer.begins(1, begin());

    let (_, after) = peer.attaches_on(1, sender(0));
    assert_ne!(before, after);
}

#[test]
fn ending_a_session_that_is_gone_does_nothing() {
    let mut peer = Peer::begun(Settings::default());
    let (_, session) = peer.attaches_on(1, sender(0));
    peer.says(1, End::default());
    peer.events();
    peer.connection.outbox().clear();
    peer.begins(1, begin());

    let error = AmqpError::new(condition::DETACH_FORCED, "too late");
    peer.connection.end_session(session, error);

    assert_eq!(peer.hears(), []);
}

#[test]
fn misuse_of_channels_closes_the_connection() {
    let answering = Begin {
        remote_channel: Some(0),
        ..begin()
    };
    let cases: [(u16, Performative, _); 6] = [
        (1, begin().into(), condition::ILLEGAL_STATE),
        (2, answering.into(), condition::ILLEGAL_STATE),
        (2, session_flow().into(), condition::ILLEGAL_STATE),
        (2, sender(0).into(), condition::ILLEGAL_STATE),
        (1024, begin().into(), condition::FRAMING_ERROR),
        (u16::MAX, End::default().into(), condition::FRAMING_ERROR),
    ];
    for (channel, performative, condition) in cases {
        let mut peer = Peer::begun(Settings::default());

        peer.says(channel, performative.clone());

        let error = peer.violation();
        assert_eq!(error.condition, condition, "{channel} {performative:?}");
        let heard = peer.hears();
        let [(0, Performative::Close(close))] = &heard[..] else {
            panic!("not close: {heard:?}");
        };
        assert_eq!(close.error, Some(error));
    }
}

#[test]
fn a_session_may_not_begin_where_our_end_is_unanswered() {
    let mut peer = Peer::begun(Settings::default());
    let (_, session) = peer.attaches_on(1, sender(0));
    let error = AmqpError::new(condition::DETACH_FORCED, "over");
    peer.connection.end_session(session, error);
    peer.events();

    peer.says(1, begin());

    assert_eq!(peer.violation().condition, condition::ILLEGAL_STATE);
}
