//! Many messages in one request: `application/vnd.microsoft.iothub.json`.
//!
//! A list of `{"body": "...", "base64Encoded": true, "properties": {...}}`,
//! taken wholly or not at all: the first entry that does not fit refuses the
//! request.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use twinhub_core::messages::Message;

use super::message::message_of;
use crate::refusal::Refusal;
use crate::request::parse_json;

/// The type of a request's body that is a batch.
pub const BATCH_TYPE: &str = "application/vnd.microsoft.iothub.json";
/// The most messages in a batch.
/// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling>
pub const MAX_MESSAGES: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    body: String,
    #[serde(default)]
    base64_encoded: Option<bool>,
    #[serde(default)]
    properties: Option<Map<String, Value>>,
}

/// Reads a batch.
pub fn parse_batch(body: &[u8]) -> Result<Vec<Message>, Refusal> {
    let entries: Vec<Value> = parse_json(body)?;
    if entries.is_empty() {
        return Err(Refusal::invalid("a batch has at least one message"));
    }
    if entries.len() > MAX_MESSAGES {
        return Err(Refusal::invalid(format!(
            "a batch has at most {MAX_MESSAGES} messages, this one has {}",
            entries.len()
        )));
    }
    let read = |(index, entry)| {
        message(entry).map_err(|reason| {
            Refusal::invalid(format!(
                "message {index} of the batch, counted from 0, can't be taken: {reason}"
            ))
        })
    };
    entries.into_iter().enumerate().map(read).collect()
}

fn message(entry: Value) -> Result<Message, String> {
    // A derived reader would take an array for the members in their order.
    if !entry.is_object() {
        return Err("it must be a JSON object".to_owned());
    }
    let entry: Entry = serde_json::from_value(entry).map_err(|error| error.to_string())?;
    let body = match entry.base64_encoded {
        Some(false) => Bytes::from(entry.body),
        None | Some(true) => BASE64_STANDARD
            .decode(&entry.body)
            .map_err(|error| {
                format!("its body is not base64 ({error}); say \"base64Encoded\": false for text")
            })?
            .into(),
    };
    let properties = entry.properties.unwrap_or_default();
    let pairs = properties
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name.as_str(), Some(text.as_str()))),
            Value::Null => Ok((name.as_str(), None)),
            _ => Err(format!("the value of its property {name} must be a text")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(message_of(pairs.into_iter(), body))
}

#[cfg(test)]
mod tests {
    use twinhub_core::messages::SystemProperty;

    use super::*;
    use crate::error_codes;

    #[test]
    fn bodies_are_base64_unless_they_say_otherwise() {
        let batch = br#"[
            {"body": "aGVsbG8="},
            {"body": "aGVsbG8=", "base64Encoded": true},
            {"body": "hello", "base64Encoded": false, "properties": null}
        ]"#;

        let messages = parse_batch(batch).unwrap();

        let bodies: Vec<_> = messages.iter().map(|message| &message.body[..]).collect();
        assert_eq!(bodies, [b"hello", b"hello", b"hello"]);
    }

    #[test]
    fn properties_are_named_as_headers_are() {
        let batch = br#"[{"body": "", "properties": {
            "iothub-app-Hall": "7", "iothub-messageid": "m-1", "other": "x"
        }}]"#;

        let messages = parse_batch(batch).unwrap();

        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].application, [("Hall".into(), Some("7".into()))]);
        assert_eq!(
            messages[0].system,
            [(SystemProperty::MessageId, "m-1".into())]
        );
    }

    #[test]
    fn one_malformed_message_refuses_the_batch_and_is_named() {
        for entry in [
            r#"{}"#,
            r#"{"body": 5}"#,
            r#"{"body": "not base64!"}"#,
            r#"{"body": "", "base64Encoded": "yes"}"#,
            r#"{"body": "", "properties": {"iothub-app-x": {}}}"#,
            r#"{"body": "", "properties": []}"#,
            r#"["aGVsbG8="]"#,
            r#""aGVsbG8=""#,
        ] {
            let batch = format!(r#"[{{"body": "aGVsbG8="}}, {entry}]"#);

            let refusal = parse_batch(batch.as_bytes()).unwrap_err();

            assert_eq!(refusal.code, error_codes::ARGUMENT_INVALID, "{entry}");
            assert!(refusal.message.contains("message 1 "), "{refusal:?}");
        }
    }

    #[test]
    fn what_is_no_list_of_1_to_500_messages_is_refused() {
        let too_many = format!("[{}]", vec![r#"{"body":""}"#; 501].join(","));
        for (batch, code) in [
            ("[]", error_codes::ARGUMENT_INVALID),
            ("{}", error_codes::ARGUMENT_INVALID),
            (too_many.as_str(), error_codes::ARGUMENT_INVALID),
            ("[{", error_codes::FORMAT_ERROR),
            ("", error_codes::FORMAT_ERROR),
        ] {
            let refusal = parse_batch(batch.as_bytes()).unwrap_err();

            assert_eq!(refusal.code, code, "{batch:.20}");
        }
        let most = format!("[{}]", vec![r#"{"body":""}"#; 500].join(","));
        assert_eq!(parse_batch(most.as_bytes()).unwrap().len(), 500);
    }
}
