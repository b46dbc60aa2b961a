//! Frames in a buffer, and those that a loop sends again and again.

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use twinhub_amqp_engine::{
    decode::Limits,
    descriptor,
    frame::{Frame, FrameKind, RawFrame},
    performatives::Performative,
};

/// Bytes of a frame's head.
const HEAD: usize = 8;
/// Descriptor, list of 32-bit length, handle, delivery-id, tag, format, settled.
const TRANSFER: usize = 3 + 9 + 5 + 5 + 6 + 1 + 1;

/// The frames of a buffer, as far as they are whole.
pub struct Frames<'a> {
    rest: &'a [u8],
}

/// The body of one frame.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a>(&'a [u8]);

/// What a reader needs to know of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// Whether another frame of the delivery follows.
    pub more: bool,
    /// The message, or a part of it.
    pub payload: &'a [u8],
}

impl<'a> Frames<'a> {
    /// Those of `buffer`.
    pub fn of(buffer: &'a [u8]) -> Self {
        Self { rest: buffer }
    }

    /// How many bytes are not taken.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next frame's body, if it is whole.
    pub fn next(&mut self) -> anyhow::Result<Option<Body<'a>>> {
        let Some(size) = self.rest.first_chunk() else {
            return Ok(None);
        };
        let size = u32::from_be_bytes(*size) as usize;
        ensure!(size >= HEAD, "a frame of {size} bytes");
        let Some((frame, rest)) = self.rest.split_at_checked(size) else {
            return Ok(None);
        };
        let offset = usize::from(frame[4]) * 4;
        let body = frame.get(offset..).context("a frame without a body")?;
        self.rest = rest;
        Ok(Some(Body(body)))
    }
}

impl<'a> Body<'a> {
    /// The whole performative; none in a heartbeat.
    pub fn decode(self) -> anyhow::Result<Option<Performative>> {
        let raw = RawFrame {
            kind: FrameKind::Amqp,
            channel: 0,
            body: Bytes::copy_from_slice(self.0),
        };
        Ok(Frame::decode(raw, Limits::default())?.performative)
    }

    /// What a reader needs, if it is a transfer.
    pub fn transfer(self) -> anyhow::Result<Option<Part<'a>>> {
        let code = u8::try_from(descriptor::TRANSFER)?;
        let Some(list) = self.0.strip_prefix(&[0x00, 0x53, code]) else {
            return Ok(None);
        };
        let (length, count, fields) = match list {
            [0xc0, length, count, fields @ ..] => (usize::from(*length) - 1, *count, fields),
            [0xd0, rest @ ..] => {
                let (length, rest) = rest.split_first_chunk().context("a list cut short")?;
                let (count, fields) = rest.split_first_chunk().context("a list cut short")?;
                let length = u32::from_be_bytes(*length) as usize - size_of_val(count);
                (length, u8::try_from(u32::from_be_bytes(*count))?, fields)
            }
            _ => bail!("a transfer that is no list"),
        };
        let (mut fields, payload) = fields
            .split_at_checked(length)
            .context("a transfer that ends behind its frame")?;
        // handle, delivery-id, delivery-tag, message-format, settled, more
        let mut more = false;
        for at in 0..count.min(6) {
            let width = width_of(fields)?;
            if at == 5 {
                more = matches!(fields, [0x41, ..] | [0x56, 1, ..]);
            }
            fields = fields.get(width..).context("a field cut short")?;
        }
        Ok(Some(Part { more, payload }))
    }
}

/// The bytes of the first field, of the types that a transfer begins with.
fn width_of(fields: &[u8]) -> anyhow::Result<usize> {
    Ok(match fields {
        [0x40..=0x44, ..] => 1,
        [0x50 | 0x52 | 0x53 | 0x56, ..] => 2,
        [0x70, ..] => 5,
        [0xa0, length, ..] => 2 + usize::from(*length),
        _ => bail!("a transfer has a field of another type"),
    })
}

/// Appends a transfer on channel 0: one whole, unsettled delivery whose tag is
/// its number.
pub fn put_transfer(handle: u32, delivery: u32, message: &[u8], out: &mut Vec<u8>) {
    let length = HEAD + TRANSFER + message.len();
    let list = u32::try_from(TRANSFER - 3 - 5).expect("the fields are a few bytes");
    out.reserve(length);
    out.extend_from_slice(
        &u32::try_from(length)
            .expect("messages are far below 4 GiB")
            .to_be_bytes(),
    );
    out.extend_from_slice(&[2, 0, 0, 0]);
    out.extend_from_slice(&[0x00, 0x53, descriptor::TRANSFER as u8, 0xd0]);
    out.extend_from_slice(&list.to_be_bytes());
    out.extend_from_slice(&5_u32.to_be_bytes());
    out.push(0x70);
    out.extend_from_slice(&handle.to_be_bytes());
    out.push(0x70);
    out.extend_from_slice(&delivery.to_be_bytes());
    out.extend_from_slice(&[0xa0, 4]);
    out.extend_from_slice(&delivery.to_be_bytes());
    // Message format 0; not settled.
    out.extend_from_slice(&[0x43, 0x42]);
    out.extend_from_slice(message);
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use twinhub_amqp_engine::performatives::{Close, Transfer};

    use super::*;

    #[test]
    fn a_transfer_written_by_hand_is_what_the_codec_reads() {
        let mut out = Vec::new();
        put_transfer(7, 0x1234_5678, b"message", &mut out);
        put_transfer(300, 1, &[1; 1000], &mut out);

        let mut frames = Frames::of(&out);
        let first = frames.next().unwrap().unwrap();
        let second = frames.next().unwrap().unwrap();

        assert_eq!(
            first.decode().unwrap(),
            Some(Performative::Transfer(Transfer {
                handle: 7,
                delivery_id: Some(0x1234_5678),
                delivery_tag: Some(Bytes::from_static(&[0x12, 0x34, 0x56, 0x78])),
                message_format: Some(0),
                settled: Some(false),
                payload: Bytes::from_static(b"message"),
                ..Transfer::default()
            }))
        );
        let part = second.transfer().unwrap().unwrap();
        assert_eq!((part.more, part.payload), (false, &[1; 1000][..]));
        assert_eq!(frames.left(), 0);
    }

    #[test]
    fn a_transfer_of_the_codec_is_read_as_far_as_it_is_needed() {
        for (settled, more) in [(None, false), (Some(true), true), (Some(false), false)] {
            let mut out = BytesMut::new();
            let transfer = Transfer {
                handle: 1,
                delivery_id: Some(70_000),
                delivery_tag: Some(Bytes::from_static(&[9; 16])),
                settled,
                more,
                payload: Bytes::from_static(b"part"),
                ..Transfer::default()
            };
            Frame::new(0, transfer).encode(u32::MAX, &mut out).unwrap();
            Frame::new(0, Close::default())
                .encode(u32::MAX, &mut out)
                .unwrap();

            let mut frames = Frames::of(&out);
            let part = frames.next().unwrap().unwrap().transfer().unwrap();

            assert_eq!(
                part,
                Some(Part {
                    more,
                    payload: b"part"
                })
            );
            assert_eq!(frames.next().unwrap().unwrap().transfer().unwrap(), None);
        }
    }

    #[test]
    fn what_is_not_whole_is_left() {
        let mut out = Vec::new();
        put_transfer(0, 0, b"whole", &mut out);
        let whole = out.len();
        put_transfer(0, 1, b"cut", &mut out);
        out.truncate(out.len() - 1);

        let mut frames = Frames::of(&out);

        assert!(frames.next().unwrap().is_some());
        assert!(frames.next().unwrap().is_none());
        assert_eq!(frames.left(), out.len() - whole);
    }
}
