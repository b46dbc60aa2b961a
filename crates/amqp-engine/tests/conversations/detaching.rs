//! How links end, and what comes too late for them.

use twinhub_amqp_engine::performatives::{Detach, Performative};
use twinhub_amqp_engine::{Event, Settings};

use crate::attaching::terms;
use crate::peer::{Peer, continuation, credit_flow, sender, transfer};
use crate::refusing::not_found;

pub fn detach(handle: u32, closed: bool) -> Detach {
    Detach {
        handle,
        closed,
        error: None,
    }
}

#[test]
fn what_the_peer_sends_to_a_link_that_is_gone_is_passed_over() {
    let mut peer = Peer::begun(Settings::default());
    let refused = peer.attaches(sender(0));
    peer.connection.refuse(refused, not_found());
    let detached = peer.receiver(1, 0);
    peer.connection.detach(detached, None);
    peer.connection.outbox().clear();

    peer.says(1, transfer(0, 0, b"before it saw the refusal"));
    peer.says(1, continuation(0, b"and more"));
    peer.says(1, credit_flow(1, 0, 10));
    peer.says(1, detach(0, true));
    peer.says(1, detach(1, true));

    assert_eq!(peer.events(), []);
    assert_eq!(peer.hears(), [], "its detach is the answer to ours");
}

#[test]
fn a_handle_is_free_again_once_both_sides_have_detached() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.attaches(sender(0));
    peer.connection.refuse(link, not_found());
    peer.says(1, detach(0, true));

    let again = peer.attaches(sender(0));

    assert_ne!(again, link);
}

#[test]
fn a_client_may_take_a_handle_again_without_answering_a_refusal() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.attaches(sender(0));
    peer.connection.refuse(link, not_found());
    peer.hears();

    let again = peer.attaches(sender(0));
    peer.connection.accept_incoming(again, terms(1));

    assert_eq!(peer.hears().len(), 2);
}

#[test]
fn detach_is_answered_in_kind() {
    for closed in [true, false] {
        let mut peer = Peer::begun(Settings::default());
        let link = peer.sender(0, 1);
        let error = Some(not_found());

        peer.says(
            1,
            Detach {
                error: error.clone(),
                ..detach(0, closed)
            },
        );

        assert_eq!(peer.events(), [Event::Detached { link, error }]);
        assert_eq!(peer.hears_on_1(), [detach(0, closed).into()]);
    }
}

#[test]
fn a_link_that_is_given_up_before_its_answer_gets_both() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.attaches(sender(0));

    peer.says(1, detach(0, true));

    assert_eq!(peer.events(), [Event::Detached { link, error: None }]);
    let heard = peer.hears_on_1();
    assert!(
        matches!(
            &heard[..],
            [Performative::Attach(attach), Performative::Detach(_)] if attach.target.is_none()
        ),
        "{heard:?}"
    );
    peer.connection.accept_incoming(link, terms(1));
    assert_eq!(peer.hears(), [], "the answer comes too late");
}

#[test]
fn a_second_detach_is_passed_over() {
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 1);
    peer.says(1, detach(0, true));
    peer.events();
    peer.hears();

    peer.says(1, detach(0, true));

    assert_eq!(peer.events(), []);
    assert_eq!(peer.hears(), []);
}

#[test]
fn the_host_ends_a_link_with_a_reason() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 1);

    peer.connection.detach(link, Some(not_found()));

    let told = Detach {
        error: Some(not_found()),
        ..detach(0, true)
    };
    assert_eq!(peer.hears_on_1(), [told.into()]);
    assert_eq!(peer.events(), [], "the host knows");
}
