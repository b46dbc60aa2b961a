//! Frames of a connection.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::descriptor::Descriptor;
use twinhub_amqp_engine::frame::Frame;
use twinhub_amqp_engine::performatives::{
    AmqpError, Attach, Begin, Close, DeliveryState, Detach, Disposition, End, Flow, Open,
    ReceiverSettleMode, Role, SenderSettleMode, Source, Target, Transfer, condition,
};
use twinhub_amqp_engine::value::{Described, Map, Symbol};

use crate::{assert_bytes, golden, only_frame};

#[test]
fn frames_are_written_as_the_golden_bytes_say() {
    for (name, frame) in frames() {
        let mut written = BytesMut::new();
        frame.encode(65_536, &mut written).unwrap();

        assert_bytes(&written, &golden(name), name);
    }
}

#[test]
fn golden_bytes_are_read_as_their_frames() {
    for (name, frame) in frames() {
        let read = Frame::decode(only_frame(&golden(name)), Limits::default());

        assert_eq!(read, Ok(frame), "{name}");
    }
}

fn frames() -> Vec<(&'static str, Frame)> {
    let mut frames = links();
    frames.extend(transfers());
    frames.extend([
        ("heartbeat", Frame::HEARTBEAT),
        ("open", Frame::new(0, open())),
        ("begin", Frame::new(0, begin())),
        ("end", Frame::new(2, End::default())),
        ("close", Frame::new(0, Close::default())),
        (
            "close_error",
            Frame::new(
                0,
                Close {
                    error: Some(AmqpError::new(condition::CONNECTION_FORCED, "bye")),
                },
            ),
        ),
    ]);
    frames
}

fn open() -> Open {
    Open {
        container_id: "probe".into(),
        hostname: None,
        max_frame_size: 65_536,
        channel_max: 255,
        idle_time_out: Some(240_000),
        outgoing_locales: Vec::new(),
        incoming_locales: Vec::new(),
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

fn begin() -> Begin {
    Begin {
        remote_channel: Some(1),
        next_outgoing_id: 0,
        incoming_window: 5000,
        outgoing_window: 5000,
        handle_max: 255,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

fn links() -> Vec<(&'static str, Frame)> {
    let filter = Described {
        descriptor: Descriptor::Name(Symbol::from_static("f")),
        value: "x".into(),
    };
    let answer = Attach {
        name: "r".into(),
        handle: 3,
        role: Role::Sender,
        snd_settle_mode: SenderSettleMode::Settled,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Source {
            address: Some("p/0".into()),
            filter: Map::new().with(Symbol::from_static("f"), filter),
            ..Source::default()
        }),
        target: Some(
            Target {
                address: Some("t".into()),
                ..Target::default()
            }
            .into(),
        ),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: Some(0),
        max_message_size: None,
        offered_capabilities: vec![Symbol::from_static("m")],
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    };
    let refusal = Attach {
        name: "n".repeat(240).into(),
        handle: 0,
        role: Role::Receiver,
        snd_settle_mode: SenderSettleMode::Mixed,
        source: None,
        target: None,
        initial_delivery_count: None,
        max_message_size: Some(1 << 20),
        offered_capabilities: Vec::new(),
        ..answer.clone()
    };
    let flow = Flow {
        next_incoming_id: Some(0),
        incoming_window: 5000,
        next_outgoing_id: 7,
        outgoing_window: 5000,
        handle: Some(3),
        delivery_count: Some(7),
        link_credit: Some(1000),
        available: None,
        drain: false,
        echo: true,
        properties: Map::new(),
    };
    let session = Flow {
        incoming_window: 1,
        outgoing_window: 1,
        ..Flow::default()
    };
    let detach = Detach {
        handle: 3,
        closed: true,
        error: Some(AmqpError {
            condition: condition::STOLEN,
            description: None,
            info: Map::new(),
        }),
    };
    vec![
        ("attach", Frame::new(0, answer)),
        ("attach_refusal", Frame::new(0, refusal)),
        ("flow", Frame::new(1, flow)),
        ("flow_session", Frame::new(0, session)),
        ("detach", Frame::new(0, detach)),
    ]
}

fn transfers() -> Vec<(&'static str, Frame)> {
    let whole = Transfer {
        handle: 3,
        delivery_id: Some(7),
        delivery_tag: Some(Bytes::from_static(&[0, 7])),
        message_format: Some(0),
        settled: Some(true),
        payload: Bytes::from_static(b"\x00\x53\x75\xa0\x02hi"),
        ..Transfer::default()
    };
    let batch = Transfer {
        handle: 3,
        message_format: Some(0x8001_3700),
        more: true,
        rcv_settle_mode: Some(ReceiverSettleMode::Second),
        batchable: true,
        payload: Bytes::from_static(&[0, 0xff]),
        ..Transfer::default()
    };
    let accepted = Disposition {
        role: Role::Receiver,
        first: 7,
        last: Some(9),
        settled: true,
        state: Some(DeliveryState::Accepted),
        batchable: false,
    };
    let rejected = Disposition {
        first: 0,
        last: None,
        state: Some(DeliveryState::rejected(AmqpError::new(
            condition::NOT_FOUND,
            "gone",
        ))),
        ..accepted.clone()
    };
    vec![
        ("transfer", Frame::new(0, whole)),
        ("transfer_batch", Frame::new(0, batch)),
        ("disposition", Frame::new(0, accepted)),
        ("disposition_rejected", Frame::new(0, rejected)),
    ]
}
