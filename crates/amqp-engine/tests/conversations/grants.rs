//! Credit for the client, and the window of its session.

use twinhub_amqp_engine::performatives::{Attach, Flow, Performative, Transfer, condition};
use twinhub_amqp_engine::{DeliveryId, Event, IncomingTerms, Settings};

use crate::peer::{Peer, continuation, credit_flow, sender, transfer};
use crate::sizes::detached_for;

#[test]
fn a_delivery_beyond_the_credit_ends_the_link() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 2);
    peer.says(1, transfer(0, 0, b"one"));
    peer.says(1, transfer(0, 1, b"two"));
    assert_eq!(peer.deliveries().len(), 2);

    peer.says(1, transfer(0, 2, b"three"));

    let error = detached_for(&mut peer, link);
    assert_eq!(error.condition, condition::TRANSFER_LIMIT_EXCEEDED);
}

#[test]
fn a_delivery_before_the_answer_refuses_the_link() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.attaches(sender(0));

    peer.says(1, transfer(0, 0, b"early"));

    let events = peer.events();
    assert!(
        matches!(&events[..], [Event::Detached { link: gone, .. }] if *gone == link),
        "{events:?}"
    );
    let heard = peer.hears_on_1();
    assert!(
        matches!(
            heard[..],
            [Performative::Attach(_), Performative::Detach(_)]
        ),
        "{heard:?}"
    );
}

#[test]
fn a_grant_counts_from_the_deliveries_so_far() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 2);
    peer.says(1, transfer(0, 0, b"one"));
    peer.events();

    peer.connection.grant(link, 10);

    let flow = Flow {
        next_incoming_id: Some(1),
        incoming_window: 5000,
        outgoing_window: 5000,
        handle: Some(0),
        delivery_count: Some(1),
        link_credit: Some(10),
        ..Flow::default()
    };
    assert_eq!(peer.hears_on_1(), [flow.into()]);
}

#[test]
fn credit_taken_back_does_not_hurt_what_is_under_way() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 3);

    peer.connection.grant(link, 0);
    for id in 0..3 {
        peer.says(1, transfer(0, id, b"sent before it heard"));
    }
    assert_eq!(peer.deliveries().len(), 3);
    peer.hears();
    peer.says(1, transfer(0, 3, b"too many"));

    let error = detached_for(&mut peer, link);
    assert_eq!(error.condition, condition::TRANSFER_LIMIT_EXCEEDED);
}

#[test]
fn counts_wrap_around() {
    let mut peer = Peer::begun(Settings::default());
    let attach = Attach {
        initial_delivery_count: Some(u32::MAX),
        ..sender(0)
    };
    let link = peer.attaches(attach);
    let terms = IncomingTerms {
        credit: 3,
        max_message_size: 0,
    };
    peer.connection.accept_incoming(link, terms);
    peer.hears();

    for id in [u32::MAX, 0, 1] {
        peer.says(1, transfer(0, id, b"message"));
    }

    assert_eq!(peer.deliveries().len(), 3);
    assert_eq!(DeliveryId(u32::MAX).next(), DeliveryId(0));
}

/// The credit that was told last, and nothing else was.
fn credit_heard(peer: &mut Peer) -> Option<u32> {
    let heard = peer.hears_on_1().into_iter();
    let credits = heard.map(|performative| match performative {
        Performative::Flow(flow) => flow.link_credit.unwrap(),
        other => panic!("not credit: {other:?}"),
    });
    credits.last()
}

#[test]
fn aborted_deliveries_do_not_use_up_the_credit() {
    let aborted = |id| Transfer {
        aborted: true,
        ..transfer(0, id, b"second thoughts")
    };
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);

    for id in 0..1000 {
        peer.says(1, aborted(id));
        assert_eq!(peer.deliveries(), []);
    }
    assert!(credit_heard(&mut peer).is_some_and(|credit| credit >= 5));

    // All that the host counts on can still come.
    for id in 1000..1010 {
        peer.says(1, transfer(0, id, b"message"));
    }
    assert_eq!(peer.deliveries().len(), 10);
}

#[test]
fn resumed_deliveries_do_not_use_up_the_credit() {
    let resumed = |id| Transfer {
        resume: true,
        ..transfer(0, id, b"of an earlier link")
    };
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 1);

    peer.says(1, resumed(0));
    let more = Transfer {
        more: true,
        ..resumed(1)
    };
    peer.says(1, more);
    peer.says(1, continuation(0, b"in two frames"));

    assert_eq!(peer.deliveries(), []);
    assert_eq!(credit_heard(&mut peer), Some(1));
}

#[test]
fn credit_that_a_sender_gives_up_is_offered_again() {
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);

    peer.says(1, credit_flow(0, 10, 0));

    assert_eq!(peer.events(), []);
    assert_eq!(credit_heard(&mut peer), Some(10));
}

#[test]
fn the_credit_that_a_sender_claims_means_nothing() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 1);

    peer.says(1, credit_flow(0, 0, 10_000));
    peer.says(1, transfer(0, 0, b"one"));
    assert_eq!(peer.deliveries().len(), 1);
    peer.says(1, transfer(0, 1, b"two"));

    let error = detached_for(&mut peer, link);
    assert_eq!(error.condition, condition::TRANSFER_LIMIT_EXCEEDED);
}

#[test]
fn the_window_is_renewed_before_it_is_used_up() {
    let mut peer = Peer::begun(Settings {
        incoming_window: 4,
        ..Settings::default()
    });
    peer.sender(0, 100);

    peer.says(1, transfer(0, 0, b"one"));
    assert_eq!(peer.deliveries().len(), 1);
    assert_eq!(peer.hears(), []);
    peer.says(1, transfer(0, 1, b"two"));
    assert_eq!(peer.deliveries().len(), 1);

    let flow = Flow {
        next_incoming_id: Some(2),
        incoming_window: 4,
        outgoing_window: 5000,
        ..Flow::default()
    };
    assert_eq!(peer.hears_on_1(), [flow.into()]);
}

#[test]
fn a_client_that_keeps_to_the_window_is_never_stopped() {
    let mut peer = Peer::begun(Settings {
        incoming_window: 1,
        ..Settings::default()
    });
    peer.sender(0, 1000);

    for id in 0..1000 {
        peer.says(1, transfer(0, id, b"message"));
        assert_eq!(peer.deliveries().len(), 1);
        assert!(matches!(peer.hears_on_1()[..], [Performative::Flow(_)]));
    }
}

#[test]
fn a_transfer_to_a_receiver_ends_the_session() {
    let mut peer = Peer::begun(Settings::default());
    peer.receiver(0, 1);

    peer.says(1, transfer(0, 0, b"wrong way"));

    peer.events();
    let heard = peer.hears_on_1();
    let [Performative::End(end)] = &heard[..] else {
        panic!("not end: {heard:?}");
    };
    let error = end.error.as_ref().unwrap();
    assert_eq!(error.condition, condition::ILLEGAL_STATE);
}
