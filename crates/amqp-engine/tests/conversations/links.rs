//! How links are attached, refused, stolen and detached.

use twinhub_amqp_engine::performatives::{
    AmqpError, Attach, Detach, Flow, Performative, ReceiverSettleMode, Role, SenderSettleMode,
    Source, condition,
};
use twinhub_amqp_engine::value::{Map, Symbol};
use twinhub_amqp_engine::{Event, IncomingTerms, LinkId, OutgoingTerms, Settings};

use crate::peer::{Peer, begin, continuation, credit_flow, receiver, sender, transfer};

fn terms(credit: u32) -> IncomingTerms {
    IncomingTerms {
        credit,
        max_message_size: 1 << 20,
    }
}

fn not_found() -> AmqpError {
    AmqpError::new(condition::NOT_FOUND, "there is no such device")
}

fn detach(handle: u32, closed: bool) -> Detach {
    Detach {
        handle,
        closed,
        error: None,
    }
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
fn a_sender_is_answered_with_its_terminuses_a_limit_and_credit() {
    let mut peer = Peer::begun(Settings::default());
    let asked = Attach {
        rcv_settle_mode: ReceiverSettleMode::Second,
        properties: Map::new().with(Symbol::from_static("com.microsoft:timeout"), 5_u32),
        desired_capabilities: vec![Symbol::from_static("anything")],
        ..sender(3)
    };
    let link = peer.attaches(asked.clone());

    peer.connection.accept_incoming(link, terms(100));

    let answer = Attach {
        role: Role::Receiver,
        initial_delivery_count: None,
        max_message_size: Some(1 << 20),
        properties: Map::new(),
        desired_capabilities: Vec::new(),
        ..asked
    };
    let credit = Flow {
        next_incoming_id: Some(0),
        incoming_window: 5000,
        next_outgoing_id: 0,
        outgoing_window: 5000,
        handle: Some(3),
        delivery_count: Some(0),
        link_credit: Some(100),
        ..Flow::default()
    };
    assert_eq!(peer.hears_on_1(), [answer.into(), credit.into()]);
}

#[test]
fn a_receiver_is_answered_with_its_filters_and_a_count() {
    let mut peer = Peer::begun(Settings::default());
    let filter = Map::new().with(
        Symbol::from_static("apache.org:selector-filter:string"),
        "amqp.annotation.x-opt-offset > '-1'",
    );
    let asked = Attach {
        source: Some(Source {
            filter,
            ..Source::default()
        }),
        snd_settle_mode: SenderSettleMode::Unsettled,
        ..receiver(4)
    };
    let link = peer.attaches(asked.clone());

    let capability = vec![Symbol::from_static(
        "com.microsoft:enable-receiver-runtime-metric",
    )];
    let properties = Map::new().with(Symbol::from_static("key"), "value");
    let terms = OutgoingTerms {
        settle_mode: Some(SenderSettleMode::Settled),
        offered_capabilities: capability.clone(),
        properties: properties.clone(),
    };
    peer.connection.accept_outgoing(link, terms);

    let answer = Attach {
        role: Role::Sender,
        snd_settle_mode: SenderSettleMode::Settled,
        initial_delivery_count: Some(0),
        offered_capabilities: capability,
        properties,
        ..asked
    };
    assert_eq!(peer.hears_on_1(), [answer.into()]);
}

#[test]
fn the_settle_mode_is_the_clients_where_the_host_has_no_wish() {
    let mut peer = Peer::begun(Settings::default());
    let asked = Attach {
        snd_settle_mode: SenderSettleMode::Unsettled,
        ..receiver(4)
    };
    let link = peer.attaches(asked);

    peer.connection
        .accept_outgoing(link, OutgoingTerms::default());

    let heard = peer.hears_on_1();
    let [Performative::Attach(answer)] = &heard[..] else {
        panic!("not an attach: {heard:?}");
    };
    assert_eq!(answer.snd_settle_mode, SenderSettleMode::Unsettled);
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
fn attaching_a_name_again_steals_the_link() {
    let mut peer = Peer::begun(Settings::default());
    let old = peer.sender(0, 10);
    let again = Attach {
        name: sender(0).name,
        ..sender(5)
    };

    peer.says(1, again);

    let events = peer.events();
    let [
        Event::Detached {
            link,
            error: Some(error),
        },
        Event::Attach { link: new, .. },
    ] = &events[..]
    else {
        panic!("not stolen: {events:?}");
    };
    assert_eq!(*link, old);
    assert_eq!(error.condition, condition::STOLEN);
    let stolen = Detach {
        error: Some(error.clone()),
        ..detach(0, true)
    };
    assert_eq!(peer.hears_on_1(), [stolen.into()]);
    peer.connection.accept_incoming(*new, terms(1));
    assert_eq!(peer.hears_on_1().len(), 2);
}

#[test]
fn a_name_belongs_to_its_session_and_direction() {
    let mut peer = Peer::begun(Settings::default());
    peer.begins(2, begin());
    peer.attaches(sender(0));
    let name = sender(0).name;

    let other_direction = Attach {
        name: name.clone(),
        ..receiver(1)
    };
    peer.attaches(other_direction);
    peer.attaches_on(2, sender(0));

    assert_eq!(peer.hears(), []);
}

#[test]
fn a_handle_in_use_ends_the_session() {
    let mut peer = Peer::begun(Settings::default());
    let link = peer.sender(0, 1);

    peer.says(
        1,
        Attach {
            handle: 0,
            ..receiver(7)
        },
    );

    let events = peer.events();
    let [
        Event::Detached {
            link: gone,
            error: Some(error),
        },
    ] = &events[..]
    else {
        panic!("not detached: {events:?}");
    };
    assert_eq!(*gone, link);
    assert_eq!(error.condition, condition::HANDLE_IN_USE);
    let heard = peer.hears_on_1();
    let [Performative::End(end)] = &heard[..] else {
        panic!("not end: {heard:?}");
    };
    assert_eq!(end.error.as_ref(), Some(error));
}

#[test]
fn a_handle_above_the_maximum_closes_the_connection() {
    let mut peer = Peer::begun(Settings::default());
    peer.attaches(sender(255));

    peer.says(1, sender(256));

    assert_eq!(peer.violation().condition, condition::FRAMING_ERROR);
}

#[test]
fn what_has_no_link_ends_the_session() {
    let cases: [Performative; 2] = [
        transfer(9, 0, b"to nobody").into(),
        credit_flow(9, 0, 1).into(),
    ];
    for performative in cases {
        let mut peer = Peer::begun(Settings::default());

        peer.says(1, performative);

        assert_eq!(peer.events(), []);
        let heard = peer.hears_on_1();
        let [Performative::End(end)] = &heard[..] else {
            panic!("not end: {heard:?}");
        };
        let error = end.error.as_ref().unwrap();
        assert_eq!(error.condition, condition::UNATTACHED_HANDLE);
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
    peer.says_header(twinhub_amqp_engine::protocol_header::ProtocolHeader::AMQP);
    peer.says(0, crate::peer::open());
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

#[test]
fn a_link_is_answered_once() {
    let mut peer = Peer::begun(Settings::default());
    let incoming = peer.sender(0, 1);
    let outgoing = peer.receiver(1, 0);

    peer.connection.accept_incoming(incoming, terms(5));
    peer.connection
        .accept_outgoing(outgoing, OutgoingTerms::default());

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
