//! Bodies that conditions can read: JSON in an encoding of Unicode, and said
//! to be so.

use serde_json::Value;

/// Why no part of a body can be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableBody {
    /// The content type is missing or another one.
    #[error("the message's content type is not application/json")]
    NotSaidToBeJson,
    /// The content encoding is missing or another one.
    #[error("the message's content encoding is none of utf-8, utf-16 and utf-32")]
    NotSaidToBeUnicode,
    /// The body is not what it is said to be.
    #[error("the message's body is not JSON in its content encoding")]
    NotJson,
}

/// How the characters of a body are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    /// Little endian.
    Utf16,
    /// Little endian.
    Utf32,
}

/// The encoding that a message names, if it says that it is JSON.
pub(super) fn encoding(
    content_type: Option<&str>,
    content_encoding: Option<&str>,
) -> Result<Encoding, UnreadableBody> {
    let essence = |text: &str| {
        text.split(';')
            .next()
            .map(str::trim)
            .map(str::to_ascii_lowercase)
    };
    if content_type.and_then(essence).as_deref() != Some("application/json") {
        return Err(UnreadableBody::NotSaidToBeJson);
    }
    let named = content_encoding.map(|encoding| encoding.trim().to_ascii_lowercase());
    match named.as_deref() {
        Some("utf-8") => Ok(Encoding::Utf8),
        Some("utf-16") => Ok(Encoding::Utf16),
        Some("utf-32") => Ok(Encoding::Utf32),
        _ => Err(UnreadableBody::NotSaidToBeUnicode),
    }
}

/// A body's document.
pub(super) fn parse(encoding: Encoding, body: &[u8]) -> Result<Value, UnreadableBody> {
    match encoding {
        Encoding::Utf8 => {
            let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
            serde_json::from_slice(body).map_err(|_| UnreadableBody::NotJson)
        }
        Encoding::Utf16 => parse_text(&text_of(utf16(body))?),
        Encoding::Utf32 => parse_text(&text_of(utf32(body))?),
    }
}

/// The document of a body that is there as a text.
pub(super) fn parse_text(text: &str) -> Result<Value, UnreadableBody> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|_| UnreadableBody::NotJson)
}

fn text_of(decoded: Option<String>) -> Result<String, UnreadableBody> {
    decoded.ok_or(UnreadableBody::NotJson)
}

fn utf16(body: &[u8]) -> Option<String> {
    let (units, []) = body.as_chunks::<2>() else {
        return None;
    };
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

fn utf32(body: &[u8]) -> Option<String> {
    let (units, []) = body.as_chunks::<4>() else {
        return None;
    };
    let mut units = units.iter().map(|unit| u32::from_le_bytes(*unit));
    units.try_fold(String::new(), |mut text, unit| {
        text.push(char::from_u32(unit)?);
        Some(text)
    })
}
