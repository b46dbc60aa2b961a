//! Bytes derived by hand from the standard, against what the codec writes and reads.
//!
//! The files under `files/` hold hexadecimal bytes and quoted ASCII; `#`
//! begins a comment.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod messages;
mod performatives;
mod sasl;
mod values;

use std::path::Path;

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::frame::RawFrame;

/// The bytes of a golden file.
fn golden(name: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/files")
        .join(name)
        .with_extension("hex");
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines()
        .flat_map(|line| line.split('#').next())
        .flat_map(parse)
        .collect()
}

/// The bytes of a line: hexadecimal outside quotes, ASCII inside.
fn parse(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        if index % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
        } else {
            bytes.extend(
                part.split_whitespace()
                    .map(|byte| u8::from_str_radix(byte, 16).unwrap()),
            );
        }
    }
    bytes
}

/// The single frame in these bytes.
fn only_frame(bytes: &Bytes) -> RawFrame {
    let mut buffer = BytesMut::from(&bytes[..]);
    let raw = RawFrame::take(&mut buffer, 65_536).unwrap().unwrap();
    assert!(buffer.is_empty(), "bytes after the frame");
    raw
}

/// Fails with both sides in hexadecimal.
fn assert_bytes(written: &[u8], golden: &[u8], name: &str) {
    assert!(
        written == golden,
        "{name}\n written {written:02x?}\n golden  {golden:02x?}"
    );
}
