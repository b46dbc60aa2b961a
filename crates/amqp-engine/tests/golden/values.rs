//! Every primitive type, at the borders between its encodings.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::decode::{Limits, from_bytes};
use twinhub_amqp_engine::descriptor::Descriptor;
use twinhub_amqp_engine::encode::Encode;
use twinhub_amqp_engine::value::{Array, Described, Map, Symbol, Timestamp, Uuid, Value};

use crate::{assert_bytes, parse};

#[test]
fn values_are_written_in_their_shortest_encoding() {
    for (hex, value) in values() {
        let mut written = BytesMut::new();
        value.encode(&mut written);

        assert_bytes(&written, &parse(hex), &format!("{value:?}"));
    }
}

#[test]
fn encoded_values_are_read() {
    for (hex, value) in values() {
        assert_eq!(read(hex), Ok(value), "{hex}");
    }
}

#[test]
fn longer_encodings_of_the_same_values_are_read() {
    let longer = [
        ("56 01", Value::Boolean(true)),
        ("56 00", Value::Boolean(false)),
        ("52 00", Value::Uint(0)),
        ("70 00 00 00 01", Value::Uint(1)),
        ("53 00", Value::Ulong(0)),
        ("80 00 00 00 00 00 00 00 01", Value::Ulong(1)),
        ("71 00 00 00 01", Value::Int(1)),
        ("81 ff ff ff ff ff ff ff ff", Value::Long(-1)),
        ("b0 00 00 00 01 07", Value::Binary(Bytes::from_static(&[7]))),
        ("b1 00 00 00 01 \"a\"", Value::from("a")),
        ("b3 00 00 00 01 \"a\"", Value::from(symbol("a"))),
        ("c0 01 00", Value::List(Vec::new())),
        (
            "d0 00 00 00 05 00 00 00 01 40",
            Value::List(vec![Value::Null]),
        ),
        ("d1 00 00 00 04 00 00 00 00", Value::Map(Map::new())),
        ("e0 01 00", array(Vec::new())),
        (
            "f0 00 00 00 07 00 00 00 02 50 01 02",
            array(vec![1_u8.into(), 2_u8.into()]),
        ),
        ("e0 02 02 44", array(vec![Value::Ulong(0), Value::Ulong(0)])),
        (
            "00 80 00 00 00 00 00 00 00 24 40",
            described(0x24_u64.into(), Value::Null),
        ),
    ];

    for (hex, value) in longer {
        assert_eq!(read(hex), Ok(value), "{hex}");
    }
}

fn read(hex: &str) -> Result<Value, twinhub_amqp_engine::decode::DecodeError> {
    from_bytes(parse(hex).into(), Limits::default())
}

fn symbol(text: &'static str) -> Symbol {
    Symbol::from_static(text)
}

fn array(items: Vec<Value>) -> Value {
    Array::new(items).unwrap().into()
}

fn described(descriptor: Descriptor, value: Value) -> Value {
    Described { descriptor, value }.into()
}

fn values() -> Vec<(&'static str, Value)> {
    let mut values = vec![
        ("40", Value::Null),
        ("41", true.into()),
        ("42", false.into()),
        ("50 ff", u8::MAX.into()),
        ("60 01 00", 256_u16.into()),
        ("43", 0_u32.into()),
        ("52 01", 1_u32.into()),
        ("52 ff", 255_u32.into()),
        ("70 00 00 01 00", 256_u32.into()),
        ("44", 0_u64.into()),
        ("53 ff", 255_u64.into()),
        ("80 00 00 00 00 00 00 01 00", 256_u64.into()),
        ("51 80", i8::MIN.into()),
        ("61 ff fe", (-2_i16).into()),
        ("54 00", 0_i32.into()),
        ("54 7f", 127_i32.into()),
        ("71 00 00 00 80", 128_i32.into()),
        ("54 80", (-128_i32).into()),
        ("71 ff ff ff 7f", (-129_i32).into()),
        ("55 80", (-128_i64).into()),
        ("81 00 00 00 00 00 00 00 80", 128_i64.into()),
        ("72 3f 80 00 00", 1.0_f32.into()),
        ("82 bf f0 00 00 00 00 00 00", (-1.0_f64).into()),
        ("74 01 02 03 04", Value::Decimal32([1, 2, 3, 4])),
        (
            "84 01 02 03 04 05 06 07 08",
            Value::Decimal64([1, 2, 3, 4, 5, 6, 7, 8]),
        ),
        (
            "94 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 09",
            Value::Decimal128([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
        ),
        ("73 00 01 f6 00", '\u{1f600}'.into()),
        ("83 ff ff ff ff ff ff ff ff", Timestamp(-1).into()),
        (
            "98 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01",
            Uuid(1_u128.to_be_bytes()).into(),
        ),
        ("a0 00", Bytes::new().into()),
        ("a1 02 c3 a9", "é".into()),
        ("a3 03 \"a:b\"", symbol("a:b").into()),
    ];
    values.extend([
        ("45", Value::List(Vec::new())),
        (
            "c0 03 02 40 41",
            Value::List(vec![Value::Null, true.into()]),
        ),
        ("c1 01 00", Map::new().into()),
        (
            "c1 05 02 a1 01 \"k\" 43",
            Map::new().with("k", 0_u32).into(),
        ),
        ("e0 02 00 40", array(Vec::new())),
        (
            "e0 08 02 a1 01 \"0\" 03 \"abc\"",
            array(vec!["0".into(), "abc".into()]),
        ),
        (
            "e0 0a 02 70 00 00 00 00 00 00 00 01",
            array(vec![0_u32.into(), 1_u32.into()]),
        ),
        ("e0 04 02 56 01 00", array(vec![true.into(), false.into()])),
        (
            "e0 05 01 00 53 09 40",
            array(vec![described(9_u64.into(), Value::Null)]),
        ),
        (
            "e0 13 02 d0 00 00 00 04 00 00 00 00 00 00 00 05 00 00 00 01 40",
            array(vec![
                Value::List(Vec::new()),
                Value::List(vec![Value::Null]),
            ]),
        ),
        (
            "e0 0c 01 f0 00 00 00 06 00 00 00 01 50 07",
            array(vec![array(vec![7_u8.into()])]),
        ),
        (
            "00 53 24 45",
            described(0x24_u64.into(), Value::List(Vec::new())),
        ),
        (
            "00 a3 01 \"d\" 40",
            described(symbol("d").into(), Value::Null),
        ),
        (
            "00 80 00 00 46 8c 00 00 00 04 40",
            described(0x468c_0000_0004_u64.into(), Value::Null),
        ),
    ]);
    values
}

#[test]
fn text_of_256_bytes_takes_a_long_length() {
    let mut written = BytesMut::new();
    "a".repeat(256).as_str().encode(&mut written);

    assert_eq!(&written[..6], &parse("b1 00 00 01 00 \"a\"")[..]);
    assert_eq!(written.len(), 5 + 256);
}

#[test]
fn a_list_of_255_bytes_is_the_last_short_one() {
    // The size has one byte and counts the count, so 254 bytes of elements fit.
    let list = |nulls: usize| {
        let mut written = BytesMut::new();
        Value::List(vec![Value::Null; nulls]).encode(&mut written);
        written
    };

    assert_eq!(&list(254)[..3], &[0xc0, 255, 254]);
    assert_eq!(&list(255)[..9], &parse("d0 00 00 01 03 00 00 00 ff")[..]);
}
