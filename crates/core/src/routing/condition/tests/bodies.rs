//! Parts of the body.

use super::*;
use crate::events::{Event, EventSource, Origin};
use crate::ids::{DeviceId, IdentityId};
use crate::messages::{Message, SystemProperty};
use crate::routing::EventSubject;
use crate::time::Timestamp;

const BODY: &str = r#"{"message":{"Weather":{"Temperature":50,"NullValue":null,
    "Time":"2017-03-09T00:00:00.000Z","PrevTemperatures":[20,30,40],
    "IsEnabled":true,"IsDisabled":false,"Location":{"City":"Redmond","State":"WA"},
    "HistoricalData":[{"Month":"Feb","Temperature":40}],"Conflict":50}}}"#;

fn event(content_type: Option<&str>, encoding: Option<&str>, body: &[u8]) -> Event {
    let system = [
        (SystemProperty::ContentType, content_type),
        (SystemProperty::ContentEncoding, encoding),
    ];
    let application = [
        ("City", "Redmond"),
        ("$State", "WA"),
        ("$body.message.Weather.Conflict", "100"),
    ];
    Event {
        sequence_number: 0,
        offset: 0,
        enqueued: Timestamp::from_unix_seconds(1_800_000_000),
        origin: Origin {
            identity: IdentityId::Device(DeviceId::parse("pump-7").unwrap()),
            generation: Timestamp::from_unix_seconds(1_700_000_000),
            auth_method: None,
            model_id: Some("dtmi:plant:pump;1".into()),
            source: EventSource::Telemetry,
        },
        message: Message {
            system: system
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?.into())))
                .collect(),
            application: application
                .map(|(name, value)| (name.into(), Some(value.into())))
                .into(),
            body: body.to_vec().into(),
        },
    }
}

fn weather() -> Event {
    event(Some("application/json"), Some("utf-8"), BODY.as_bytes())
}

/// `W` is the weather.
fn condition(text: &str) -> String {
    text.replace("W.", "$body.message.Weather.")
}

#[test]
fn published_examples_come_out_as_published() {
    let event = weather();
    let subject = EventSubject::new((&event).into(), None);
    for (text, outcome) in [
        ("$BODY.message.Weather.Temperature >= 50", True),
        ("W.Temperature = '50'", False),
        ("W.Temperature <> '100'", True),
        ("W.PrevTemperatures[1] / W.PrevTemperatures[0] = 1.5", True),
        ("W.HistoricalData[0].Month = 'Feb'", True),
        ("W.Location.City = City", True),
        ("W.Location.State = $State", True),
        ("W.IsEnabled", True),
        ("NOT W.IsDisabled", True),
        ("W.InvalidKey <> '100'", True),
        ("W.NullValue = null", True),
        ("W.InvalidKey = null", True),
        ("W.Temperature != null", True),
        ("W.HistoricalData[0].Temperature.InvalidKey", Undefined),
        ("W.Time <> '100'", Undefined),
        ("$body.message.Weather <> null", Undefined),
        ("W.Conflict = '100'", True),
        ("{W.Conflict} <> 100", True),
        ("$body", Undefined),
        ("$body[0]", Undefined),
        (
            "power(W.Temperature, length(W.Location.State)) = 2500",
            True,
        ),
    ] {
        assert_eq!(ask(&subject, &condition(text)), outcome, "{text}");
    }
}

#[test]
fn what_the_body_lacks_is_null_but_not_defined() {
    let event = weather();
    let subject = EventSubject::new((&event).into(), None);
    for (text, outcome) in [
        ("is_defined(W.Temperature)", True),
        ("is_defined(W.NullValue)", True),
        ("is_defined(W.InvalidKey)", False),
        ("is_defined(W.InvalidKey.Below)", False),
        ("is_null(W.InvalidKey)", True),
        ("W.PrevTemperatures[3] = null", True),
        ("W.Temperature[0] = null", Undefined),
        ("is_array(W.PrevTemperatures)", True),
        ("is_object(W.Location)", True),
        ("is_primitive(W.Location)", False),
        ("W.Temperature > '4'", Undefined),
        ("W.temperature > 4", Undefined),
    ] {
        assert_eq!(ask(&subject, &condition(text)), outcome, "{text}");
    }
}

#[test]
fn a_body_is_read_in_the_encodings_of_unicode() {
    let json = Some("Application/JSON; charset=x");
    let utf16: Vec<u8> = BODY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf32 = BODY.chars().flat_map(|c| u32::from(c).to_le_bytes());
    let marked = format!("\u{feff}{BODY}");
    for (encoding, body) in [
        ("UTF-8", BODY.as_bytes().to_vec()),
        ("utf-8", marked.into_bytes()),
        ("UTf-16", utf16),
        ("utf-32", utf32.collect()),
    ] {
        let event = event(json, Some(encoding), &body);
        let subject = EventSubject::new((&event).into(), None);
        let outcome = ask(&subject, &condition("W.Temperature >= 50"));
        assert_eq!(outcome, True, "{encoding}");
    }
}

#[test]
fn a_body_that_can_not_be_read_fails_every_condition_that_names_it() {
    let json = Some("application/json");
    let utf8 = Some("utf-8");
    for (event, error) in [
        (event(None, utf8, b"{}"), UnreadableBody::NotSaidToBeJson),
        (
            event(Some("text/json"), utf8, b"{}"),
            UnreadableBody::NotSaidToBeJson,
        ),
        (event(json, None, b"{}"), UnreadableBody::NotSaidToBeUnicode),
        (
            event(json, Some("latin-1"), b"{}"),
            UnreadableBody::NotSaidToBeUnicode,
        ),
        (event(json, utf8, b"Invalid Json"), UnreadableBody::NotJson),
        (event(json, utf8, b"\xff{}"), UnreadableBody::NotJson),
        (
            event(json, Some("utf-16"), b"{}\n"),
            UnreadableBody::NotJson,
        ),
        (
            event(json, Some("utf-32"), b"\0\0\x11\0"),
            UnreadableBody::NotJson,
        ),
        (
            event(json, utf8, "[".repeat(100_000).as_bytes()),
            UnreadableBody::NotJson,
        ),
    ] {
        let subject = EventSubject::new((&event).into(), None);
        for text in ["$body.a = 1", "true or $body.a = 1"] {
            let condition = Condition::compile(text).unwrap();
            assert_eq!(condition.evaluate(&subject), Err(error.clone()));
        }
        assert_eq!(ask(&subject, "City = 'Redmond'"), True);
    }
}

#[test]
fn a_body_that_is_no_object_has_no_parts() {
    for body in ["[1]", "null", "7", "\"a\""] {
        let event = event(Some("application/json"), Some("utf-8"), body.as_bytes());
        let subject = EventSubject::new((&event).into(), None);
        assert_eq!(ask(&subject, "$body.a = null"), Undefined, "{body}");
    }
}

#[test]
fn only_dates_with_a_time_are_taken_for_dates() {
    for (text, outcome) in [
        ("2017-03-09T00:00:00", Undefined),
        ("2017-03-09T00:00:00.1234567Z", Undefined),
        ("2017-03-09T00:00:00+01:00", Undefined),
        ("2017-03-09", False),
        ("2017-03-09T00:00:00.Z", False),
        ("2017-03-09T00:00:00 or so", False),
        ("yesterday", False),
    ] {
        let body = json!({ "at": text }).to_string();
        let event = event(Some("application/json"), Some("utf-8"), body.as_bytes());
        let subject = EventSubject::new((&event).into(), None);
        assert_eq!(ask(&subject, "$body.at = 'x'"), outcome, "{text}");
    }
}

#[test]
fn an_event_says_who_sent_it_and_when() {
    let event = weather();
    let subject = EventSubject::new((&event).into(), None);

    assert_all(
        &subject,
        &[
            ("$connectionDeviceId = 'pump-7'", True),
            ("$connectionModuleId = 'x'", Undefined),
            ("starts_with($enqueuedTime, '2027-01-15T08:00:00')", True),
            ("$dt-dataschema = 'dtmi:plant:pump;1'", True),
            ("$contentEncoding = 'utf-8'", True),
            ("$messageId = 'x'", Undefined),
        ],
    );
}
