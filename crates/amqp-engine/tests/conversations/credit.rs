//! Drain and echo.

use twinhub_amqp_engine::performatives::{Flow, Performative};
use twinhub_amqp_engine::{CannotSend, Event, OutgoingTerms, Settings};

use crate::peer::{Peer, credit_flow, delivery, receiver, session_flow, transfer};

fn drain(handle: u32, delivery_count: u32, credit: u32) -> Flow {
    Flow {
        drain: true,
        ..credit_flow(handle, delivery_count, credit)
    }
}

fn echo(flow: Flow) -> Flow {
    Flow { echo: true, ..flow }
}

/// Our state of a link in a session where nothing was sent.
fn ours(handle: u32, delivery_count: u32, credit: u32) -> Flow {
    Flow {
        incoming_window: 5000,
        outgoing_window: 5000,
        ..credit_flow(handle, delivery_count, credit)
    }
}

#[test]
fn a_drain_is_told_and_answered_when_the_host_has_nothing() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);

    peer.says(1, drain(0, 0, 10));
    assert_eq!(peer.events(), [Event::Flow { link, drain: true }]);
    assert_eq!(peer.hears(), []);
    peer.connection.drained(link);

    let answer = Flow {
        drain: true,
        ..ours(0, 10, 0)
    };
    assert_eq!(peer.hears_on_1(), [answer.into()]);
    let blocked = peer.connection.send(link, delivery(true), |_| {});
    assert_eq!(blocked, Err(CannotSend::Blocked));
}

#[test]
fn what_there_is_goes_out_before_the_drain_is_answered() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    peer.says(1, drain(0, 0, 10));
    peer.events();

    peer.send(link, b"the only one");
    peer.connection.drained(link);

    let answer = Flow {
        drain: true,
        next_outgoing_id: 1,
        ..ours(0, 10, 0)
    };
    let heard = peer.hears_on_1();
    assert!(matches!(heard[0], Performative::Transfer(_)));
    assert_eq!(heard[1..], [answer.into()]);
}

#[test]
fn a_drain_is_over_with_the_last_credit() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 1);
    peer.says(1, drain(0, 0, 1));
    peer.events();

    peer.send(link, b"one");
    let heard = peer.hears_on_1();
    peer.connection.drained(link);

    assert!(
        matches!(
            &heard[..],
            [
                Performative::Transfer(_),
                Performative::Flow(Flow {
                    link_credit: Some(0),
                    delivery_count: Some(1),
                    drain: true,
                    ..
                }),
            ]
        ),
        "{heard:?}"
    );
    assert_eq!(peer.hears(), [], "answered once");
}

#[test]
fn a_drain_without_credit_is_answered_at_once() {
    let mut peer = Peer::begun(Settings::default());
    peer.receiver(0, 0);

    peer.says(1, drain(0, 0, 0));

    assert_eq!(peer.events(), []);
    let answer = Flow {
        drain: true,
        ..ours(0, 0, 0)
    };
    assert_eq!(peer.hears_on_1(), [answer.into()]);
}

#[test]
fn credit_counts_on_after_a_drain() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    peer.says(1, drain(0, 0, 10));
    peer.events();
    peer.connection.drained(link);
    peer.hears();

    peer.grants(0, 10, 1);

    assert_eq!(peer.events(), [Event::Flow { link, drain: false }]);
    peer.send(link, b"one");
    assert!(!peer.connection.can_send(link));
}

#[test]
fn a_drain_before_the_answer_is_told_behind_it() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.attaches(receiver(0));
    peer.says(1, drain(0, 0, 5));
    assert_eq!(peer.events(), []);

    peer.connection
        .accept_outgoing(link, OutgoingTerms::default());

    assert_eq!(peer.events(), [Event::Flow { link, drain: true }]);
}

#[test]
fn drained_without_a_drain_does_nothing() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);

    peer.connection.drained(link);

    assert_eq!(peer.hears(), []);
    assert!(peer.connection.can_send(link));
}

#[test]
fn an_echo_is_answered_with_the_state_asked_for() {
    let mut peer = Peer::begun(Settings::default());
    peer.receiver(0, 10);
    peer.sender(1, 7);
    peer.says(1, transfer(1, 0, b"one"));
    peer.events();

    peer.says(
        1,
        echo(Flow {
            next_outgoing_id: 1,
            ..credit_flow(0, 0, 12)
        }),
    );
    peer.says(
        1,
        echo(Flow {
            next_outgoing_id: 1,
            ..credit_flow(1, 1, 0)
        }),
    );
    peer.says(
        1,
        echo(Flow {
            next_outgoing_id: 1,
            ..session_flow()
        }),
    );
    peer.events();

    let at = |flow| Flow {
        next_incoming_id: Some(1),
        ..flow
    };
    let session = Flow {
        handle: None,
        delivery_count: None,
        link_credit: None,
        ..ours(0, 0, 0)
    };
    let heard = peer.hears_on_1();
    let answers = [at(ours(0, 0, 12)), at(ours(1, 1, 6)), at(session)];
    assert_eq!(heard, answers.map(Performative::from));
}

#[test]
fn an_echo_before_the_answer_comes_behind_it() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.attaches(receiver(0));
    peer.says(1, echo(credit_flow(0, 0, 5)));
    peer.events();
    assert_eq!(peer.hears(), []);

    peer.connection
        .accept_outgoing(link, OutgoingTerms::default());

    let heard = peer.hears_on_1();
    assert!(matches!(heard[0], Performative::Attach(_)));
    assert_eq!(heard[1..], [ours(0, 0, 5).into()]);
}
