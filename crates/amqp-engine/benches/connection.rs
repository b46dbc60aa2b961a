//! A connection's hot paths: telemetry in, settled by ranges, and events out.

use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use divan::{Bencher, black_box, counter::ItemsCount};
use twinhub_amqp_engine::frame::Frame;
use twinhub_amqp_engine::message::{Body, Message};
use twinhub_amqp_engine::performatives::{
    Attach, Begin, DeliveryState, Disposition, Flow, Open, Performative, ReceiverSettleMode, Role,
    SenderSettleMode, Source, Target, Transfer,
};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::value::Map;
use twinhub_amqp_engine::{
    Connection, DeliveryId, Event, IncomingTerms, LinkId, NewDelivery, OutgoingTerms, Settings,
};

const MESSAGES: u32 = 10_000;
const READ: usize = 64 * 1024;
const CREDIT: u32 = 1_000;

fn main() {
    divan::main();
}

fn say(performative: impl Into<Performative>, inbox: &mut BytesMut) {
    Frame::new(0, performative)
        .encode(u32::MAX, inbox)
        .expect("the frame is small");
}

/// A connection with a session and a link that was asked for.
fn attached(role: Role, now: Instant) -> (Connection, LinkId) {
    let mut connection = Connection::new(Settings::default(), now);
    let inbox = connection.inbox();
    ProtocolHeader::AMQP.encode(inbox);
    say(open(), inbox);
    say(begin(), inbox);
    say(attach(role), inbox);
    loop {
        match connection.next_event(now) {
            Some(Event::Attach { link, .. }) => return (connection, link),
            Some(_) => {}
            None => unreachable!("the client attaches"),
        }
    }
}

fn open() -> Open {
    Open {
        container_id: "client".into(),
        hostname: None,
        max_frame_size: 65_536,
        channel_max: 255,
        idle_time_out: None,
        outgoing_locales: Vec::new(),
        incoming_locales: Vec::new(),
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

fn begin() -> Begin {
    Begin {
        remote_channel: None,
        next_outgoing_id: 0,
        incoming_window: u32::MAX,
        outgoing_window: u32::MAX,
        handle_max: 255,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

fn attach(role: Role) -> Attach {
    Attach {
        name: "link".into(),
        handle: 0,
        role,
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Source::default()),
        target: Some(Target::default().into()),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: Some(0),
        max_message_size: None,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Map::new(),
    }
}

fn message() -> Bytes {
    let message = Message {
        application_properties: Some(Map::new().with("level", "high")),
        body: Body::Data(vec![Bytes::from(vec![b'x'; 256])]),
        ..Message::default()
    };
    let mut encoded = BytesMut::new();
    message.encode(&mut encoded).expect("the message is small");
    encoded.freeze()
}

fn telemetry() -> BytesMut {
    let payload = message();
    let mut stream = BytesMut::new();
    for number in 0..MESSAGES {
        let transfer = Transfer {
            handle: 0,
            delivery_id: Some(number),
            delivery_tag: Some(Bytes::from_static(b"\0\0\0\0")),
            message_format: Some(0),
            settled: Some(false),
            payload: payload.clone(),
            ..Transfer::default()
        };
        say(transfer, &mut stream);
    }
    stream
}

/// Takes what a read brought, settles it as a range and refreshes the credit.
fn take(connection: &mut Connection, link: LinkId, now: Instant, left: &mut u32) -> u32 {
    let mut range: Option<(DeliveryId, DeliveryId)> = None;
    let mut taken = 0;
    while let Some(event) = connection.next_event(now) {
        if let Event::Delivery { delivery, .. } = event {
            let first = range.map_or(delivery.id, |(first, _)| first);
            range = Some((first, delivery.id));
            taken += 1;
            *left -= 1;
            black_box(delivery);
        }
        if *left < CREDIT / 2 {
            connection.grant(link, CREDIT);
            *left = CREDIT;
        }
    }
    if let Some((first, last)) = range {
        connection.settle_incoming(link, first, last, &DeliveryState::Accepted);
    }
    taken
}

#[divan::bench]
fn deliveries_in(bencher: Bencher) {
    let stream = telemetry();
    let now = Instant::now();
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        let (mut connection, link) = attached(Role::Sender, now);
        let terms = IncomingTerms {
            credit: CREDIT,
            max_message_size: 1 << 20,
        };
        connection.accept_incoming(link, terms);
        let (mut left, mut taken) = (CREDIT, 0);
        for read in stream.chunks(READ) {
            connection.inbox().extend_from_slice(read);
            taken += take(&mut connection, link, now, &mut left);
            black_box(&connection.outbox());
            connection.outbox().clear();
        }
        assert_eq!(taken, MESSAGES);
    });
}

fn deliveries_out(bencher: Bencher, settled: bool) {
    let message = message();
    let now = Instant::now();
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        let (mut connection, link) = attached(Role::Receiver, now);
        connection.accept_outgoing(link, OutgoingTerms::default());
        let credit = Flow {
            next_incoming_id: Some(0),
            incoming_window: u32::MAX,
            next_outgoing_id: 0,
            outgoing_window: u32::MAX,
            handle: Some(0),
            delivery_count: Some(0),
            link_credit: Some(u32::MAX),
            ..Flow::default()
        };
        say(credit, connection.inbox());
        while connection.next_event(now).is_some() {}
        for number in 0..MESSAGES {
            let delivery = NewDelivery {
                tag: &number.to_be_bytes(),
                settled,
                message_format: 0,
            };
            connection
                .send(link, delivery, |out| out.put_slice(&message))
                .expect("there is credit");
            if connection.outbox().len() > READ {
                black_box(&connection.outbox());
                connection.outbox().clear();
            }
            if !settled && number % 100 == 99 {
                let accepted = Disposition {
                    role: Role::Receiver,
                    first: number - 99,
                    last: Some(number),
                    settled: true,
                    state: Some(DeliveryState::Accepted),
                    batchable: false,
                };
                say(accepted, connection.inbox());
                while connection.next_event(now).is_some() {}
            }
        }
    });
}

#[divan::bench]
fn deliveries_out_settled(bencher: Bencher) {
    deliveries_out(bencher, true);
}

#[divan::bench]
fn deliveries_out_unsettled(bencher: Bencher) {
    deliveries_out(bencher, false);
}
