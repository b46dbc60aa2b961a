//! AMQP frames, and the messages in them.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::frame::{Frame, FrameKind, RawFrame};
use twinhub_amqp_engine::message::{Message, Sections};
use twinhub_amqp_engine::performatives::Performative;
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::sasl::SaslFrame;

const LIMIT: u32 = 8192;

/// What was written is larger than what was read: nulls are written out, and
/// the elements of an array all get bytes.
const GENEROUS: Limits = Limits {
    max_depth: 64,
    max_values: u32::MAX,
};

/// Takes an optional protocol header, then frames, until one is refused or
/// incomplete. Each came from bytes that were there and needed all of them;
/// what was read can be written, and is read from that as the same.
pub fn amqp_frame(bytes: &[u8]) {
    regardless_of_size(bytes);
    let mut buffer = BytesMut::from(bytes);
    let _ = ProtocolHeader::take(&mut buffer);
    loop {
        let before = buffer.clone();
        match RawFrame::take(&mut buffer, LIMIT) {
            Ok(Some(raw)) => {
                let taken = before.len().checked_sub(buffer.len());
                let taken = taken.expect("taking adds nothing");
                assert!((8..=LIMIT as usize).contains(&taken));
                assert_eq!(&before[taken..], &buffer[..], "the rest stays as it was");
                needs_every_byte(&before[..taken]);
                body(raw);
            }
            Ok(None) => {
                assert_eq!(before, buffer, "waiting takes nothing");
                return;
            }
            Err(_) => return,
        }
    }
}

/// Reads what follows a frame's head as its body, and as a message: few
/// mutations leave the size in the head as it must be.
fn regardless_of_size(bytes: &[u8]) {
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let rest = Bytes::copy_from_slice(rest);
    let kind = match head[5] {
        1 => FrameKind::Sasl,
        _ => FrameKind::Amqp,
    };
    message(rest.clone());
    body(RawFrame {
        kind,
        channel: 0,
        body: rest,
    });
}

fn needs_every_byte(frame: &[u8]) {
    let mut cut = BytesMut::from(&frame[..frame.len() - 1]);
    assert_eq!(RawFrame::take(&mut cut, LIMIT), Ok(None));
}

fn body(raw: RawFrame) {
    match raw.kind {
        FrameKind::Sasl => {
            if let Ok(frame) = SaslFrame::decode(raw, Limits::default()) {
                assert_eq!(SaslFrame::decode(written_sasl(&frame), GENEROUS), Ok(frame));
            }
        }
        FrameKind::Amqp => {
            if let Ok(frame) = Frame::decode(raw, Limits::default()) {
                amqp_survives_writing(&frame);
                if let Some(Performative::Transfer(transfer)) = frame.performative {
                    message(transfer.payload);
                }
            }
        }
    }
}

fn written_sasl(frame: &SaslFrame) -> RawFrame {
    let mut out = BytesMut::new();
    frame.encode(u32::MAX, &mut out).expect("no limit");
    taken_whole(out)
}

fn written(frame: &Frame) -> BytesMut {
    let mut out = BytesMut::new();
    frame.encode(u32::MAX, &mut out).expect("no limit");
    out
}

fn taken_whole(mut out: BytesMut) -> RawFrame {
    let raw = RawFrame::take(&mut out, u32::MAX)
        .expect("our frames have a head")
        .expect("our frames are whole");
    assert!(out.is_empty());
    raw
}

// The bytes are compared, not the values: a NaN differs from itself.
fn amqp_survives_writing(frame: &Frame) {
    let once = written(frame);
    let again = Frame::decode(taken_whole(once.clone()), GENEROUS);
    let again = again.expect("what we wrote can be read");
    assert_eq!(written(&again), once);
}

fn message(payload: Bytes) {
    let read = Message::decode(payload.clone(), Limits::default());
    let sections = Sections::new(payload.clone(), Limits::default());
    if sections.into_iter().any(|section| section.is_err()) {
        assert!(read.is_err(), "a message is not better than its sections");
    }
    let Ok(message) = read else { return };
    let encode = |message: &Message| {
        let mut out = BytesMut::new();
        message.encode(&mut out).expect("it is small");
        out.freeze()
    };
    let once = encode(&message);
    let again = Message::decode(once.clone(), GENEROUS);
    let again = again.expect("what we wrote can be read");
    assert_eq!(encode(&again), once);
}
