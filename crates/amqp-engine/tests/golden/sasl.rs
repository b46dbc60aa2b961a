//! Frames of the negotiation before a connection.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::sasl::{Init, Mechanisms, Outcome, OutcomeCode, SaslFrame};
use twinhub_amqp_engine::value::Symbol;

use crate::{assert_bytes, golden, only_frame};

#[test]
fn sasl_frames_are_written_as_the_golden_bytes_say() {
    for (name, frame) in frames() {
        let mut written = BytesMut::new();
        frame.encode(512, &mut written).unwrap();

        assert_bytes(&written, &golden(name), name);
    }
}

#[test]
fn golden_bytes_are_read_as_their_sasl_frames() {
    for (name, frame) in frames() {
        let read = SaslFrame::decode(only_frame(&golden(name)), Limits::default());

        assert_eq!(read, Ok(frame), "{name}");
    }
}

#[test]
fn what_a_client_proves_itself_with_is_not_shown() {
    let init = Init {
        mechanism: Symbol::from_static("PLAIN"),
        initial_response: Some(Bytes::from_static(b"secret")),
        hostname: None,
    };

    assert!(!format!("{init:?}").contains("secret"));
}

fn frames() -> Vec<(&'static str, SaslFrame)> {
    let mechanisms = |names: &[&'static str]| {
        SaslFrame::Mechanisms(Mechanisms {
            mechanisms: names.iter().copied().map(Symbol::from_static).collect(),
        })
    };
    vec![
        (
            "sasl_mechanisms",
            mechanisms(&["MSSBCBS", "PLAIN", "ANONYMOUS"]),
        ),
        ("sasl_mechanisms_one", mechanisms(&["ANONYMOUS"])),
        (
            "sasl_init",
            SaslFrame::Init(Init {
                mechanism: Symbol::from_static("PLAIN"),
                initial_response: Some(Bytes::from_static(b"\0u\0p")),
                hostname: Some("hub".into()),
            }),
        ),
        (
            "sasl_outcome",
            SaslFrame::Outcome(Outcome {
                code: OutcomeCode::Auth,
                additional_data: None,
            }),
        ),
    ]
}
