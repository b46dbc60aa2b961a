//! Deliveries cut into frames, in place: no frame is above the peer's limit,
//! and no more are written than its session has room for.

use bytes::{BufMut, Bytes, BytesMut};

use super::DeliveryId;
use crate::descriptor::{self, Descriptor};
use crate::encode::{Compound, Encode, encode_descriptor};
use crate::format_code as code;
use crate::frame::{FrameKind, begin_frame};

/// How many fields a transfer has.
const FIELDS: usize = 11;

/// What only the first frame of a delivery says.
pub(super) struct First<'a> {
    pub(super) id: DeliveryId,
    /// At most 32 bytes.
    pub(super) tag: &'a [u8],
    pub(super) message_format: u32,
    pub(super) settled: bool,
}

/// Where a delivery's frames go, and how many of what size.
pub(super) struct Cut {
    pub(super) channel: u16,
    pub(super) handle: u32,
    /// The largest frame.
    pub(super) limit: usize,
    /// How many more frames the session has room for; at least one to begin with.
    pub(super) window: u32,
}

impl Cut {
    /// Writes a delivery from its start; gives what there was no room for.
    pub(super) fn first(
        &mut self,
        first: &First<'_>,
        write: impl FnOnce(&mut BytesMut),
        out: &mut BytesMut,
    ) -> Option<Bytes> {
        let frame = Frame::begin(self, Some(first), out);
        let payload = out.len();
        write(out);
        debug_assert!(out.len() >= payload, "a message is appended");

        let end = frame.start + self.limit;
        let rest = Bytes::copy_from_slice(out.get(end..).unwrap_or_default());
        out.truncate(end);
        frame.finish(!rest.is_empty(), out);
        self.window -= 1;
        self.rest(rest, out)
    }

    /// Goes on with a delivery; gives what there was no room for.
    pub(super) fn rest(&mut self, mut rest: Bytes, out: &mut BytesMut) -> Option<Bytes> {
        while self.window > 0 && !rest.is_empty() {
            let frame = Frame::begin(self, None, out);
            let room = frame.start + self.limit - out.len();
            out.put_slice(&rest.split_to(rest.len().min(room)));
            frame.finish(!rest.is_empty(), out);
            self.window -= 1;
        }
        (!rest.is_empty()).then_some(rest)
    }
}

/// A frame whose size, and whether another follows, are still to be written.
struct Frame {
    start: usize,
    more: usize,
}

impl Frame {
    fn begin(cut: &Cut, first: Option<&First<'_>>, out: &mut BytesMut) -> Self {
        let start = begin_frame(FrameKind::Amqp, cut.channel, out);
        encode_descriptor(&Descriptor::Code(descriptor::TRANSFER), out);
        let fields = Compound::begin(out);
        cut.handle.encode(out);
        match first {
            Some(first) => {
                first.id.0.encode(out);
                let length = u8::try_from(first.tag.len()).expect("a tag is short");
                out.put_slice(&[code::BINARY8, length]);
                out.put_slice(first.tag);
                first.message_format.encode(out);
                first.settled.encode(out);
            }
            None => out.put_bytes(code::NULL, 4),
        }
        let more = out.len();
        let rest = [
            code::FALSE, // more
            code::NULL,  // rcv-settle-mode
            code::NULL,  // state
            code::FALSE, // resume
            code::FALSE, // aborted
            code::FALSE, // batchable
        ];
        out.put_slice(&rest);
        fields.finish(code::LIST8, code::LIST32, FIELDS, out);
        Self { start, more }
    }

    fn finish(self, more: bool, out: &mut BytesMut) {
        out[self.more] = if more { code::TRUE } else { code::FALSE };
        let size = u32::try_from(out.len() - self.start).expect("a frame is within its limit");
        out[self.start..self.start + 4].copy_from_slice(&size.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Limits;
    use crate::frame::{Frame as Read, RawFrame};
    use crate::performatives::{Performative, Transfer};

    fn transfers(mut out: BytesMut) -> Vec<Transfer> {
        let mut transfers = Vec::new();
        while let Some(raw) = RawFrame::take(&mut out, 512).expect("our frames are in order") {
            let frame = Read::decode(raw, Limits::default()).expect("our frames are in order");
            let Some(Performative::Transfer(transfer)) = frame.performative else {
                panic!("not a transfer: {frame:?}");
            };
            transfers.push(transfer);
        }
        assert!(out.is_empty());
        transfers
    }

    fn cut(length: usize, window: u32) -> (Vec<Transfer>, Option<Bytes>) {
        let mut out = BytesMut::new();
        let mut cut = Cut {
            channel: 1,
            handle: 300,
            limit: 512,
            window,
        };
        let first = First {
            id: DeliveryId(7),
            tag: b"0123456789abcdef",
            message_format: 0,
            settled: true,
        };
        let rest = cut.first(&first, |out| out.put_bytes(b'x', length), &mut out);
        (transfers(out), rest)
    }

    #[test]
    fn a_delivery_that_fits_is_one_frame_with_every_field() {
        let (transfers, rest) = cut(100, 1);

        let whole = Transfer {
            handle: 300,
            delivery_id: Some(7),
            delivery_tag: Some(Bytes::from_static(b"0123456789abcdef")),
            message_format: Some(0),
            settled: Some(true),
            payload: Bytes::from(vec![b'x'; 100]),
            ..Transfer::default()
        };
        assert_eq!(transfers, [whole]);
        assert_eq!(rest, None);
    }

    #[test]
    fn every_length_arrives_whole_in_full_frames() {
        for length in 0..2000 {
            let (transfers, rest) = cut(length, 9);

            assert_eq!(rest, None);
            let sum: usize = transfers
                .iter()
                .map(|transfer| transfer.payload.len())
                .sum();
            assert_eq!(sum, length);
            let more = transfers.iter().filter(|transfer| transfer.more).count();
            assert_eq!(more, transfers.len() - 1, "all but the last say more");
            // The heads take 47 bytes and 29.
            let frames = match length {
                0..=465 => 1,
                _ => 2 + (length - 466) / 483,
            };
            assert_eq!(transfers.len(), frames);
        }
    }

    #[test]
    fn what_the_window_has_no_room_for_is_given_back() {
        let (transfers, rest) = cut(2000, 2);

        let sum: usize = transfers
            .iter()
            .map(|transfer| transfer.payload.len())
            .sum();
        assert_eq!(transfers.len(), 2);
        assert!(transfers.iter().all(|transfer| transfer.more));
        assert_eq!(sum + rest.map_or(0, |rest| rest.len()), 2000);
    }
}
