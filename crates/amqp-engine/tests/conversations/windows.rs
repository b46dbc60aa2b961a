//! The window of the client, which what is sent must fit.

use twinhub_amqp_engine::performatives::{Begin, Detach, Flow, Open};
use twinhub_amqp_engine::{CannotSend, DeliveryId, Event, Settings};

use crate::outgoing::{cannot_send, joined, transfers};
use crate::peer::{Peer, begin, credit_flow, open, session_flow};

/// A peer whose session takes this many transfers.
fn with_window(incoming_window: u32) -> Peer {
    let small = Open {
        max_frame_size: 512,
        ..open()
    };
    let begin = Begin {
        incoming_window,
        ..begin()
    };
    Peer::begun_with(Settings::default(), small, begin)
}

fn window_flow(next_incoming_id: u32, incoming_window: u32) -> Flow {
    Flow {
        next_incoming_id: Some(next_incoming_id),
        incoming_window,
        ..session_flow()
    }
}

#[test]
fn no_transfer_goes_beyond_the_sessions_window() {
    let mut peer = with_window(2);
    let link = peer.receiver(0, 10);
    // The flow that gave the credit said 1000.
    peer.says(1, window_flow(0, 2));
    peer.events();

    peer.send(link, b"one");
    peer.send(link, b"two");

    assert_eq!(cannot_send(&mut peer, link), CannotSend::Blocked);
    peer.says(1, window_flow(1, 2));
    assert_eq!(peer.events(), [Event::Flow { link, drain: false }]);
    peer.send(link, b"three");
    assert_eq!(cannot_send(&mut peer, link), CannotSend::Blocked);
}

#[test]
fn the_window_of_begin_holds_until_the_first_flow() {
    let mut peer = with_window(1);
    let link = peer.receiver(0, 0);
    let unaware = Flow {
        next_incoming_id: None,
        incoming_window: 1,
        ..credit_flow(0, 0, 5)
    };
    peer.says(1, unaware);
    peer.events();

    peer.send(link, b"one");

    assert_eq!(cannot_send(&mut peer, link), CannotSend::Blocked);
}

#[test]
fn what_the_window_has_no_room_for_follows_when_it_has() {
    let mut peer = with_window(3);
    let link = peer.receiver(0, 10);
    peer.says(1, window_flow(0, 3));
    peer.events();
    let message: Vec<u8> = (0..3000_u32).map(|number| number as u8).collect();

    peer.send(link, &message);
    let mut heard = transfers(&mut peer);
    assert_eq!(heard.len(), 3);
    assert_eq!(cannot_send(&mut peer, link), CannotSend::Blocked);
    peer.says(1, window_flow(3, 1));
    assert_eq!(peer.events(), [], "the delivery is still not whole");
    heard.extend(transfers(&mut peer));
    assert_eq!(heard.len(), 4);
    peer.says(1, window_flow(4, 100));

    assert_eq!(peer.events(), [Event::Flow { link, drain: false }]);
    heard.extend(transfers(&mut peer));
    assert_eq!(joined(&heard), message);
    assert!(!heard.last().unwrap().more);
    assert_eq!(peer.send(link, b"next"), DeliveryId(1));
}

#[test]
fn a_window_that_opens_is_told_to_every_link_that_waits() {
    let mut peer = with_window(1);
    let first = peer.receiver(0, 10);
    let second = peer.receiver(1, 10);
    let without_credit = peer.receiver(2, 0);
    peer.says(1, window_flow(0, 1));
    peer.events();
    peer.send(first, b"one");

    peer.says(1, window_flow(1, 1));

    let may_go_on = |link| Event::Flow { link, drain: false };
    assert_eq!(peer.events(), [may_go_on(first), may_go_on(second)]);
    assert!(!peer.connection.can_send(without_credit));
}

#[test]
fn a_window_that_the_peer_overstates_does_not_overflow() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    peer.send(link, b"one");

    peer.says(1, window_flow(u32::MAX, u32::MAX));
    peer.says(1, window_flow(1000, u32::MAX));
    peer.events();

    peer.send(link, b"two");
}

#[test]
fn a_flow_of_ours_counts_the_frames_sent() {
    let mut peer = with_window(1000);
    let link = peer.receiver(0, 10);
    peer.send(link, &[0; 1000]);
    let frames = transfers(&mut peer).len() as u32;

    peer.says(
        1,
        Flow {
            echo: true,
            ..window_flow(frames, 1000)
        },
    );
    peer.events();

    let flow = Flow {
        next_incoming_id: Some(0),
        incoming_window: 5000,
        next_outgoing_id: frames,
        outgoing_window: 5000,
        ..Flow::default()
    };
    assert_eq!(frames, 3);
    assert_eq!(peer.hears_on_1(), [flow.into()]);
}

#[test]
fn a_link_gone_in_the_middle_of_a_delivery_takes_the_rest_along() {
    let mut peer = with_window(1);
    let link = peer.receiver(0, 10);
    peer.says(1, window_flow(0, 1));
    peer.events();
    peer.send(link, &[0; 3000]);
    peer.hears();
    peer.says(
        1,
        Detach {
            handle: 0,
            closed: true,
            error: None,
        },
    );
    peer.events();
    peer.hears();

    peer.says(1, window_flow(1, 100));

    assert_eq!(peer.events(), []);
    assert_eq!(peer.hears(), []);
}
