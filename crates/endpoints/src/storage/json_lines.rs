//! One JSON object a line.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use twinhub_core::events::EventRef;

use super::record::{Application, Properties, system_properties};

/// The type of bodies that are JSON.
const JSON: [&str; 1] = ["application/json"];

/// All but the body.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Head<'a, 'e> {
    enqueued_time_utc: &'a str,
    properties: Application<'a, 'e>,
    system_properties: Properties<'a>,
}

/// Appends an event's line.
pub(super) fn append(lines: &mut Vec<u8>, event: &EventRef<'_>) {
    let enqueued = event.enqueued.to_string();
    let head = Head {
        enqueued_time_utc: &enqueued,
        properties: Application(event),
        system_properties: system_properties(event, &enqueued),
    };
    serde_json::to_writer(&mut *lines, &head).expect("maps of strings are written to memory");
    // The body goes into the object that was written.
    lines.pop();
    lines.extend_from_slice(br#","Body":"#);
    match crate::json::body(event, &JSON) {
        Some(json) => {
            // Line breaks between its tokens would be the file's; in strings
            // there are none.
            let is_break = |byte: u8| matches!(byte, b'\n' | b'\r');
            let bytes = json.trim().bytes();
            lines.extend(bytes.map(|byte| if is_break(byte) { b' ' } else { byte }));
        }
        None => {
            lines.push(b'"');
            lines.extend_from_slice(BASE64_STANDARD.encode(event.body()).as_bytes());
            lines.push(b'"');
        }
    }
    lines.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use twinhub_core::messages::{Message, SystemProperty};

    use super::*;
    use crate::samples::event;

    fn lines(messages: Vec<Message>) -> Vec<Value> {
        let mut lines = Vec::new();
        for message in messages {
            append(&mut lines, &(&event(7, message)).into());
        }
        let text = String::from_utf8(lines).unwrap();
        assert!(text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn said_to_be(content_type: &str, encoding: &str, body: &'static [u8]) -> Message {
        Message {
            system: vec![
                (SystemProperty::ContentType, content_type.into()),
                (SystemProperty::ContentEncoding, encoding.into()),
            ],
            application: vec![],
            body: bytes::Bytes::from_static(body),
        }
    }

    #[test]
    fn a_line_has_four_members_and_the_names_of_storage() {
        let message = Message {
            system: vec![
                (SystemProperty::MessageId, "m-1".into()),
                (SystemProperty::CorrelationId, "c-1".into()),
                (SystemProperty::UserId, "u-1".into()),
                (SystemProperty::Component, "thermostat".into()),
            ],
            application: vec![("hall".into(), Some("7".into())), ("bare".into(), None)],
            body: bytes::Bytes::from_static(b"{\"t\":1}"),
        };

        let line = lines(vec![message]).remove(0);

        assert_eq!(
            line,
            json!({
                "EnqueuedTimeUtc": "2026-11-21T08:00:00.0000000Z",
                "Properties": {"hall": "7", "bare": "", "iothub-message-source": "Telemetry"},
                "SystemProperties": {
                    "messageId": "m-1",
                    "correlationId": "c-1",
                    "userId": "u-1",
                    "dt-subject": "thermostat",
                    "connectionDeviceId": "pump-7",
                    "connectionModuleId": "sensor",
                    "connectionAuthMethod": "{\"scope\":\"module\",\"type\":\"sas\",\"issuer\":\"iothub\",\"acceptingIpFilterRule\":null}",
                    "connectionDeviceGenerationId": "638000000000000000",
                    "enqueuedTime": "2026-11-21T08:00:00.0000000Z",
                    "dt-dataschema": "dtmi:plant:pump;1",
                },
                "Body": "eyJ0IjoxfQ==",
            })
        );
    }

    #[test]
    fn a_sender_does_not_say_what_kind_of_event_it_sends() {
        let message = Message {
            application: vec![(
                "iothub-message-source".into(),
                Some("twinChangeEvents".into()),
            )],
            ..Message::default()
        };

        let line = lines(vec![message]).remove(0);

        assert_eq!(
            line["Properties"],
            json!({"iothub-message-source": "Telemetry"})
        );
    }

    #[test]
    fn a_body_is_json_if_it_is_said_to_be_and_is() {
        let bodies: Vec<_> = lines(vec![
            said_to_be("application/json", "utf-8", b"{\n \"t\": [21.50,\r\n1]}\n"),
            said_to_be("Application/JSON", "UTF-8", b"\xef\xbb\xbf\"text\""),
            said_to_be("application/json; charset=utf-8", "utf-8", b"[]"),
            said_to_be("application/json", "utf-16", b"{}"),
            said_to_be("text/plain", "utf-8", b"{}"),
            said_to_be("application/json", "utf-8", b"{"),
            said_to_be("application/json", "utf-8", b"\"\xff\""),
            said_to_be("application/json", "utf-8", b""),
        ])
        .iter()
        .map(|line| line["Body"].clone())
        .collect();

        assert_eq!(
            bodies,
            [
                json!({"t": [21.5, 1]}),
                json!("text"),
                json!([]),
                json!("e30="),
                json!("e30="),
                json!("ew=="),
                json!("Iv8i"),
                json!(""),
            ]
        );
    }
}
