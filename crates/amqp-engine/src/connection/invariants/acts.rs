//! What a peer and a host may do to a connection, at random.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;

use super::PEER_FRAME;
use crate::performatives::{
    Attach, Begin, Close, DeliveryState, Detach, Disposition, End, Flow, Open, Performative,
    ReceiverSettleMode, Role, SenderSettleMode, Source, Target, Transfer,
};
use crate::value::Map;

/// Something that the peer or the host does.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// A frame, for a link or session that is there if an index says so.
    Frame(u16, Box<Performative>, Option<Index>),
    Bytes(Vec<u8>),
    Accept(Index, u32),
    Refuse(Index),
    Detach(Index),
    Grant(Index, u32),
    Send(Index, usize, bool),
    SettleIncoming(Index, u32),
    SettleOutgoing(Index, u32),
    Drained(Index),
    EndSession,
    Close,
    Wait(u64),
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0_u32..8, 1 => Just(u32::MAX), 1 => any::<u32>()]
}

fn peer_frame() -> impl Strategy<Value = Performative> {
    let payload = (0_usize..400).prop_map(|length| Bytes::from(vec![b'x'; length]));
    let flags = any::<[bool; 4]>();
    let id = prop::option::weighted(0.7, number());
    prop_oneof![
        1 => Just(Performative::Begin(begin())),
        4 => (0_u32..5, 0_u32..4, any::<bool>()).prop_map(|(name, handle, sends)| {
            attach(name, handle, sends).into()
        }),
        4 => (prop::option::of(0_u32..4), number(), number(), flags)
            .prop_map(|(handle, count, credit, flags)| flow(handle, count, credit, flags).into()),
        8 => (0_u32..4, id, payload, flags).prop_map(|(handle, id, payload, flags)| {
            transfer(handle, id, payload, flags).into()
        }),
        3 => (number(), prop::option::of(number()), any::<[bool; 2]>())
            .prop_map(|(first, last, flags)| disposition(first, last, flags).into()),
        2 => (0_u32..4, any::<bool>()).prop_map(|(handle, closed)| {
            Detach { handle, closed, error: None }.into()
        }),
        1 => prop::bool::weighted(0.2).prop_map(|end| match end {
            true => End::default().into(),
            false => begin().into(),
        }),
    ]
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let link = any::<Index>;
    prop_oneof![
        30 => (0_u16..3, peer_frame(), prop::option::weighted(0.99, link()))
            .prop_map(|(on, frame, aim)| Act::Frame(on, Box::new(frame), aim)),
        8 => (link(), 0_u32..5).prop_map(|(link, credit)| Act::Accept(link, credit)),
        1 => link().prop_map(Act::Refuse),
        1 => link().prop_map(Act::Detach),
        3 => (link(), 0_u32..5).prop_map(|(link, credit)| Act::Grant(link, credit)),
        10 => (link(), 0_usize..2000, prop::bool::ANY)
            .prop_map(|(link, length, settled)| Act::Send(link, length, settled)),
        2 => (link(), number()).prop_map(|(link, id)| Act::SettleIncoming(link, id)),
        3 => (link(), 0_u32..8).prop_map(|(link, id)| Act::SettleOutgoing(link, id)),
        2 => link().prop_map(Act::Drained),
        2 => (0_u64..90).prop_map(Act::Wait),
        1 => prop_oneof![
            Just(Act::EndSession),
            Just(Act::Close),
            Just(Act::Frame(0, Box::new(Close::default().into()), None)),
            prop::collection::vec(any::<u8>(), 1..20).prop_map(Act::Bytes),
        ],
    ]
}

pub(super) fn open() -> Open {
    Open {
        container_id: "client".into(),
        hostname: None,
        max_frame_size: PEER_FRAME,
        channel_max: 2,
        idle_time_out: Some(60_000),
        outgoing_locales: Vec::new(),
        incoming_locales: Vec::new(),
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

pub(super) fn begin() -> Begin {
    Begin {
        remote_channel: None,
        next_outgoing_id: u32::MAX - 2,
        incoming_window: 3,
        outgoing_window: 3,
        handle_max: 3,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

fn attach(name: u32, handle: u32, sends: bool) -> Attach {
    Attach {
        name: format!("link-{name}").into(),
        handle,
        role: if sends { Role::Sender } else { Role::Receiver },
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Source::default()),
        target: Some(Target::default().into()),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: Some(u32::MAX - 1),
        max_message_size: None,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

fn flow(handle: Option<u32>, count: u32, credit: u32, [drain, echo, a, b]: [bool; 4]) -> Flow {
    Flow {
        next_incoming_id: a.then_some(count),
        incoming_window: if b { credit } else { 3 },
        next_outgoing_id: count,
        outgoing_window: 3,
        handle,
        delivery_count: Some(count),
        link_credit: Some(credit),
        available: None,
        drain: drain && b,
        echo,
        properties: Map::new(),
    }
}

fn transfer(
    handle: u32,
    delivery_id: Option<u32>,
    payload: Bytes,
    [more, a, b, c]: [bool; 4],
) -> Transfer {
    Transfer {
        handle,
        delivery_id,
        more,
        aborted: a && b,
        resume: b && c,
        settled: Some(c),
        payload,
        ..Transfer::default()
    }
}

fn disposition(first: u32, last: Option<u32>, [settled, sender]: [bool; 2]) -> Disposition {
    Disposition {
        role: if settled && sender {
            Role::Sender
        } else {
            Role::Receiver
        },
        first,
        last,
        settled,
        state: Some(DeliveryState::Accepted),
        batchable: false,
    }
}
