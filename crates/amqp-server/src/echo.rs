//! What an answer may repeat of its request.
//!
//! Answers wait until the peer takes them, so what they repeat is short, and
//! has memory of its own: a slice would keep the whole request.

use bytes::Bytes;
use bytestring::ByteString;
use twinhub_amqp_engine::message::MessageId;

/// The longest ID or address that is repeated, in bytes.
pub const MAX_ECHO: usize = 512;
/// The longest text of a peer that is quoted in a description, in characters.
const MAX_QUOTE: usize = 64;

/// An ID, unless it is long.
pub fn message_id(id: MessageId) -> Option<MessageId> {
    match id {
        MessageId::Ulong(_) | MessageId::Uuid(_) => Some(id),
        MessageId::Binary(bytes) => {
            (bytes.len() <= MAX_ECHO).then(|| MessageId::Binary(Bytes::copy_from_slice(&bytes)))
        }
        MessageId::String(id) => address(&id).map(MessageId::String),
    }
}

/// An address, unless it is long.
pub fn address(text: &str) -> Option<ByteString> {
    (text.len() <= MAX_ECHO).then(|| text.to_owned().into())
}

/// The beginning of a text.
pub fn quote(text: &str) -> &str {
    match text.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_not_repeated_and_texts_are_cut_between_characters() {
        let long = "ü".repeat(300);

        assert_eq!(message_id(MessageId::String(long.clone().into())), None);
        assert_eq!(message_id(MessageId::Binary(vec![0; 513].into())), None);
        assert_eq!(message_id(MessageId::Ulong(1)), Some(MessageId::Ulong(1)));
        assert_eq!(address("reply"), Some("reply".into()));
        assert_eq!(quote(&long).chars().count(), MAX_QUOTE);
        assert_eq!(quote("short"), "short");
    }
}
