//! Arbitrary values, frames and messages; and bytes that look like them.

mod messages;
mod performatives;
mod values;

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use twinhub_amqp_engine::encode::Encode;

pub use messages::{message, sasl_frame};
pub use performatives::frame;
pub use values::value;

/// Bytes without sense, and well-formed ones with a few bytes changed.
pub fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let damaged = (well_formed(), changes).prop_map(|(mut bytes, changes)| {
        for (index, byte) in changes {
            if !bytes.is_empty() {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
        }
        bytes
    });
    prop_oneof![
        1 => vec(any::<u8>(), 0..64),
        4 => damaged,
    ]
}

fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        value().prop_map(|value| {
            let mut out = BytesMut::new();
            value.encode(&mut out);
            out.to_vec()
        }),
        message().prop_map(|message| {
            let mut out = BytesMut::new();
            message.encode(&mut out).unwrap();
            out.to_vec()
        }),
        frame().prop_map(|frame| {
            let mut out = BytesMut::new();
            frame.encode(u32::MAX, &mut out).unwrap();
            out[8..].to_vec()
        }),
    ]
}
