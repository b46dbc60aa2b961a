//! How links are attached, and stolen.

use twinhub_amqp_engine::performatives::{
    Attach, Detach, Flow, Performative, ReceiverSettleMode, Role, SenderSettleMode, Source,
    condition,
};
use twinhub_amqp_engine::value::{Map, Symbol};
use twinhub_amqp_engine::{Event, IncomingTerms, OutgoingTerms, Settings};

use crate::detaching::detach;
use crate::peer::{Peer, begin, credit_flow, receiver, sender, transfer};

pub fn terms(credit: u32) -> IncomingTerms {
    IncomingTerms {
        credit,
        max_message_size: 1 << 20,
    }
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
