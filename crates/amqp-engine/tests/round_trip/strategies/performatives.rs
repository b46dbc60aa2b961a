//! Arbitrary frames of a connection.

use proptest::option;
use proptest::prelude::*;
use twinhub_amqp_engine::frame::Frame;
use twinhub_amqp_engine::performatives::{
    AmqpError, Attach, AttachTarget, Begin, Close, DeliveryState, Detach, Disposition, End, Flow,
    Modified, Open, Performative, Received, ReceiverSettleMode, Rejected, Role, SenderSettleMode,
    Source, Target, Transfer,
};
use twinhub_amqp_engine::value::Described;

use super::values::{binary, map, scalar, symbol, symbols, text};

pub fn frame() -> impl Strategy<Value = Frame> {
    (any::<u16>(), option::of(performative())).prop_map(|(channel, performative)| Frame {
        channel,
        performative,
    })
}

fn performative() -> BoxedStrategy<Performative> {
    prop_oneof![
        open().prop_map(Performative::from),
        begin().prop_map(Performative::from),
        attach().prop_map(Performative::from),
        flow().prop_map(Performative::from),
        transfer().prop_map(Performative::from),
        disposition().prop_map(Performative::from),
        (any::<u32>(), any::<bool>(), option::of(error())).prop_map(|(handle, closed, error)| {
            Detach {
                handle,
                closed,
                error,
            }
            .into()
        }),
        option::of(error()).prop_map(|error| End { error }.into()),
        option::of(error()).prop_map(|error| Close { error }.into()),
    ]
    .boxed()
}

fn open() -> BoxedStrategy<Open> {
    let sizes = (any::<u32>(), any::<u16>(), option::of(any::<u32>()));
    let lists = (symbols(), symbols(), symbols(), symbols());
    (text(), option::of(text()), sizes, lists, map())
        .prop_map(|(container_id, hostname, sizes, lists, properties)| Open {
            container_id,
            hostname,
            max_frame_size: sizes.0,
            channel_max: sizes.1,
            idle_time_out: sizes.2,
            outgoing_locales: lists.0,
            incoming_locales: lists.1,
            offered_capabilities: lists.2,
            desired_capabilities: lists.3,
            properties,
        })
        .boxed()
}

fn begin() -> BoxedStrategy<Begin> {
    (
        option::of(any::<u16>()),
        any::<[u32; 4]>(),
        symbols(),
        symbols(),
        map(),
    )
        .prop_map(
            |(remote_channel, numbers, offered, desired, properties)| Begin {
                remote_channel,
                next_outgoing_id: numbers[0],
                incoming_window: numbers[1],
                outgoing_window: numbers[2],
                handle_max: numbers[3],
                offered_capabilities: offered,
                desired_capabilities: desired,
                properties,
            },
        )
        .boxed()
}

fn attach() -> BoxedStrategy<Attach> {
    let ends = (role(), sender_mode(), receiver_mode());
    let termini = (option::of(source()), option::of(attach_target()));
    let resumption = (option::of(map()), any::<bool>());
    let numbers = (option::of(any::<u32>()), option::of(any::<u64>()));
    let extras = (symbols(), symbols(), map());
    (
        (text(), any::<u32>()),
        ends,
        termini,
        resumption,
        numbers,
        extras,
    )
        .prop_map(
            |((name, handle), ends, termini, resumption, numbers, extras)| Attach {
                name,
                handle,
                role: ends.0,
                snd_settle_mode: ends.1,
                rcv_settle_mode: ends.2,
                source: termini.0,
                target: termini.1,
                unsettled: resumption.0,
                incomplete_unsettled: resumption.1,
                initial_delivery_count: numbers.0,
                max_message_size: numbers.1,
                offered_capabilities: extras.0,
                desired_capabilities: extras.1,
                properties: extras.2,
            },
        )
        .boxed()
}

fn source() -> BoxedStrategy<Source> {
    let selection = (option::of(symbol()), map(), option::of(state()));
    (target(), selection, symbols())
        .prop_map(|(terminus, selection, outcomes)| Source {
            address: terminus.address,
            durable: terminus.durable,
            expiry_policy: terminus.expiry_policy,
            timeout: terminus.timeout,
            dynamic: terminus.dynamic,
            dynamic_node_properties: terminus.dynamic_node_properties,
            distribution_mode: selection.0,
            filter: selection.1,
            default_outcome: selection.2,
            outcomes,
            capabilities: terminus.capabilities,
        })
        .boxed()
}

fn target() -> BoxedStrategy<Target> {
    let lifetime = (0..3_u32, option::of(symbol()), any::<u32>());
    (
        option::of(text()),
        lifetime,
        any::<bool>(),
        map(),
        symbols(),
    )
        .prop_map(
            |(address, lifetime, dynamic, dynamic_node_properties, capabilities)| Target {
                address,
                durable: lifetime.0,
                expiry_policy: lifetime.1,
                timeout: lifetime.2,
                dynamic,
                dynamic_node_properties,
                capabilities,
            },
        )
        .boxed()
}

fn attach_target() -> BoxedStrategy<AttachTarget> {
    prop_oneof![
        target().prop_map(AttachTarget::Node),
        extension().prop_map(AttachTarget::Other),
    ]
    .boxed()
}

fn flow() -> BoxedStrategy<Flow> {
    let link = proptest::array::uniform5(option::of(any::<u32>()));
    (link, any::<[u32; 3]>(), any::<[bool; 2]>(), map())
        .prop_map(|(link, session, flags, properties)| Flow {
            next_incoming_id: link[0],
            incoming_window: session[0],
            next_outgoing_id: session[1],
            outgoing_window: session[2],
            handle: link[1],
            delivery_count: link[2],
            link_credit: link[3],
            available: link[4],
            drain: flags[0],
            echo: flags[1],
            properties,
        })
        .boxed()
}

fn transfer() -> BoxedStrategy<Transfer> {
    let delivery = (
        option::of(any::<u32>()),
        option::of(binary()),
        option::of(any::<u32>()),
    );
    let settling = (
        option::of(any::<bool>()),
        option::of(receiver_mode()),
        option::of(state()),
    );
    (
        any::<u32>(),
        delivery,
        settling,
        any::<[bool; 4]>(),
        binary(),
    )
        .prop_map(|(handle, delivery, settling, flags, payload)| Transfer {
            handle,
            delivery_id: delivery.0,
            delivery_tag: delivery.1,
            message_format: delivery.2,
            settled: settling.0,
            more: flags[0],
            rcv_settle_mode: settling.1,
            state: settling.2,
            resume: flags[1],
            aborted: flags[2],
            batchable: flags[3],
            payload,
        })
        .boxed()
}

fn disposition() -> BoxedStrategy<Disposition> {
    let range = (any::<u32>(), option::of(any::<u32>()));
    (role(), range, any::<[bool; 2]>(), option::of(state()))
        .prop_map(|(role, (first, last), flags, state)| Disposition {
            role,
            first,
            last,
            settled: flags[0],
            state,
            batchable: flags[1],
        })
        .boxed()
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Sender), Just(Role::Receiver)]
}

fn sender_mode() -> impl Strategy<Value = SenderSettleMode> {
    prop_oneof![
        Just(SenderSettleMode::Unsettled),
        Just(SenderSettleMode::Settled),
        Just(SenderSettleMode::Mixed),
    ]
}

fn receiver_mode() -> impl Strategy<Value = ReceiverSettleMode> {
    prop_oneof![
        Just(ReceiverSettleMode::First),
        Just(ReceiverSettleMode::Second),
    ]
}

fn error() -> BoxedStrategy<AmqpError> {
    (symbol(), option::of(text()), map())
        .prop_map(|(condition, description, info)| AmqpError {
            condition,
            description,
            info,
        })
        .boxed()
}

/// A described value that no composite of the standard is.
fn extension() -> impl Strategy<Value = Box<Described>> {
    (0x1000_u64.., scalar()).prop_map(|(code, value)| {
        Box::new(Described {
            descriptor: code.into(),
            value,
        })
    })
}

fn state() -> BoxedStrategy<DeliveryState> {
    prop_oneof![
        (any::<u32>(), any::<u64>()).prop_map(|(section_number, section_offset)| {
            DeliveryState::Received(Received {
                section_number,
                section_offset,
            })
        }),
        Just(DeliveryState::Accepted),
        Just(DeliveryState::Released),
        option::of(error()).prop_map(|error| DeliveryState::Rejected(Rejected { error })),
        (any::<bool>(), any::<bool>(), map()).prop_map(
            |(delivery_failed, undeliverable_here, message_annotations)| {
                DeliveryState::Modified(Modified {
                    delivery_failed,
                    undeliverable_here,
                    message_annotations,
                })
            }
        ),
        extension().prop_map(DeliveryState::Other),
    ]
    .boxed()
}
