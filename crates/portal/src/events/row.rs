//! An event as a line of the list. Scripts make the same lines of events that
//! come (`assets/events.js`).

use std::fmt::Write as _;

use crate::client::encoded;
use crate::events::document::{EventDocument, source_label};
use crate::moment::Moment;

/// How much of a body a line shows, in characters.
const PREVIEW: usize = 160;
/// How many bytes of a body that is no text.
const PREVIEW_BYTES: usize = 24;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When the hub stored it.
    pub enqueued: Moment,
    /// The page about it.
    pub href: String,
    /// Whose it is.
    pub device: String,
    /// Of which module.
    pub module: Option<String>,
    /// Its kind.
    pub source: String,
    /// How the body begins.
    pub preview: String,
    /// The body's bytes.
    pub size: usize,
}

impl Row {
    /// The line of an event.
    pub fn of(event: EventDocument) -> Self {
        Row {
            enqueued: event.enqueued_time,
            href: address(event.partition, event.sequence_number),
            preview: preview(&event),
            size: event.size(),
            source: source_label(&event.source).to_owned(),
            device: event.device_id,
            module: event.module_id,
        }
    }
}

/// The page about an event.
pub fn address(partition: u16, sequence_number: u64) -> String {
    let partition = encoded(&partition.to_string());
    format!("/portal/events/event?partition={partition}&sequenceNumber={sequence_number}")
}

/// How a body begins, as it was sent.
fn preview(event: &EventDocument) -> String {
    let bytes = event.bytes();
    match std::str::from_utf8(&bytes) {
        Ok(text) => on_one_line(text),
        Err(_) => hex_preview(&bytes),
    }
}

/// The beginning of a text, with one blank for lines, indents and the like.
fn on_one_line(text: &str) -> String {
    let is_blank = |letter: &char| letter.is_whitespace() || letter.is_control();
    let mut line = String::new();
    let mut letters = text.chars().peekable();
    let mut count = 0;
    while let Some(letter) = letters.next() {
        if count == PREVIEW {
            line.push('…');
            break;
        }
        count += 1;
        if is_blank(&letter) {
            while letters.next_if(is_blank).is_some() {}
            line.push(' ');
        } else {
            line.push(letter);
        }
    }
    line
}

fn hex_preview(bytes: &[u8]) -> String {
    let mut line = String::new();
    for byte in bytes.iter().take(PREVIEW_BYTES) {
        let _ = write!(line, "{byte:02x} ");
    }
    line.pop();
    if bytes.len() > PREVIEW_BYTES {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::document::tests::event;

    #[test]
    fn a_line_shows_how_the_body_begins() {
        let preview = |body: &[u8]| preview(&event("text/plain", body));

        assert_eq!(preview(b"{\"t\":\n\t 21.50}"), "{\"t\": 21.50}");
        assert_eq!(preview(b""), "");
        assert_eq!(
            preview("ü".repeat(161).as_bytes()),
            format!("{}…", "ü".repeat(160))
        );
        assert_eq!(preview(b"\xff\x00\x1f"), "ff 00 1f");
        assert_eq!(preview(&[0xff; 25]).chars().count(), 24 * 3);
    }

    #[test]
    fn a_line_leads_to_its_event() {
        let row = Row::of(event("", b"x"));

        assert_eq!(
            row.href,
            "/portal/events/event?partition=3&sequenceNumber=12"
        );
        assert_eq!((row.device.as_str(), row.size), ("pump-7", 1));
    }
}
