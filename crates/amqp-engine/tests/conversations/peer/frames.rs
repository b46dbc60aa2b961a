//! What the peer says, as a test needs it.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::NewDelivery;
use twinhub_amqp_engine::frame::Frame;
use twinhub_amqp_engine::performatives::{
    Attach, Begin, DeliveryState, Disposition, Flow, Open, Performative, ReceiverSettleMode, Role,
    SenderSettleMode, Source, Target, Transfer,
};
use twinhub_amqp_engine::value::Map;

pub fn delivery(settled: bool) -> NewDelivery<'static> {
    NewDelivery {
        tag: b"tag",
        settled,
        message_format: 0,
    }
}

pub fn open() -> Open {
    Open {
        container_id: "client".into(),
        hostname: Some("hub.example".into()),
        max_frame_size: 65_536,
        channel_max: 65_535,
        idle_time_out: None,
        outgoing_locales: Vec::new(),
        incoming_locales: Vec::new(),
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

pub fn begin() -> Begin {
    Begin {
        remote_channel: None,
        next_outgoing_id: 0,
        incoming_window: 1000,
        outgoing_window: 1000,
        handle_max: 255,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

/// The attach of a client that sends, named by its handle.
pub fn sender(handle: u32) -> Attach {
    Attach {
        name: format!("sender-{handle}").into(),
        handle,
        role: Role::Sender,
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Source::default()),
        target: Some(
            Target {
                address: Some("/devices/pump-7/messages/events".into()),
                ..Target::default()
            }
            .into(),
        ),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: Some(0),
        max_message_size: None,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

/// The attach of a client that receives, named by its handle.
pub fn receiver(handle: u32) -> Attach {
    Attach {
        name: format!("receiver-{handle}").into(),
        role: Role::Receiver,
        source: Some(Source {
            address: Some("/devices/pump-7/messages/deviceBound".into()),
            ..Source::default()
        }),
        target: Some(Target::default().into()),
        initial_delivery_count: None,
        ..sender(handle)
    }
}

pub fn session_flow() -> Flow {
    Flow {
        next_incoming_id: Some(0),
        incoming_window: 1000,
        next_outgoing_id: 0,
        outgoing_window: 1000,
        ..Flow::default()
    }
}

pub fn credit_flow(handle: u32, delivery_count: u32, credit: u32) -> Flow {
    Flow {
        handle: Some(handle),
        delivery_count: Some(delivery_count),
        link_credit: Some(credit),
        ..session_flow()
    }
}

/// A delivery in one frame, unsettled.
pub fn transfer(handle: u32, id: u32, payload: &'static [u8]) -> Transfer {
    Transfer {
        handle,
        delivery_id: Some(id),
        delivery_tag: Some(Bytes::copy_from_slice(&id.to_be_bytes())),
        message_format: Some(0),
        payload: Bytes::from_static(payload),
        ..Transfer::default()
    }
}

/// A frame of a delivery after its first, the last one.
pub fn continuation(handle: u32, payload: &'static [u8]) -> Transfer {
    Transfer {
        handle,
        payload: Bytes::from_static(payload),
        ..Transfer::default()
    }
}

pub fn accepted(first: u32, last: u32, settled: bool) -> Disposition {
    Disposition {
        role: Role::Receiver,
        first,
        last: Some(last),
        settled,
        state: Some(DeliveryState::Accepted),
        batchable: false,
    }
}

pub fn encoded(channel: u16, performative: impl Into<Performative>) -> BytesMut {
    let mut bytes = BytesMut::new();
    Frame::new(channel, performative)
        .encode(u32::MAX, &mut bytes)
        .unwrap();
    bytes
}
