//! Deliveries from the client that are too large, or no deliveries.

use bytes::Bytes;
use twinhub_amqp_engine::performatives::{AmqpError, Detach, Performative, Transfer, condition};
use twinhub_amqp_engine::{Event, LinkId, Settings};

use crate::incoming::{delivery, first};
use crate::peer::{Peer, continuation, transfer};

/// What ended a link for breaking a rule, told to both sides.
pub fn detached_for(peer: &mut Peer, link: LinkId) -> AmqpError {
    let events = peer.events();
    let Some(Event::Detached {
        link: gone,
        error: Some(error),
    }) = events.last()
    else {
        panic!("not detached: {events:?}");
    };
    assert_eq!(*gone, link);
    let heard = peer.hears_on_1();
    let [
        Performative::Detach(Detach {
            closed: true,
            error: Some(told),
            ..
        }),
    ] = &heard[..]
    else {
        panic!("not detached: {heard:?}");
    };
    assert_eq!(told, error);
    error.clone()
}

#[test]
fn a_message_of_just_the_size_is_taken() {
    const WHOLE: &[u8] = &[b'x'; 1000];
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);

    peer.says(1, transfer(0, 0, WHOLE));
    peer.says(1, first(0, 1, &WHOLE[..400]));
    peer.says(1, continuation(0, &WHOLE[400..]));

    assert_eq!(peer.deliveries(), [delivery(0, WHOLE), delivery(1, WHOLE)]);
}

#[test]
fn a_message_that_is_too_large_ends_the_link() {
    const LARGE: &[u8] = &[b'x'; 1001];
    let cases = [
        vec![transfer(0, 0, LARGE)],
        vec![first(0, 0, LARGE)],
        vec![first(0, 0, &LARGE[..1000]), continuation(0, &LARGE[1000..])],
    ];
    for frames in cases {
        let mut peer = Peer::begun(Settings::default());
        let link = peer.sender(0, 10);

        for frame in frames {
            peer.says(1, frame);
        }

        let error = detached_for(&mut peer, link);
        assert_eq!(error.condition, condition::MESSAGE_SIZE_EXCEEDED);
    }
}

#[test]
fn the_rest_of_a_message_that_was_too_large_is_passed_over() {
    const LARGE: &[u8] = &[b'x'; 1001];
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 10);
    peer.says(1, first(0, 0, LARGE));
    detached_for(&mut peer, link);

    peer.says(1, continuation(0, b"the rest"));
    peer.says(1, transfer(0, 1, b"the next"));

    assert_eq!(peer.events(), []);
    assert_eq!(peer.hears(), []);
}

#[test]
fn unfinished_deliveries_are_limited_together() {
    let mut peer = Peer::begun(Settings {
        max_partial_bytes: 10,
        ..Settings::default()
    });
    let link = peer.sender(0, 10);
    let other = peer.sender(1, 10);
    peer.says(1, first(0, 0, b"12345"));
    peer.says(1, first(1, 1, b"12345"));
    assert_eq!(peer.deliveries(), []);

    peer.says(1, continuation(0, b"6"));

    let error = detached_for(&mut peer, link);
    assert_eq!(error.condition, condition::RESOURCE_LIMIT_EXCEEDED);
    peer.says(1, continuation(1, b"67890"));
    assert_eq!(
        peer.deliveries(),
        [delivery(1, b"1234567890")],
        "what the first link held is free"
    );
    peer.connection.detach(other, None);
}

#[test]
fn what_unfinished_deliveries_held_is_given_back() {
    let mut peer = Peer::begun(Settings {
        max_partial_bytes: 10,
        ..Settings::default()
    });
    peer.sender(0, 100);
    for id in 0..10 {
        // Completed, aborted, and gone with its link.
        peer.says(1, first(0, 3 * id, b"123456"));
        peer.says(1, continuation(0, b"7890"));
        peer.says(1, first(0, 3 * id + 1, b"1234567890"));
        let aborted = Transfer {
            aborted: true,
            ..continuation(0, b"")
        };
        peer.says(1, aborted);
        assert_eq!(peer.deliveries().len(), 1);
        let link = peer.sender(1, 1);
        peer.says(1, first(1, 3 * id + 2, b"1234567890"));
        assert_eq!(peer.deliveries(), []);
        peer.connection.detach(link, None);
        let detach = Detach {
            handle: 1,
            closed: true,
            error: None,
        };
        peer.says(1, detach);
        assert_eq!(peer.events(), []);
        peer.hears();
    }
}

#[test]
fn a_first_frame_without_id_ends_the_link() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 10);

    peer.says(1, continuation(0, b"of nothing"));

    let error = detached_for(&mut peer, link);
    assert_eq!(error.condition, condition::INVALID_FIELD);
}

#[test]
fn a_delivery_inside_another_ends_the_link() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 10);
    peer.says(1, first(0, 0, b"one"));

    peer.says(1, transfer(0, 1, b"other"));

    let error = detached_for(&mut peer, link);
    assert_eq!(error.condition, condition::ILLEGAL_STATE);
}

#[test]
fn a_tag_that_is_longer_than_the_standard_allows_ends_the_link() {
    for (length, taken) in [(32, true), (33, false)] {
        let mut peer = Peer::begun(Settings::default());
        let link = peer.sender(0, 10);
        let tagged = Transfer {
            delivery_tag: Some(Bytes::from(vec![1; length])),
            ..transfer(0, 0, b"message")
        };

        peer.says(1, tagged);

        if taken {
            assert_eq!(peer.deliveries().len(), 1);
        } else {
            let error = detached_for(&mut peer, link);
            assert_eq!(error.condition, condition::INVALID_FIELD);
        }
    }
}
