//! Foreign bytes that are wrong, and what is said about them.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::decode::{DecodeError, Decoder, Limits, from_bytes};
use twinhub_amqp_engine::frame::{Frame, FrameTooLarge, FramingError, RawFrame};
use twinhub_amqp_engine::performatives::{Close, Open, Performative, Transfer};
use twinhub_amqp_engine::value::Value;

fn value(bytes: &[u8]) -> Result<Value, DecodeError> {
    from_bytes(Bytes::copy_from_slice(bytes), Limits::default())
}

fn performative(bytes: &[u8]) -> Result<Performative, DecodeError> {
    let bytes = Bytes::copy_from_slice(bytes);
    Performative::decode(Decoder::new(bytes, Limits::default()))
}

fn take(bytes: &[u8]) -> Result<Option<RawFrame>, FramingError> {
    RawFrame::take(&mut BytesMut::from(bytes), 1024)
}

#[test]
fn each_malformed_value_is_refused_with_its_reason() {
    let end = |needed, available| DecodeError::UnexpectedEnd { needed, available };
    let wrong = |expected, found| DecodeError::WrongType { expected, found };
    let cases: &[(&[u8], DecodeError)] = &[
        (b"", end(1, 0)),
        (b"\x70\x00", end(4, 1)),
        (b"\x98\x00", end(16, 1)),
        (b"\x3f", DecodeError::UnknownConstructor(0x3f)),
        (b"\x40\x40", DecodeError::TrailingBytes(1)),
        (
            b"\x56\x02",
            DecodeError::UndefinedValue {
                expected: "boolean",
                value: 2,
            },
        ),
        (b"\x73\x00\x00\xd8\x00", DecodeError::InvalidChar(0xd800)),
        (b"\xa1\x01\xff", DecodeError::InvalidUtf8),
        (b"\xa3\x01\x80", DecodeError::SymbolNotAscii),
        // Lengths that no bytes stand behind.
        (b"\xa0\x05ab", end(5, 2)),
        (b"\xb0\xff\xff\xff\xff", end(0xffff_ffff, 0)),
        (b"\xd0\xff\xff\xff\xff\x00\x00\x00\x00", end(0xffff_fffb, 0)),
        // Sizes that don't cover their own count.
        (b"\xc0\x00\x00", end(1, 0)),
        (b"\xd0\x00\x00\x00\x03\x00\x00\x00\x00", end(4, 3)),
        // Counts that no elements stand behind.
        (b"\xc0\x02\x02\x40", end(1, 0)),
        (b"\xd0\x00\x00\x00\x05\xff\xff\xff\xff\x40", end(1, 0)),
        (b"\xc0\x03\x01\x40\x40", DecodeError::UnusedBytes(1)),
        (b"\xc1\x02\x01\x40", DecodeError::OddMap(1)),
        (b"\xe0\x02\x01\x3f", DecodeError::UnknownConstructor(0x3f)),
        // An element may not reach past its list.
        (b"\xc0\x03\x01\xa0\x05hello", end(5, 0)),
        // A descriptor is a ulong or a symbol.
        (
            b"\x00\xa1\x01d\x40",
            wrong("ulong or symbol as descriptor", 0xa1),
        ),
        (
            b"\x00\x00\x53\x01\x40\x40",
            wrong("ulong or symbol as descriptor", 0x00),
        ),
    ];

    for (bytes, reason) in cases {
        assert_eq!(value(bytes), Err(reason.clone()), "{bytes:02x?}");
    }
}

#[test]
fn nesting_is_read_to_the_limit_and_refused_beyond() {
    let nested = |lists: usize| {
        let mut bytes = BytesMut::from(&b"\x45"[..]);
        for _ in 1..lists {
            let mut outer = vec![0xd0];
            outer.extend(u32::try_from(bytes.len() + 4).unwrap().to_be_bytes());
            outer.extend(1_u32.to_be_bytes());
            outer.extend_from_slice(&bytes);
            bytes = BytesMut::from(&outer[..]);
        }
        value(&bytes)
    };

    assert!(nested(32).is_ok());
    assert_eq!(nested(33), Err(DecodeError::TooDeep { limit: 32 }));
}

#[test]
fn nested_descriptors_count_as_nesting() {
    let mut bytes = b"\x00\x53\x01".repeat(100_000);
    bytes.push(0x40);

    assert_eq!(value(&bytes), Err(DecodeError::TooDeep { limit: 32 }));
}

#[test]
fn an_array_of_values_without_bytes_is_bounded_by_the_budget() {
    // Given four billion nulls in eleven bytes.
    let bytes = b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40";

    assert_eq!(
        value(bytes),
        Err(DecodeError::TooManyValues { limit: 16_384 })
    );
}

#[test]
fn performatives_say_which_field_is_missing() {
    // Given an attach with nothing but a name.
    let bytes = b"\x00\x53\x12\xc0\x04\x01\xa1\x01n";

    assert_eq!(
        performative(bytes),
        Err(DecodeError::MissingField {
            composite: "amqp:attach:list",
            field: "handle"
        })
    );
}

#[test]
fn trailing_fields_may_be_left_out_by_the_peer() {
    // Given an open with its container id alone.
    let bytes = b"\x00\x53\x10\xc0\x04\x01\xa1\x01c";

    let Ok(Performative::Open(open)) = performative(bytes) else {
        panic!("not an open");
    };

    assert_eq!(open.container_id, "c");
    assert_eq!(open.max_frame_size, u32::MAX);
    assert_eq!(open.channel_max, u16::MAX);
}

#[test]
fn fields_past_the_standard_are_passed_over() {
    let bytes = b"\x00\x53\x18\xc0\x04\x03\x40\x41\x41";

    assert_eq!(
        performative(bytes),
        Ok(Performative::Close(Close::default()))
    );
}

#[test]
fn symbolic_descriptors_are_understood() {
    let bytes = b"\x00\xa3\x0famqp:close:list\x45";

    assert_eq!(
        performative(bytes),
        Ok(Performative::Close(Close::default()))
    );
}

#[test]
fn a_single_symbol_stands_for_an_array_of_one() {
    // Given an open whose offered capabilities are a bare symbol.
    let bytes = b"\x00\x53\x10\xc0\x0d\x08\xa1\x01c\x40\x40\x40\x40\x40\x40\xa3\x01x";

    let Ok(Performative::Open(open)) = performative(bytes) else {
        panic!("not an open");
    };

    assert_eq!(open.offered_capabilities.len(), 1);
}

#[test]
fn only_transfers_have_a_payload() {
    let close = b"\x00\x53\x18\x45payload";
    let transfer = b"\x00\x53\x14\xc0\x03\x01\x52\x07payload";

    assert_eq!(performative(close), Err(DecodeError::TrailingBytes(7)));
    assert_eq!(
        performative(transfer),
        Ok(Performative::Transfer(Transfer {
            handle: 7,
            payload: Bytes::from_static(b"payload"),
            ..Transfer::default()
        }))
    );
}

#[test]
fn each_malformed_frame_head_is_refused_with_its_reason() {
    let cases: &[(&[u8], FramingError)] = &[
        (b"\x00\x00\x00\x07\x02\x00\x00", FramingError::TooSmall(7)),
        // Told at the size, before any more of the frame is there.
        (
            b"\x00\x00\x04\x01",
            FramingError::TooLarge {
                size: 1025,
                limit: 1024,
            },
        ),
        (
            b"\xff\xff\xff\xff",
            FramingError::TooLarge {
                size: u32::MAX,
                limit: 1024,
            },
        ),
        (
            b"\x00\x00\x00\x08\x01\x00\x00\x00",
            FramingError::BadDataOffset(1),
        ),
        (
            b"\x00\x00\x00\x08\x03\x00\x00\x00",
            FramingError::BadDataOffset(3),
        ),
        (
            b"\x00\x00\x00\x08\x02\x02\x00\x00",
            FramingError::UnknownType(2),
        ),
    ];

    for (bytes, reason) in cases {
        assert_eq!(take(bytes), Err(*reason), "{bytes:02x?}");
    }
}

#[test]
fn an_incomplete_frame_is_waited_for_without_reserving_its_size() {
    let mut buffer = BytesMut::from(&b"\x00\x00\x04\x00\x02"[..]);
    let capacity = buffer.capacity();

    assert_eq!(RawFrame::take(&mut buffer, 1024), Ok(None));
    assert_eq!(buffer.capacity(), capacity);
}

#[test]
fn an_extended_head_is_passed_over() {
    let raw = take(b"\x00\x00\x00\x0d\x03\x00\x00\x05extb")
        .unwrap()
        .is_none();
    assert!(raw, "one byte is missing");

    let raw = take(b"\x00\x00\x00\x0d\x03\x00\x00\x05extrb")
        .unwrap()
        .unwrap();

    assert_eq!(raw.channel, 5);
    assert_eq!(&raw.body[..], b"b");
}

#[test]
fn a_frame_above_the_readers_limit_is_not_written() {
    let open = Open {
        container_id: "c".repeat(600).into(),
        hostname: None,
        max_frame_size: 512,
        channel_max: 0,
        idle_time_out: None,
        outgoing_locales: Vec::new(),
        incoming_locales: Vec::new(),
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Default::default(),
    };
    let mut out = BytesMut::from(&b"before"[..]);

    let written = Frame::new(0, open).encode(512, &mut out);

    assert!(matches!(written, Err(FrameTooLarge { limit: 512, .. })));
    assert_eq!(&out[..], b"before");
}
