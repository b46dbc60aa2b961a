//! Arbitrary messages, and SASL frames.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use twinhub_amqp_engine::message::{Body, Header, Message, MessageId, Properties};
use twinhub_amqp_engine::sasl::{
    Challenge, Init, Mechanisms, Outcome, OutcomeCode, Response, SaslFrame,
};

use super::values::{binary, map, scalar, symbol, symbols, text, timestamp, uuid, value};

pub fn message() -> impl Strategy<Value = Message> {
    let annotations = (map(), map(), map());
    let named = (option::of(header()), option::of(properties()));
    (named, annotations, option::of(map()), body()).prop_map(
        |(named, annotations, application_properties, body)| Message {
            header: named.0,
            delivery_annotations: annotations.0,
            message_annotations: annotations.1,
            properties: named.1,
            application_properties,
            body,
            footer: annotations.2,
        },
    )
}

fn header() -> impl Strategy<Value = Header> {
    let counts = (any::<u8>(), option::of(any::<u32>()), any::<u32>());
    (any::<[bool; 2]>(), counts).prop_map(|(flags, counts)| Header {
        durable: flags[0],
        priority: counts.0,
        ttl: counts.1,
        first_acquirer: flags[1],
        delivery_count: counts.2,
    })
}

fn properties() -> impl Strategy<Value = Properties> {
    let ids = (option::of(message_id()), option::of(message_id()));
    let texts = proptest::array::uniform5(option::of(text()));
    let content = (option::of(symbol()), option::of(symbol()));
    let times = (option::of(timestamp()), option::of(timestamp()));
    let other = (option::of(binary()), option::of(any::<u32>()));
    (ids, texts, content, times, other).prop_map(|(ids, texts, content, times, other)| {
        let [to, subject, reply_to, group_id, reply_to_group_id] = texts;
        Properties {
            message_id: ids.0,
            user_id: other.0,
            to,
            subject,
            reply_to,
            correlation_id: ids.1,
            content_type: content.0,
            content_encoding: content.1,
            absolute_expiry_time: times.0,
            creation_time: times.1,
            group_id,
            group_sequence: other.1,
            reply_to_group_id,
        }
    })
}

fn message_id() -> impl Strategy<Value = MessageId> {
    prop_oneof![
        any::<u64>().prop_map(MessageId::Ulong),
        uuid().prop_map(MessageId::Uuid),
        binary().prop_map(MessageId::Binary),
        text().prop_map(MessageId::String),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        Just(Body::Empty),
        vec(binary(), 1..4).prop_map(Body::Data),
        vec(vec(scalar(), 0..4), 1..4).prop_map(Body::Sequence),
        value().prop_map(Body::Value),
    ]
}

pub fn sasl_frame() -> impl Strategy<Value = SaslFrame> {
    prop_oneof![
        symbols().prop_map(|mechanisms| SaslFrame::Mechanisms(Mechanisms { mechanisms })),
        (symbol(), option::of(binary()), option::of(text())).prop_map(
            |(mechanism, initial_response, hostname)| SaslFrame::Init(Init {
                mechanism,
                initial_response,
                hostname,
            })
        ),
        binary().prop_map(|challenge| SaslFrame::Challenge(Challenge { challenge })),
        binary().prop_map(|response| SaslFrame::Response(Response { response })),
        (outcome_code(), option::of(binary())).prop_map(|(code, additional_data)| {
            SaslFrame::Outcome(Outcome {
                code,
                additional_data,
            })
        }),
    ]
}

fn outcome_code() -> impl Strategy<Value = OutcomeCode> {
    prop_oneof![
        Just(OutcomeCode::Ok),
        Just(OutcomeCode::Auth),
        Just(OutcomeCode::Sys),
        Just(OutcomeCode::SysPerm),
        Just(OutcomeCode::SysTemp),
    ]
}
