//! Samples of what each released format left on disk. Never edit one.

use bytes::Bytes;
use twinhub_core::events::EventSource;
use twinhub_core::time::Timestamp;

use super::*;

fn row(origin: &str) -> OutboxRow {
    OutboxRow {
        at: 4,
        origin: origin.to_owned(),
        message: MessageRow {
            format: 1,
            properties:
                r#"{"system":[["user_id","plant"]],"application":[["opType","updateTwin"]]}"#
                    .to_owned(),
            body: Bytes::from_static(b"{}"),
        },
    }
}

#[test]
fn an_event_of_format_1_is_read_and_written_alike() {
    let cases = [
        (
            r#"{"source":"twin_change","device":"pump-7","module":"sensor","generation":5}"#,
            EventSource::TwinChange,
            "pump-7/sensor",
        ),
        (
            r#"{"source":"lifecycle","device":"pump-7","generation":5}"#,
            EventSource::Lifecycle,
            "pump-7",
        ),
        (
            r#"{"source":"digital_twin_change","device":"pump-7","generation":5}"#,
            EventSource::DigitalTwinChange,
            "pump-7",
        ),
    ];
    for (origin, source, id) in cases {
        let row = row(origin);

        let event = row.decode(1).unwrap();

        assert_eq!(
            (event.source, event.identity.to_string()),
            (source, id.to_owned())
        );
        assert_eq!(event.generation, Timestamp::from_ticks(5));
        assert_eq!(event.at, Timestamp::from_ticks(4));
        assert_eq!(event.message.body, "{}");
        let written = OutboxRow::encode(&event);
        assert_eq!((&*written.origin, written.at), (origin, 4));
        assert_eq!(written.message.properties, row.message.properties);
    }
}

#[test]
fn an_event_that_this_build_cannot_read_is_named() {
    let mut unknown = row(r#"{"source":"lifecycle","device":"pump-7","generation":5}"#);
    unknown.message.format = 9;
    let broken = row(r#"{"source":"weather","device":"pump-7","generation":5}"#);

    let errors = [unknown, broken].map(|row| row.decode(17).unwrap_err().to_string());

    assert_eq!(
        errors,
        [
            "event 17 of the outbox can't be read as record format 9",
            "event 17 of the outbox can't be read as record format 1"
        ]
    );
}
