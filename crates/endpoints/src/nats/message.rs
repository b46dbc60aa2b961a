//! An event as a message of NATS: the body as it is, and headers.
//!
//! Headers of a hub's own have the names that readers of the built-in endpoint
//! know; the sender's have `iothub-app-` before theirs, so that no device sets
//! a header that means something to a stream.

use async_nats::header::{HeaderMap, HeaderName, HeaderValue, NATS_MESSAGE_ID};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use twinhub_core::events::EventRef;
use twinhub_core::messages::SystemProperty;

/// What a header's value can't hold, and what says so.
const IN_VALUES: &AsciiSet = &CONTROLS.add(b'%');
/// Beyond that, what a header's name can't hold or need not.
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
const APPLICATION: &str = "iothub-app-";

/// The headers of an event; its ID is its number within `place`.
pub(super) fn headers(event: &EventRef<'_>, place: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let id = format!("{place}/{}", event.sequence_number);
    let mut add = |name: &str, value: &str| {
        let value = utf8_percent_encode(value, IN_VALUES).to_string();
        let name = name.parse::<HeaderName>();
        if let (Ok(name), Ok(value)) = (name, value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    };
    add(NATS_MESSAGE_ID.as_ref(), &id);
    for (property, value) in event.system() {
        add(property.name(), value);
    }
    add("iothub-connection-device-id", event.device);
    if let Some(module) = event.module {
        add("iothub-connection-module-id", module);
    }
    if let Some(method) = event.auth_method {
        add("iothub-connection-auth-method", &method.to_json());
    }
    let generation = event.generation.ticks().to_string();
    add("iothub-connection-auth-generation-id", &generation);
    add("iothub-enqueuedtime", &event.enqueued.to_string());
    add("iothub-message-source", event.source.name());
    if let Some(model) = event.model_id {
        add(SystemProperty::ModelId.name(), model);
    }
    for (name, value) in event.application() {
        let name = utf8_percent_encode(name, IN_NAMES);
        add(&format!("{APPLICATION}{name}"), value.unwrap_or_default());
    }
    headers
}

#[cfg(test)]
mod tests {
    use twinhub_core::messages::Message;

    use super::*;
    use crate::samples::event;

    fn of(message: Message) -> HeaderMap {
        headers(&(&event(7, message)).into(), "plant/e/3")
    }

    #[test]
    fn headers_say_who_sent_an_event_and_which_it_is() {
        let headers = of(Message {
            system: vec![(SystemProperty::ContentType, "text/plain".into())],
            application: vec![("hall".into(), Some("7".into())), ("bare".into(), None)],
            body: "body".into(),
        });

        let get = |name: &str| headers.get(name).map(HeaderValue::as_str);
        assert_eq!(get("Nats-Msg-Id"), Some("plant/e/3/7"));
        assert_eq!(get("content-type"), Some("text/plain"));
        assert_eq!(get("iothub-connection-device-id"), Some("pump-7"));
        assert_eq!(get("iothub-connection-module-id"), Some("sensor"));
        assert_eq!(
            get("iothub-enqueuedtime"),
            Some("2026-11-21T08:00:00.0000000Z")
        );
        assert_eq!(get("iothub-message-source"), Some("Telemetry"));
        assert_eq!(get("dt-dataschema"), Some("dtmi:plant:pump;1"));
        assert_eq!(get("iothub-app-hall"), Some("7"));
        assert_eq!(get("iothub-app-bare"), Some(""));
    }

    #[test]
    fn a_sender_sets_no_headers_but_its_own() {
        let headers = of(Message {
            application: vec![
                ("Nats-Rollup".into(), Some("all".into())),
                (
                    "a: b\r\nNats-Msg-Id".into(),
                    Some("1\r\nNats-TTL: 5%\u{e9}".into()),
                ),
            ],
            ..Message::default()
        });

        let get = |name: &str| headers.get(name).map(HeaderValue::as_str);
        assert_eq!(get("Nats-Rollup"), None);
        assert_eq!(get("iothub-app-Nats-Rollup"), Some("all"));
        assert_eq!(
            get("iothub-app-a%3A%20b%0D%0ANats-Msg-Id"),
            Some("1%0D%0ANats-TTL: 5%25%C3%A9")
        );
        assert_eq!(get("Nats-Msg-Id"), Some("plant/e/3/7"));
    }
}
