//! Arbitrary values.

use bytes::Bytes;
use bytestring::ByteString;
use proptest::collection::vec;
use proptest::prelude::*;
use twinhub_amqp_engine::descriptor::Descriptor;
use twinhub_amqp_engine::value::{Array, Described, Map, Symbol, Timestamp, Uuid, Value};

pub fn value() -> BoxedStrategy<Value> {
    scalar()
        .prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..6).prop_map(Value::List),
                vec((inner.clone(), inner.clone()), 0..4)
                    .prop_map(|entries| Value::Map(entries.into_iter().collect())),
                // Copies of one value are of one type, whatever it is.
                (inner.clone(), 0..4_usize)
                    .prop_map(|(item, count)| Array::new(vec![item; count]).unwrap().into()),
                (descriptor(), inner).prop_map(|(descriptor, value)| Described {
                    descriptor,
                    value
                }
                .into()),
            ]
        })
        .boxed()
}

pub fn scalar() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u8>().prop_map(Value::from),
        any::<u16>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        (0..300_u64).prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        (-300..300_i32).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<[u8; 16]>().prop_map(Value::Decimal128),
        any::<char>().prop_map(Value::from),
        timestamp().prop_map(Value::from),
        uuid().prop_map(Value::from),
        binary().prop_map(Value::from),
        text().prop_map(Value::from),
        symbol().prop_map(Value::from),
        vec(text(), 0..4).prop_map(|items| {
            Array::of_strings(items.into_iter().map(|text| text.to_string())).into()
        }),
    ]
    .boxed()
}

pub fn text() -> impl Strategy<Value = ByteString> {
    prop_oneof![".{0,12}", "a{250,260}"].prop_map(ByteString::from)
}

pub fn symbol() -> impl Strategy<Value = Symbol> {
    "[ -~]{0,12}".prop_map(|text| Symbol::try_from(text).unwrap())
}

pub fn symbols() -> impl Strategy<Value = Vec<Symbol>> {
    vec(symbol(), 0..4)
}

pub fn binary() -> impl Strategy<Value = Bytes> {
    prop_oneof![vec(any::<u8>(), 0..12), vec(any::<u8>(), 254..258)].prop_map(Bytes::from)
}

pub fn timestamp() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

pub fn uuid() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid)
}

fn descriptor() -> impl Strategy<Value = Descriptor> {
    prop_oneof![
        any::<u64>().prop_map(Descriptor::Code),
        symbol().prop_map(Descriptor::Name),
    ]
}

pub fn map() -> BoxedStrategy<Map> {
    vec((symbol(), scalar()), 0..3)
        .prop_map(|entries| {
            entries
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect()
        })
        .boxed()
}
