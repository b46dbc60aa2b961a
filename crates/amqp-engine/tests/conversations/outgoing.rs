//! Deliveries to the client.

use bytes::Bytes;
use twinhub_amqp_engine::performatives::{
    AmqpError, Flow, Open, Performative, SenderSettleMode, Transfer, condition,
};
use twinhub_amqp_engine::{
    CannotSend, DeliveryId, Event, LinkId, NewDelivery, OutgoingTerms, Settings,
};

use crate::peer::{Peer, begin, credit_flow, delivery, open, receiver, session_flow};

/// The transfers heard, and nothing else.
pub fn transfers(peer: &mut Peer) -> Vec<Transfer> {
    let heard = peer.hears_on_1().into_iter();
    heard
        .map(|performative| match performative {
            Performative::Transfer(transfer) => transfer,
            other => panic!("not a transfer: {other:?}"),
        })
        .collect()
}

pub fn joined(transfers: &[Transfer]) -> Vec<u8> {
    let payloads = transfers.iter().map(|transfer| &transfer.payload[..]);
    payloads.collect::<Vec<_>>().concat()
}

pub fn cannot_send(peer: &mut Peer, link: LinkId) -> CannotSend {
    assert!(!peer.connection.can_send(link));
    peer.connection
        .send(link, delivery(true), |_| panic!("written nevertheless"))
        .unwrap_err()
}

#[test]
fn a_message_goes_out_in_one_transfer_with_all_it_needs() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(3, 10);

    let tag = [7; 16];
    let delivery = NewDelivery {
        tag: &tag,
        settled: true,
        message_format: 0,
    };
    let id = peer
        .connection
        .send(link, delivery, |out| out.extend_from_slice(b"message"));

    assert_eq!(id, Ok(DeliveryId(0)));
    let transfer = Transfer {
        handle: 3,
        delivery_id: Some(0),
        delivery_tag: Some(Bytes::copy_from_slice(&tag)),
        message_format: Some(0),
        settled: Some(true),
        payload: Bytes::from_static(b"message"),
        ..Transfer::default()
    };
    assert_eq!(transfers(&mut peer), [transfer]);
}

#[test]
fn without_credit_nothing_is_sent() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 2);

    peer.send(link, b"one");
    assert!(peer.connection.can_send(link));
    peer.send(link, b"two");

    assert_eq!(cannot_send(&mut peer, link), CannotSend::Blocked);
    assert_eq!(transfers(&mut peer).len(), 2);
}

#[test]
fn credit_granted_is_told_and_can_be_used() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 1);
    peer.send(link, b"one");

    peer.grants(0, 1, 1);

    assert_eq!(peer.events(), [Event::Flow { link, drain: false }]);
    assert_eq!(peer.send(link, b"two"), DeliveryId(1));
    assert_eq!(cannot_send(&mut peer, link), CannotSend::Blocked);
}

#[test]
fn credit_granted_before_the_last_delivery_was_seen_is_less() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 2);
    peer.send(link, b"one");
    peer.send(link, b"two");

    // It has seen the first only.
    peer.grants(0, 1, 2);

    assert_eq!(peer.events(), [Event::Flow { link, drain: false }]);
    peer.send(link, b"three");
    assert_eq!(cannot_send(&mut peer, link), CannotSend::Blocked);
}

#[test]
fn a_flow_that_grants_nothing_is_no_event() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 0);

    peer.grants(0, 0, 0);
    peer.says(1, session_flow());

    assert_eq!(peer.events(), []);
    assert_eq!(cannot_send(&mut peer, link), CannotSend::Blocked);
}

#[test]
fn credit_given_before_the_answer_counts_behind_it() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.attaches(receiver(0));
    let early = Flow {
        delivery_count: None,
        ..credit_flow(0, 0, 5)
    };
    peer.says(1, early);
    assert_eq!(peer.events(), []);
    assert_eq!(cannot_send(&mut peer, link), CannotSend::NotOpen);

    peer.connection
        .accept_outgoing(link, OutgoingTerms::default());

    assert_eq!(peer.events(), [Event::Flow { link, drain: false }]);
    peer.send(link, b"message");
}

#[test]
fn a_large_message_is_cut_to_the_peers_frames() {
    for (size, limit) in [(512, 512), (4096, 4096)] {
        let small = Open {
            max_frame_size: size,
            ..open()
        };
        let mut peer = Peer::begun_with(Settings::default(), small, begin());
        let link = peer.receiver(0, 10);
        let message: Vec<u8> = (0..20_000_u32).map(|number| number as u8).collect();

        peer.send(link, &message);

        let outbox = peer.connection.outbox().clone();
        let transfers = transfers(&mut peer);
        assert_eq!(joined(&transfers), message);
        assert_eq!(outbox.len().div_ceil(limit), transfers.len());
        let (last, others) = transfers.split_last().unwrap();
        assert!(!last.more && others.iter().all(|transfer| transfer.more));
        assert_eq!(transfers[0].delivery_id, Some(0));
        assert!(
            transfers[1..].iter().all(|transfer| {
                transfer.delivery_id.is_none() && transfer.delivery_tag.is_none()
            })
        );
    }
}

#[test]
fn our_own_limit_holds_for_a_peer_without_one() {
    let unlimited = Open {
        max_frame_size: u32::MAX,
        ..open()
    };
    let mut peer = Peer::begun_with(Settings::default(), unlimited, begin());
    let link = peer.receiver(0, 10);

    peer.send(link, &[0; 100_000]);

    assert_eq!(transfers(&mut peer).len(), 2);
}

#[test]
fn a_tag_has_at_most_32_bytes() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);

    for (length, sent) in [(32, true), (33, false)] {
        let tag = vec![1; length];
        let delivery = NewDelivery {
            tag: &tag,
            settled: true,
            message_format: 0,
        };
        let result = peer.connection.send(link, delivery, |_| {});
        assert_eq!(result.is_ok(), sent, "{length} bytes: {result:?}");
    }
}

#[test]
fn a_link_that_was_agreed_to_be_settled_sends_nothing_unsettled() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.attaches(receiver(0));
    let terms = OutgoingTerms {
        settle_mode: Some(SenderSettleMode::Settled),
        ..OutgoingTerms::default()
    };
    peer.connection.accept_outgoing(link, terms);
    peer.grants(0, 0, 10);
    peer.events();
    peer.connection.outbox().clear();

    peer.send_as(link, b"message", false);

    assert_eq!(transfers(&mut peer)[0].settled, Some(true));
}

#[test]
fn deliveries_are_counted_across_the_links_of_a_session() {
    let mut peer = Peer::begun(Settings::default());
    let one = peer.receiver(0, 10);
    let other = peer.receiver(1, 10);

    let ids = [one, other, one].map(|link| peer.send(link, b"message"));

    assert_eq!(ids, [DeliveryId(0), DeliveryId(1), DeliveryId(2)]);
}

#[test]
fn a_link_that_is_gone_cannot_send() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    let incoming = peer.sender(1, 10);
    let error = AmqpError::new(condition::DETACH_FORCED, "over");
    peer.connection.detach(link, Some(error));

    assert_eq!(cannot_send(&mut peer, link), CannotSend::NotOpen);
    assert_eq!(cannot_send(&mut peer, incoming), CannotSend::NotOpen);
}
