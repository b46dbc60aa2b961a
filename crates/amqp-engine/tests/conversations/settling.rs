//! What becomes of deliveries that were sent unsettled.

use twinhub_amqp_engine::performatives::{DeliveryState, Detach, Disposition, Performative, Role};
use twinhub_amqp_engine::{CannotSend, DeliveryId, Event, LinkId, Settings};

use crate::peer::{Peer, accepted, delivery};

fn settled(link: LinkId, first: u32, last: u32, settled: bool) -> Event {
    Event::Settled {
        link,
        first: DeliveryId(first),
        last: DeliveryId(last),
        state: Some(DeliveryState::Accepted),
        settled,
    }
}

fn detach(handle: u32) -> Detach {
    Detach {
        handle,
        closed: true,
        error: None,
    }
}

#[test]
fn the_receivers_disposition_is_told_as_a_range() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    for _ in 0..5 {
        peer.send_as(link, b"message", false);
    }

    peer.says(1, accepted(1, 3, true));

    assert_eq!(peer.events(), [settled(link, 1, 3, true)]);
}

#[test]
fn a_disposition_without_last_means_one() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    peer.send_as(link, b"message", false);
    peer.send_as(link, b"message", false);

    peer.says(
        1,
        Disposition {
            last: None,
            ..accepted(0, 0, true)
        },
    );

    assert_eq!(peer.events(), [settled(link, 0, 0, true)]);
}

#[test]
fn what_is_settled_is_forgotten() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    peer.send_as(link, b"message", false);
    peer.send_as(link, b"message", false);
    peer.says(1, accepted(0, 0, true));
    peer.events();

    peer.says(1, accepted(0, 1, true));
    peer.says(1, accepted(0, 1, true));

    assert_eq!(peer.events(), [settled(link, 1, 1, true)]);
}

#[test]
fn a_range_across_links_is_told_to_each() {
    let mut peer = Peer::begun(Settings::default());
    let one = peer.receiver(0, 10);
    let other = peer.receiver(1, 10);
    for link in [one, one, other, one] {
        peer.send_as(link, b"message", false);
    }

    peer.says(1, accepted(0, 3, true));

    assert_eq!(
        peer.events(),
        [
            settled(one, 0, 1, true),
            settled(other, 2, 2, true),
            settled(one, 3, 3, true),
        ]
    );
}

#[test]
fn a_range_beyond_what_was_sent_means_what_was_sent() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    peer.send_as(link, b"message", false);
    peer.send_as(link, b"message", false);

    peer.says(1, accepted(5, 9, true));
    peer.says(1, accepted(1, 0, true));
    assert_eq!(peer.events(), []);
    peer.says(1, accepted(1, 100, true));

    assert_eq!(peer.events(), [settled(link, 1, 1, true)]);
}

#[test]
fn deliveries_sent_settled_are_not_told() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    peer.send(link, b"message");

    peer.says(1, accepted(0, 0, true));

    assert_eq!(peer.events(), []);
}

#[test]
fn an_outcome_that_is_not_settled_waits_for_the_hosts_answer() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    let id = peer.send_as(link, b"message", false);
    peer.hears();

    peer.says(1, accepted(0, 0, false));
    assert_eq!(peer.events(), [settled(link, 0, 0, false)]);
    let state = DeliveryState::Accepted;
    peer.connection.settle_outgoing(link, id, &state);
    peer.connection.settle_outgoing(link, id, &state);

    let answer = Disposition {
        role: Role::Sender,
        ..accepted(0, 0, true)
    };
    assert_eq!(peer.hears_on_1(), [answer.into()], "and only once");
}

#[test]
fn a_delivery_of_another_link_is_not_settled() {
    let mut peer = Peer::begun(Settings::default());
    let one = peer.receiver(0, 10);
    let other = peer.receiver(1, 10);
    let id = peer.send_as(one, b"message", false);
    peer.hears();

    let state = DeliveryState::Accepted;
    peer.connection.settle_outgoing(other, id, &state);

    assert_eq!(peer.hears(), []);
}

#[test]
fn the_word_of_a_sender_is_passed_over() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.receiver(0, 10);
    peer.send_as(link, b"message", false);

    peer.says(
        1,
        Disposition {
            role: Role::Sender,
            ..accepted(0, 0, true)
        },
    );

    assert_eq!(peer.events(), []);
}

#[test]
fn unsettled_deliveries_are_limited() {
    let mut peer = Peer::begun(Settings {
        max_unsettled: 4,
        ..Settings::default()
    });
    let link = peer.receiver(0, 100);
    for _ in 0..4 {
        peer.send_as(link, b"message", false);
    }

    assert!(!peer.connection.can_send(link));
    let blocked = peer.connection.send(link, delivery(false), |_| {});
    assert_eq!(blocked, Err(CannotSend::Blocked));
    peer.send(link, b"settled ones are not counted");
    peer.hears();
    peer.says(1, accepted(0, 1, true));

    assert_eq!(
        peer.events(),
        [
            Event::Flow { link, drain: false },
            settled(link, 0, 1, true)
        ]
    );
    peer.send_as(link, b"message", false);
}

#[test]
fn what_a_link_left_unsettled_goes_with_it() {
    let mut peer = Peer::begun(Settings {
        max_unsettled: 2,
        ..Settings::default()
    });
    let waiting = peer.receiver(1, 10);
    for _ in 0..5 {
        // Ended by the peer, then by the host.
        for ends in [
            (|peer, _| peer.says(1, detach(0))) as fn(&mut Peer, LinkId),
            |peer, link| {
                peer.connection.detach(link, None);
                peer.says(1, detach(0));
            },
        ] {
            let link = peer.receiver(0, 10);
            peer.send_as(link, b"message", false);
            peer.send_as(link, b"message", false);
            assert!(!peer.connection.can_send(waiting));

            ends(&mut peer, link);
            let events = peer.events();

            assert!(peer.connection.can_send(waiting));
            let resumed = Event::Flow {
                link: waiting,
                drain: false,
            };
            assert!(events.contains(&resumed), "{events:?}");
            peer.hears();
        }
    }
    peer.says(1, accepted(0, 1000, true));
    assert_eq!(peer.events(), []);
}

#[test]
fn a_session_takes_its_unsettled_deliveries_along() {
    let mut peer = Peer::begun(Settings {
        max_unsettled: 1,
        ..Settings::default()
    });
    let link = peer.receiver(0, 10);
    peer.send_as(link, b"message", false);
    peer.says(1, twinhub_amqp_engine::performatives::End::default());
    peer.events();
    peer.connection.outbox().clear();

    peer.begins(1, crate::peer::begin());
    let again = peer.receiver(0, 10);

    assert_eq!(peer.send_as(again, b"message", false), DeliveryId(0));
    assert!(matches!(peer.hears_on_1()[..], [Performative::Transfer(_)]));
}
