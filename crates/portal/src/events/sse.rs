//! Messages out of the bytes of a stream of server-sent events.

/// The largest message; an event has a quarter of a megabyte at most, which
/// JSON may write several times as long.
const MAX_MESSAGE: usize = 8 * 1024 * 1024;

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The place behind it.
    pub id: Option<String>,
    /// What kind of event it is; none with signs of life.
    pub event: Option<String>,
    /// The event.
    pub data: Option<String>,
}

/// A message is longer than any that the hub writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Collects bytes until they are messages.
#[derive(Debug, Default)]
pub struct Messages {
    bytes: Vec<u8>,
    /// Before this, no message ends.
    looked_at: usize,
}

impl Messages {
    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.bytes.len() + bytes.len() > MAX_MESSAGE {
            return Err(TooLong);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// All messages that are complete.
    pub fn complete(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut begin = 0;
        let mut from = self.looked_at;
        while let Some(length) = self.bytes[from..]
            .windows(2)
            .position(|pair| pair == b"\n\n")
        {
            let end = from + length;
            messages.push(message(&self.bytes[begin..end]));
            begin = end + 2;
            from = begin;
        }
        self.bytes.drain(..begin);
        self.looked_at = self.bytes.len().saturating_sub(1);
        messages
    }
}

fn message(bytes: &[u8]) -> Message {
    let text = String::from_utf8_lossy(bytes);
    let mut message = Message::default();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        let value = value.to_owned();
        match name {
            "id" => message.id = Some(value),
            "event" => message.event = Some(value),
            "data" => message.data = Some(value),
            _ => {}
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        ": ready\nid: 0:1\n\nid: 0:2\nevent: telemetry\ndata: {\"a\": \": x\"}\n\nid: 0";

    fn read(pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> Vec<Message> {
        let mut messages = Messages::default();
        pieces
            .flat_map(|piece| {
                messages.push(piece.as_ref()).unwrap();
                messages.complete()
            })
            .collect()
    }

    #[test]
    fn messages_are_the_same_however_the_bytes_are_cut() {
        let whole = read([STREAM].into_iter());
        let in_bytes = read(STREAM.as_bytes().chunks(1));

        assert_eq!(whole, in_bytes);
        assert_eq!(whole.len(), 2);
        assert_eq!(whole[0].id.as_deref(), Some("0:1"));
        assert_eq!(whole[0].data, None);
        assert_eq!(whole[1].event.as_deref(), Some("telemetry"));
        assert_eq!(whole[1].data.as_deref(), Some("{\"a\": \": x\"}"));
    }

    #[test]
    fn a_message_without_end_is_refused() {
        let mut messages = Messages::default();

        let refused = (0..100).find_map(|_| messages.push(&[b'x'; 100_000]).err());

        assert_eq!(refused, Some(TooLong));
    }
}
