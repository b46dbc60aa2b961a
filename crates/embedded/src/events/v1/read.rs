//! Reading records of version 1: checked once as a whole, then lent piece by
//! piece from their own bytes.

use std::ops::Range;

use twinhub_core::access::AuthMethod;
use twinhub_core::events::{
    ApplicationPair, Content, EventRef, EventSource, Listed, StoredContent, SystemPair,
};
use twinhub_core::ids::is_valid_id;
use twinhub_core::time::Timestamp;
use twinhub_event_log::Record;

use super::{method_of, property_of, source_of};

/// A record that can be read to its end, and where its parts begin.
#[derive(Debug)]
pub(crate) struct Checked {
    record: Record,
    system: Range<usize>,
    application: Range<usize>,
}

impl Checked {
    /// Reads a record once; `None` if it is none of this version.
    pub(crate) fn new(record: Record) -> Option<Self> {
        let payload = &record.payload[..];
        let mut rest = payload;
        let place = |rest: &[u8]| payload.len() - rest.len();
        let origin = Origin::read(&mut rest)?;
        if !is_valid_id(origin.device) || !origin.module.is_none_or(is_valid_id) {
            return None;
        }
        let count = byte(&mut rest)?;
        let system = place(rest);
        for _ in 0..count {
            system_pair(&mut rest)?;
        }
        let system = system..place(rest);
        let count = varint(&mut rest)?;
        let application = place(rest);
        for _ in 0..count {
            application_pair(&mut rest)?;
        }
        let application = application..place(rest);
        Some(Checked {
            record,
            system,
            application,
        })
    }

    /// The event, lent.
    pub(crate) fn event(&self) -> EventRef<'_> {
        let payload = &self.record.payload[..];
        let origin = Origin::read(&mut &*payload).expect("the record was checked");
        EventRef {
            sequence_number: self.record.sequence_number,
            offset: self.record.offset,
            enqueued: Timestamp::from_ticks(self.record.enqueued),
            source: origin.source,
            device: origin.device,
            module: origin.module,
            generation: origin.generation,
            auth_method: origin.auth_method,
            model_id: origin.model_id,
            content: Content::Stored(StoredContent {
                system: Listed::new(&payload[self.system.clone()], system_pair),
                application: Listed::new(&payload[self.application.clone()], application_pair),
                body: &payload[self.application.end..],
            }),
        }
    }
}

struct Origin<'a> {
    source: EventSource,
    device: &'a str,
    module: Option<&'a str>,
    generation: Timestamp,
    auth_method: Option<AuthMethod>,
    model_id: Option<&'a str>,
}

impl<'a> Origin<'a> {
    fn read(input: &mut &'a [u8]) -> Option<Self> {
        let source = source_of(byte(input)?)?;
        let is_module = byte(input)?;
        let (ticks, rest) = input.split_first_chunk()?;
        *input = rest;
        Some(Origin {
            source,
            generation: Timestamp::from_ticks(i64::from_le_bytes(*ticks)),
            device: text(input)?,
            module: match is_module {
                0 => None,
                1 => Some(text(input)?),
                _ => return None,
            },
            auth_method: match (byte(input)?, byte(input)?) {
                (0, 0) => None,
                codes => Some(method_of(codes)?),
            },
            model_id: optional_text(input)?,
        })
    }
}

fn system_pair<'a>(input: &mut &'a [u8]) -> Option<SystemPair<'a>> {
    Some((property_of(byte(input)?)?, text(input)?))
}

fn application_pair<'a>(input: &mut &'a [u8]) -> Option<ApplicationPair<'a>> {
    Some((text(input)?, optional_text(input)?))
}

fn byte(input: &mut &[u8]) -> Option<u8> {
    let (first, rest) = input.split_first()?;
    *input = rest;
    Some(*first)
}

fn varint(input: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..u32::BITS).step_by(7) {
        let byte = byte(input)?;
        number |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let length = varint(input)?;
    text_of(input, length)
}

fn optional_text<'a>(input: &mut &'a [u8]) -> Option<Option<&'a str>> {
    match varint(input)? {
        0 => Some(None),
        length => text_of(input, length - 1).map(Some),
    }
}

fn text_of<'a>(input: &mut &'a [u8], length: usize) -> Option<&'a str> {
    let (text, rest) = input.split_at_checked(length)?;
    *input = rest;
    std::str::from_utf8(text).ok()
}
