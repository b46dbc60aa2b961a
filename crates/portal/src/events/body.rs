//! A body as people read it: laid out if it is JSON, as text, or as bytes.

use std::fmt::Write as _;

use serde::de::IgnoredAny;

use crate::pretty::{Shown, beginning, indented};

/// How many bytes of HTML a body may take.
const MAX_TEXT: usize = 70_000;
/// How many bytes are shown of what is no text.
const MAX_BINARY: usize = 2 * 1024;
const BYTES_A_LINE: usize = 16;

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An object or array.
    Json,
    /// Any other text.
    Text,
    /// No text.
    Binary,
    /// Nothing.
    Empty,
}

impl Kind {
    /// What it is called.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Json => "JSON",
            Kind::Text => "text",
            Kind::Binary => "bytes",
            Kind::Empty => "empty",
        }
    }
}

/// A body to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownBody {
    /// What it is.
    pub kind: Kind,
    /// How it is shown.
    pub text: String,
    /// Whether there is more than is shown.
    pub is_cut: bool,
}

impl ShownBody {
    /// Lays out bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::binary(bytes);
        };
        // Among the characters that texts have not, this one is common.
        if text.contains('\0') {
            return Self::binary(bytes);
        }
        let kind = match text {
            "" => Kind::Empty,
            json if is_json(json) => Kind::Json,
            _ => Kind::Text,
        };
        let Shown { text, is_cut } = match kind {
            Kind::Json => indented(text, MAX_TEXT),
            _ => beginning(text, MAX_TEXT),
        };
        ShownBody { kind, text, is_cut }
    }

    fn binary(bytes: &[u8]) -> Self {
        let shown = &bytes[..bytes.len().min(MAX_BINARY)];
        let lines = shown.chunks(BYTES_A_LINE).enumerate();
        ShownBody {
            kind: Kind::Binary,
            text: lines
                .map(|(index, chunk)| line(index * BYTES_A_LINE, chunk))
                .collect::<Vec<_>>()
                .join("\n"),
            is_cut: bytes.len() > shown.len(),
        }
    }
}

/// Whether it is an object or an array: a number alone is a text as well.
fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// `00000010  61 62 ff                                          ab.`
fn line(offset: usize, bytes: &[u8]) -> String {
    let mut line = format!("{offset:08x}  ");
    for byte in bytes {
        let _ = write!(line, "{byte:02x} ");
    }
    for _ in bytes.len()..BYTES_A_LINE {
        line.push_str("   ");
    }
    line.push(' ');
    let printable = |byte: &u8| {
        if (b' '..=b'~').contains(byte) {
            char::from(*byte)
        } else {
            '.'
        }
    };
    line.extend(bytes.iter().map(printable));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_whatever_the_sender_says_it_is() {
        let shown = ShownBody::of(b"{\"b\":1,\"a\":[]}");

        assert_eq!(shown.kind, Kind::Json);
        assert_eq!(shown.text, "{\n  \"b\": 1,\n  \"a\": []\n}");
        assert_eq!(ShownBody::of(b"21.5").kind, Kind::Text);
        assert_eq!(ShownBody::of(b"{broken").kind, Kind::Text);
        assert_eq!(ShownBody::of(b"").kind, Kind::Empty);
    }

    #[test]
    fn what_is_no_text_is_shown_byte_by_byte() {
        let shown = ShownBody::of(b"0123456789abcdef\xff<\0");

        assert_eq!(shown.kind, Kind::Binary);
        assert_eq!(
            shown.text,
            "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n\
             00000010  ff 3c 00                                         .<."
        );
        assert_eq!(ShownBody::of(b"a\0b").kind, Kind::Binary);
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let text = ShownBody::of("ü".repeat(MAX_TEXT).as_bytes());
        let json = ShownBody::of(format!("[{}1]", "1,".repeat(MAX_TEXT)).as_bytes());
        let bytes = ShownBody::of(&[0xff; 5_000]);

        assert!(text.is_cut && text.text.len() <= MAX_TEXT);
        assert!(json.is_cut && json.text.len() <= MAX_TEXT);
        assert!(bytes.is_cut && bytes.text.len() < 6 * MAX_BINARY);
    }
}
