//! How links are refused, by the host and by the limits.

use twinhub_amqp_engine::performatives::{
    AmqpError, Attach, Detach, Performative, Role, condition,
};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::value::Value;
use twinhub_amqp_engine::{LinkId, OutgoingTerms, Settings};

use crate::attaching::terms;
use crate::detaching::detach;
use crate::peer::{Peer, begin, open, receiver, sender};

pub fn not_found() -> AmqpError {
    AmqpError::new(condition::NOT_FOUND, "there is no such device")
}

/// The attach and the detach that refuse a link.
fn refusal(heard: &[Performative]) -> (&Attach, &AmqpError) {
    let [
        Performative::Attach(attach),
        Performative::Detach(Detach {
            handle,
            closed: true,
            error: Some(error),
        }),
    ] = heard
    else {
        panic!("not a refusal: {heard:?}");
    };
    assert_eq!(attach.handle, *handle);
    assert_eq!((&attach.source, &attach.target), (&None, &None));
    (attach, error)
}

#[test]
fn a_refusal_is_an_attach_without_terminuses_and_a_detach() {
    for (asked, role, count) in [
        (sender(0), Role::Receiver, None),
        (receiver(0), Role::Sender, Some(0)),
    ] {
        let mut peer = Peer::begun(Settings::default());
        let name = asked.name.clone();
        let link = peer.attaches(asked);

        peer.connection.refuse(link, not_found());

        let heard = peer.hears_on_1();
        let (attach, error) = refusal(&heard);
        assert_eq!(attach.name, name);
        assert_eq!(attach.role, role);
        assert_eq!(attach.initial_delivery_count, count);
        assert_eq!(*error, not_found());
        assert_eq!(peer.events(), [], "the host knows");
    }
}

fn is_turned_away(peer: &mut Peer, attach: Attach) -> AmqpError {
    peer.says(1, attach);
    assert_eq!(peer.events(), []);
    let heard = peer.hears_on_1();
    refusal(&heard).1.clone()
}

#[test]
fn one_link_too_many_is_refused_until_another_is_gone() {
    let mut peer = Peer::begun(Settings {
        max_links: 2,
        ..Settings::default()
    });
    peer.sender(0, 1);
    peer.receiver(1, 1);

    let error = is_turned_away(&mut peer, sender(2));

    assert_eq!(error.condition, condition::RESOURCE_LIMIT_EXCEEDED);
    peer.says(1, detach(2, true));
    peer.says(1, detach(0, true));
    peer.events();
    peer.attaches(sender(3));
}

#[test]
fn a_stranger_has_few_links_until_it_is_admitted() {
    let settings = Settings {
        stranger_links: 1,
        ..Settings::default()
    };
    let mut peer = Peer::connected(settings);
    peer.says_header(ProtocolHeader::AMQP);
    peer.says(0, open());
    peer.events();
    peer.connection.outbox().clear();
    peer.begins(1, begin());
    peer.sender(0, 1);

    let error = is_turned_away(&mut peer, sender(1));
    assert_eq!(error.condition, condition::RESOURCE_LIMIT_EXCEEDED);
    peer.connection.admitted();

    peer.attaches(sender(2));
}

#[test]
fn a_name_that_is_too_long_to_keep_is_refused() {
    let mut peer = Peer::begun(Settings::default());
    let attach = Attach {
        name: "n".repeat(1025).into(),
        ..sender(0)
    };

    let error = is_turned_away(&mut peer, attach);

    assert_eq!(error.condition, condition::INVALID_FIELD);
}

#[test]
fn accepting_the_wrong_direction_refuses_the_link() {
    type Accept = fn(&mut Peer, LinkId);
    let cases: [(Attach, Accept); 2] = [
        (sender(0), |peer, link| {
            let terms = OutgoingTerms::default();
            peer.connection.accept_outgoing(link, terms);
        }),
        (receiver(0), |peer, link| {
            peer.connection.accept_incoming(link, terms(1));
        }),
    ];
    for (attach, accept) in cases {
        let mut peer = Peer::begun(Settings::default());
        let link = peer.attaches(attach);

        accept(&mut peer, link);

        let heard = peer.hears_on_1();
        assert_eq!(refusal(&heard).1.condition, condition::INTERNAL_ERROR);
    }
}

/// An attach with this many values in its properties.
fn wordy(handle: u32, values: i32) -> Attach {
    let entries = (0..values / 2).map(|key| (Value::Int(key), Value::Null));
    Attach {
        properties: entries.collect(),
        ..sender(handle)
    }
}

#[test]
fn attaches_are_limited_by_the_memory_they_take() {
    let mut peer = Peer::begun(Settings {
        max_attach_bytes: 100_000,
        ..Settings::default()
    });
    peer.attaches(wordy(0, 900));

    let error = is_turned_away(&mut peer, wordy(1, 900));
    assert_eq!(error.condition, condition::RESOURCE_LIMIT_EXCEEDED);
    peer.attaches(wordy(2, 10));
    peer.says(1, detach(0, true));
    peer.events();

    peer.attaches(wordy(3, 900));
}

#[test]
fn a_stranger_may_say_little_to_attach_its_links() {
    let mut peer = Peer::connected(Settings {
        stranger_attach_bytes: 10_000,
        ..Settings::default()
    });
    peer.says_header(ProtocolHeader::AMQP);
    peer.says(0, open());
    peer.events();
    peer.connection.outbox().clear();
    peer.begins(1, begin());

    let error = is_turned_away(&mut peer, wordy(0, 900));
    assert_eq!(error.condition, condition::RESOURCE_LIMIT_EXCEEDED);
    peer.connection.admitted();

    peer.attaches(wordy(1, 900));
}
