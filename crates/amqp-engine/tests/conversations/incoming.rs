//! Deliveries from the client.

use bytes::Bytes;
use twinhub_amqp_engine::performatives::{
    AmqpError, Attach, DeliveryState, Detach, Disposition, Flow, Open, Performative, Role,
    Transfer, condition,
};
use twinhub_amqp_engine::{DeliveryId, Event, IncomingDelivery, LinkId, Settings};

use crate::peer::{Peer, begin, continuation, credit_flow, open, sender, transfer};

/// A frame of a delivery that another follows.
fn first(handle: u32, id: u32, payload: &'static [u8]) -> Transfer {
    Transfer {
        more: true,
        ..transfer(handle, id, payload)
    }
}

fn delivery(id: u32, payload: &'static [u8]) -> IncomingDelivery {
    IncomingDelivery {
        id: DeliveryId(id),
        tag: Bytes::copy_from_slice(&id.to_be_bytes()),
        message_format: 0,
        settled: false,
        payload: Bytes::from_static(payload),
    }
}

/// What ended a link for breaking a rule, told to both sides.
fn detached_for(peer: &mut Peer, link: LinkId) -> AmqpError {
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
    let terms = twinhub_amqp_engine::IncomingTerms {
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

#[test]
fn a_sender_can_give_up_credit() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 10);

    peer.says(1, credit_flow(0, 10, 0));
    peer.says(1, credit_flow(0, 10, 10_000));
    assert_eq!(peer.events(), []);
    peer.says(1, transfer(0, 0, b"without credit"));

    let error = detached_for(&mut peer, link);
    assert_eq!(error.condition, condition::TRANSFER_LIMIT_EXCEEDED);
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

#[test]
fn a_payload_is_not_shown() {
    let shown = format!("{:?}", delivery(0, b"SharedAccessSignature"));

    assert!(!shown.contains("Shared"), "{shown}");
}
