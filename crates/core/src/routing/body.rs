//! Bodies that conditions can read: JSON in an encoding of Unicode, and said
//! to be so.

use std::borrow::Cow;

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
    let essence = content_type.and_then(|text| text.split(';').next());
    let is_json = |essence: &str| essence.trim().eq_ignore_ascii_case("application/json");
    if !essence.is_some_and(is_json) {
        return Err(UnreadableBody::NotSaidToBeJson);
    }
    let named = content_encoding.unwrap_or_default().trim();
    let encodings = [
        ("utf-8", Encoding::Utf8),
        ("utf-16", Encoding::Utf16),
        ("utf-32", Encoding::Utf32),
    ];
    let mut known = encodings.into_iter();
    known
        .find(|(name, _)| name.eq_ignore_ascii_case(named))
        .map(|(_, encoding)| encoding)
        .ok_or(UnreadableBody::NotSaidToBeUnicode)
}

/// A body's document.
pub(super) fn parse(encoding: Encoding, body: &[u8]) -> Result<Value, UnreadableBody> {
    serde_json::from_str(&text(encoding, body)?).map_err(|_| UnreadableBody::NotJson)
}

/// A body's characters, without the mark that some begin with.
pub(super) fn text(encoding: Encoding, body: &[u8]) -> Result<Cow<'_, str>, UnreadableBody> {
    let text = match encoding {
        Encoding::Utf8 => std::str::from_utf8(body).ok().map(Cow::Borrowed),
        Encoding::Utf16 => utf16(body).map(Cow::Owned),
        Encoding::Utf32 => utf32(body).map(Cow::Owned),
    };
    match text.ok_or(UnreadableBody::NotJson)? {
        Cow::Borrowed(text) => Ok(Cow::Borrowed(without_mark(text))),
        Cow::Owned(text) if text.starts_with(MARK) => Ok(Cow::Owned(without_mark(&text).into())),
        owned @ Cow::Owned(_) => Ok(owned),
    }
}

/// The byte order mark.
const MARK: char = '\u{feff}';

fn without_mark(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// The document of a body that is there as a text.
pub(super) fn parse_text(text: &str) -> Result<Value, UnreadableBody> {
    serde_json::from_str(without_mark(text)).map_err(|_| UnreadableBody::NotJson)
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
