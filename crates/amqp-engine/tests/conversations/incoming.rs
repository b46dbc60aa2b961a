//! Deliveries from the client.

use bytes::Bytes;
use twinhub_amqp_engine::performatives::{
    AmqpError, DeliveryState, Disposition, Open, Performative, Role, Transfer, condition,
};
use twinhub_amqp_engine::{DeliveryId, Event, IncomingDelivery, Settings};

use crate::peer::{Peer, begin, continuation, open, transfer};

/// A frame of a delivery that another follows.
pub fn first(handle: u32, id: u32, payload: &'static [u8]) -> Transfer {
    Transfer {
        more: true,
        ..transfer(handle, id, payload)
    }
}

pub fn delivery(id: u32, payload: &'static [u8]) -> IncomingDelivery {
    IncomingDelivery {
        id: DeliveryId(id),
        tag: Bytes::copy_from_slice(&id.to_be_bytes()),
        message_format: 0,
        settled: false,
        payload: Bytes::from_static(payload),
    }
}

#[test]
fn a_delivery_in_one_frame_is_told_as_it_came() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 10);

    peer.says(
        1,
        Transfer {
            message_format: Some(0x8001_3700),
            settled: Some(true),
            ..transfer(0, 7, b"message")
        },
    );

    let delivery = IncomingDelivery {
        message_format: 0x8001_3700,
        settled: true,
        ..delivery(7, b"message")
    };
    assert_eq!(peer.events(), [Event::Delivery { link, delivery }]);
    assert_eq!(peer.hears(), []);
}

#[test]
fn events_are_made_when_asked_for() {
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);
    peer.says(1, transfer(0, 0, b"one"));
    peer.says(1, transfer(0, 1, b"two"));

    peer.event();

    assert!(!peer.connection.inbox().is_empty());
    assert_eq!(peer.deliveries(), [delivery(1, b"two")]);
}

#[test]
fn several_frames_are_joined_the_later_without_id_and_tag() {
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);

    peer.says(1, first(0, 0, b"mes"));
    let middle = Transfer {
        more: true,
        ..continuation(0, b"sa")
    };
    peer.says(1, middle);
    assert_eq!(peer.deliveries(), []);
    peer.says(1, continuation(0, b"ge"));

    assert_eq!(peer.deliveries(), [delivery(0, b"message")]);
}

#[test]
fn later_frames_may_repeat_the_id() {
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);

    peer.says(1, first(0, 5, b"mes"));
    peer.says(1, transfer(0, 5, b"sage"));

    assert_eq!(peer.deliveries(), [delivery(5, b"message")]);
}

#[test]
fn any_frame_can_say_that_the_delivery_is_settled() {
    let settled = |transfer| Transfer {
        settled: Some(true),
        ..transfer
    };
    let cases = [
        (settled(first(0, 0, b"a")), continuation(0, b"b")),
        (first(0, 0, b"a"), settled(continuation(0, b"b"))),
    ];
    for (one, other) in cases {
        let mut peer = Peer::begun(Settings::default());
        peer.sender(0, 10);

        peer.says(1, one);
        peer.says(1, other);

        assert!(matches!(
            peer.deliveries()[..],
            [IncomingDelivery { settled: true, .. }]
        ));
    }
}

#[test]
fn deliveries_of_two_links_may_alternate_frame_by_frame() {
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);
    peer.sender(1, 10);

    peer.says(1, first(0, 0, b"on"));
    peer.says(1, first(1, 1, b"oth"));
    peer.says(1, continuation(0, b"e"));
    peer.says(1, continuation(1, b"er"));

    assert_eq!(
        peer.deliveries(),
        [delivery(0, b"one"), delivery(1, b"other")]
    );
}

#[test]
fn an_aborted_delivery_is_forgotten() {
    let aborted = |transfer| Transfer {
        aborted: true,
        ..transfer
    };
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);

    peer.says(1, first(0, 0, b"on second"));
    peer.says(1, aborted(continuation(0, b"thought")));
    peer.says(1, aborted(transfer(0, 1, b"no")));
    peer.says(1, transfer(0, 2, b"yes"));

    assert_eq!(peer.deliveries(), [delivery(2, b"yes")]);
}

#[test]
fn a_resumed_delivery_is_passed_over_because_none_is_remembered() {
    let resumed = |transfer| Transfer {
        resume: true,
        ..transfer
    };
    let mut peer = Peer::begun(Settings::default());
    peer.sender(0, 10);

    peer.says(1, resumed(transfer(0, 0, b"again")));
    peer.says(1, resumed(first(0, 1, b"and")));
    peer.says(1, continuation(0, b"again"));
    peer.says(1, transfer(0, 2, b"new"));

    assert_eq!(peer.deliveries(), [delivery(2, b"new")]);
}

#[test]
fn a_range_is_settled_by_one_disposition() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 10);

    let (first, last) = (DeliveryId(3), DeliveryId(9));
    let state = DeliveryState::Accepted;
    peer.connection.settle_incoming(link, first, last, &state);

    let disposition = Disposition {
        role: Role::Receiver,
        first: 3,
        last: Some(9),
        settled: true,
        state: Some(state),
        batchable: false,
    };
    assert_eq!(peer.hears_on_1(), [disposition.into()]);
}

#[test]
fn a_rejection_is_shortened_for_a_peer_with_small_frames() {
    let small = Open {
        max_frame_size: 512,
        ..open()
    };
    let mut peer = Peer::begun_with(Settings::default(), small, begin());
    let link = peer.sender(0, 10);

    let id = DeliveryId(0);
    let long = AmqpError::new(condition::NOT_FOUND, "x".repeat(600));
    let state = DeliveryState::rejected(long);
    peer.connection.settle_incoming(link, id, id, &state);

    let short = AmqpError {
        description: None,
        ..AmqpError::new(condition::NOT_FOUND, "")
    };
    let heard = peer.hears_on_1();
    let [Performative::Disposition(disposition)] = &heard[..] else {
        panic!("not a disposition: {heard:?}");
    };
    assert_eq!(disposition.state, Some(DeliveryState::rejected(short)));
}

#[test]
fn a_payload_is_not_shown() {
    let shown = format!("{:?}", delivery(0, b"SharedAccessSignature"));

    assert!(!shown.contains("Shared"), "{shown}");
}
