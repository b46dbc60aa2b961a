//! Queues of format 1: binary, little-endian, since a queue is written at
//! every step that a message takes.
//!
//! The last sequence number (8 bytes), then each entry: sequence number,
//! enqueued, expires (8 each), delivery count (4), flags (1), and what the
//! flags announce: a lock's token (16) and end (8), a handle (4), a message
//! ID's length (4) and bytes. Moments are in ticks.

use twinhub_core::c2d::{Acknowledgement, Entry, Lock, LockToken, Queue};
use twinhub_core::time::Timestamp;

use super::FORMAT;
use crate::records::QueueRow;

const ACKNOWLEDGEMENT: u8 = 0b11;
const DELIVERED: u8 = 1 << 2;
const LOCKED: u8 = 1 << 3;
const HANDLED: u8 = 1 << 4;
const NAMED: u8 = 1 << 5;
const KNOWN_FLAGS: u8 = ACKNOWLEDGEMENT | DELIVERED | LOCKED | HANDLED | NAMED;

pub(crate) fn encode_queue(queue: &Queue) -> QueueRow {
    let mut state = Vec::with_capacity(8 + queue.entries.len() * 64);
    state.extend(queue.last_sequence_number.to_le_bytes());
    for entry in &queue.entries {
        encode_entry(entry, &mut state);
    }
    QueueRow {
        format: FORMAT,
        messages: u32::try_from(queue.entries.len()).unwrap_or(u32::MAX),
        due: queue.due().map(Timestamp::ticks),
        state,
    }
}

fn encode_entry(entry: &Entry, state: &mut Vec<u8>) {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let flags = number_of(entry.ack)
        | flag(entry.delivered, DELIVERED)
        | flag(entry.lock.is_some(), LOCKED)
        | flag(entry.handle.is_some(), HANDLED)
        | flag(entry.message_id.is_some(), NAMED);
    state.extend(entry.sequence_number.to_le_bytes());
    state.extend(entry.enqueued.ticks().to_le_bytes());
    state.extend(entry.expires.ticks().to_le_bytes());
    state.extend(entry.delivery_count.to_le_bytes());
    state.push(flags);
    if let Some(lock) = entry.lock {
        state.extend(lock.token.to_bytes());
        state.extend(lock.until.ticks().to_le_bytes());
    }
    if let Some(handle) = entry.handle {
        state.extend(handle.to_le_bytes());
    }
    if let Some(id) = &entry.message_id {
        // A message has 64 KB at most, its ID with it.
        let length = u32::try_from(id.len()).unwrap_or(u32::MAX);
        state.extend(length.to_le_bytes());
        state.extend(id.as_bytes());
    }
}

pub(crate) fn decode_queue(row: &QueueRow) -> Option<Queue> {
    let mut rest = Rest(&row.state);
    let last_sequence_number = u64::from_le_bytes(rest.take()?);
    let mut entries = Vec::new();
    while !rest.0.is_empty() {
        entries.push(decode_entry(&mut rest)?);
    }
    Some(Queue {
        last_sequence_number,
        entries,
    })
}

fn decode_entry(rest: &mut Rest<'_>) -> Option<Entry> {
    let sequence_number = u64::from_le_bytes(rest.take()?);
    let enqueued = rest.timestamp()?;
    let expires = rest.timestamp()?;
    let delivery_count = rest.u32()?;
    let [flags] = rest.take()?;
    if flags & !KNOWN_FLAGS != 0 {
        return None;
    }
    let lock = if flags & LOCKED == 0 {
        None
    } else {
        Some(Lock {
            token: LockToken::from_bytes(rest.take()?),
            until: rest.timestamp()?,
        })
    };
    let handle = if flags & HANDLED == 0 {
        None
    } else {
        Some(rest.u32()?)
    };
    let message_id = if flags & NAMED == 0 {
        None
    } else {
        Some(rest.text()?)
    };
    Some(Entry {
        sequence_number,
        enqueued,
        expires,
        delivery_count,
        delivered: flags & DELIVERED != 0,
        ack: acknowledgement_of(flags & ACKNOWLEDGEMENT),
        message_id,
        lock,
        handle,
    })
}

fn number_of(ack: Acknowledgement) -> u8 {
    match ack {
        Acknowledgement::None => 0,
        Acknowledgement::Positive => 1,
        Acknowledgement::Negative => 2,
        Acknowledgement::Full => 3,
    }
}

fn acknowledgement_of(number: u8) -> Acknowledgement {
    match number {
        0 => Acknowledgement::None,
        1 => Acknowledgement::Positive,
        2 => Acknowledgement::Negative,
        _ => Acknowledgement::Full,
    }
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn timestamp(&mut self) -> Option<Timestamp> {
        self.take()
            .map(i64::from_le_bytes)
            .map(Timestamp::from_ticks)
    }

    fn text(&mut self) -> Option<Box<str>> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(Into::into)
    }
}
