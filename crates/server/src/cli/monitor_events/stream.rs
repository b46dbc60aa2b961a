//! Server-sent events, read as they come.

use bytes::{Buf as _, Bytes, BytesMut};
use serde_json::Value;

use crate::cli::https::OpenAnswer;

/// What a hub says in its stream of events.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// An event, and where to resume behind it.
    Event { id: String, document: Value },
    /// Nothing happened; where to resume.
    Here { id: String },
    /// The stream can't go on.
    Error(String),
}

/// A stream of events.
pub struct EventStream {
    answer: OpenAnswer,
    parser: Parser,
}

impl EventStream {
    /// The events of an answer.
    pub fn new(answer: OpenAnswer) -> Self {
        EventStream {
            answer,
            parser: Parser::default(),
        }
    }

    /// What is said next; `None` once the stream has ended. Safe to cancel.
    pub async fn next(&mut self) -> Option<Said> {
        loop {
            if let Some(said) = self.parser.next() {
                return Some(said);
            }
            let part = self.answer.next().await?;
            self.parser.push(&part);
        }
    }
}

/// Lines into events.
#[derive(Debug, Default)]
struct Parser {
    received: BytesMut,
    id: Option<String>,
    event: String,
    data: String,
}

impl Parser {
    fn push(&mut self, part: &Bytes) {
        self.received.extend_from_slice(part);
    }

    fn next(&mut self) -> Option<Said> {
        while let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
            let line = self.received.split_to(end);
            self.received.advance(1);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                if let Some(said) = self.finish() {
                    return Some(said);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => self.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut self.event),
                "data" => self.data.push_str(value),
                // Comments, and what later hubs may say.
                _ => {}
            }
        }
        None
    }

    /// What the lines before an empty one said.
    fn finish(&mut self) -> Option<Said> {
        let event = std::mem::take(&mut self.event);
        let data = std::mem::take(&mut self.data);
        if event == "error" {
            let document: Value = serde_json::from_str(&data).unwrap_or_default();
            let message = document["message"].as_str().unwrap_or("its log failed");
            return Some(Said::Error(message.to_owned()));
        }
        let id = self.id.take()?;
        match serde_json::from_str(&data) {
            Ok(document) => Some(Said::Event { id, document }),
            Err(_) => Some(Said::Here { id }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_however_the_stream_is_cut() {
        let stream = ": ready\nid: 0:1\n\nid: 0:2\nevent: telemetry\ndata: {\"a\": \"ü\"}\n\n: still here\n\n";
        let expected = [
            Said::Here {
                id: "0:1".to_owned(),
            },
            Said::Event {
                id: "0:2".to_owned(),
                document: json!({"a": "ü"}),
            },
        ];
        for size in [1, 3, 7, stream.len()] {
            let mut parser = Parser::default();
            let mut said = Vec::new();
            for part in stream.as_bytes().chunks(size) {
                parser.push(&Bytes::copy_from_slice(part));
                said.extend(std::iter::from_fn(|| parser.next()));
            }
            assert_eq!(said, expected, "in parts of {size}");
        }
    }

    #[test]
    fn an_error_is_told_with_its_message() {
        let mut parser = Parser::default();

        parser.push(&Bytes::from_static(
            b"event: error\ndata: {\"message\": \"damaged\"}\n\n",
        ));

        assert_eq!(parser.next(), Some(Said::Error("damaged".to_owned())));
    }
}
