//! Messages as HTTPS has them: properties are headers, the body is the body.
//!
//! A name is matched in any case, because clients write
//! `IoTHub-MessageId` as well as `iothub-messageid`; the name of an
//! application property, behind `iothub-app-`, keeps its case. Headers that
//! are no property of a message are passed over.

use bytes::Bytes;
use http::request;
use twinhub_core::messages::{Message, SystemProperty};

use crate::header_case;
use crate::refusal::Refusal;

/// What stands before the name of an application property.
pub const APPLICATION_PREFIX: &str = "iothub-app-";

/// What a name in a request stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property<'a> {
    System(SystemProperty),
    Application(&'a str),
}

/// Every spelling of the system properties that clients send.
const SYSTEM: [(&str, SystemProperty); 16] = [
    ("iothub-messageid", SystemProperty::MessageId),
    ("iothub-correlationid", SystemProperty::CorrelationId),
    ("iothub-userid", SystemProperty::UserId),
    ("iothub-expiry", SystemProperty::AbsoluteExpiry),
    ("iothub-ack", SystemProperty::Acknowledgement),
    ("iothub-contenttype", SystemProperty::ContentType),
    ("iothub-content-type", SystemProperty::ContentType),
    ("iothub-contentencoding", SystemProperty::ContentEncoding),
    ("iothub-content-encoding", SystemProperty::ContentEncoding),
    ("iothub-creation-time-utc", SystemProperty::CreationTime),
    ("iothub-creationtimeutc", SystemProperty::CreationTime),
    ("iothub-messageschema", SystemProperty::Schema),
    ("iothub-message-schema", SystemProperty::Schema),
    ("iothub-interface-id", SystemProperty::InterfaceId),
    ("iothub-interfaceid", SystemProperty::InterfaceId),
    ("dt-subject", SystemProperty::Component),
];

impl<'a> Property<'a> {
    /// The property that a name stands for, if it is one's.
    fn named(name: &'a str) -> Option<Self> {
        let application = name
            .get(..APPLICATION_PREFIX.len())
            .filter(|start| start.eq_ignore_ascii_case(APPLICATION_PREFIX))
            .map(|start| &name[start.len()..])
            .filter(|rest| !rest.is_empty());
        if let Some(rest) = application {
            return Some(Property::Application(rest));
        }
        SYSTEM
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known))
            .map(|(_, property)| Property::System(*property))
    }
}

/// Puts a message together from names and values; of a system property that
/// is given twice the first counts.
pub fn message_of<'a>(
    properties: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    body: Bytes,
) -> Message {
    let mut message = Message {
        body,
        ..Message::default()
    };
    for (name, value) in properties {
        match Property::named(name) {
            None => {}
            Some(Property::Application(name)) => {
                let property = (name.into(), value.map(Into::into));
                message.application.push(property);
            }
            Some(Property::System(property)) => {
                if let Some(value) = value
                    && message.system(property).is_none()
                {
                    message.system.push((property, value.into()));
                }
            }
        }
    }
    message
}

/// The message that the headers and the body of a request are.
pub async fn message_of_request(head: &request::Parts, body: Bytes) -> Result<Message, Refusal> {
    let spelt = header_case::as_sent(&head.headers, &head.extensions, APPLICATION_PREFIX).await;
    let application = spelt
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()));
    let others = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .filter(|(name, _)| !name.starts_with(APPLICATION_PREFIX));
    let properties = application
        .chain(others)
        .map(|(name, value)| match std::str::from_utf8(value) {
            Ok(value) => Ok((name, Some(value))),
            Err(_) => Err(Refusal::invalid(format!(
                "header {name} is not UTF-8: properties of messages are text"
            ))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(message_of(properties.into_iter(), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_system_property_is_known_in_any_case() {
        for (name, property) in [
            ("IoTHub-MessageId", SystemProperty::MessageId),
            ("iothub-correlationid", SystemProperty::CorrelationId),
            ("IOTHUB-USERID", SystemProperty::UserId),
            ("iothub-contenttype", SystemProperty::ContentType),
            ("iothub-contentencoding", SystemProperty::ContentEncoding),
            ("iothub-creation-time-utc", SystemProperty::CreationTime),
            ("iothub-creationtimeutc", SystemProperty::CreationTime),
            ("iothub-messageschema", SystemProperty::Schema),
            ("iothub-interface-id", SystemProperty::InterfaceId),
            ("dt-subject", SystemProperty::Component),
            ("iothub-expiry", SystemProperty::AbsoluteExpiry),
            ("iothub-ack", SystemProperty::Acknowledgement),
        ] {
            let message = message_of([(name, Some("x"))].into_iter(), Bytes::new());

            assert_eq!(message.system, [(property, "x".into())], "{name}");
        }
    }

    #[test]
    fn an_application_property_keeps_the_case_of_its_name() {
        let headers = [
            ("IotHub-App-MaxTemp", Some("21")),
            ("iothub-app-bare", None),
        ];

        let message = message_of(headers.into_iter(), Bytes::from_static(b"x"));

        assert_eq!(
            message.application,
            [("MaxTemp".into(), Some("21".into())), ("bare".into(), None)]
        );
        assert_eq!(&message.body[..], b"x");
    }

    #[test]
    fn other_headers_and_the_content_type_of_the_request_are_no_properties() {
        let headers = [
            ("content-type", Some("application/octet-stream")),
            ("iothub-to", Some("/devices/d/messages/events")),
            ("iothub-operation", Some("d2c")),
            ("iothub-app-", Some("no name")),
            ("authorization", Some("secret")),
        ];

        let message = message_of(headers.into_iter(), Bytes::new());

        assert_eq!(message, Message::default());
    }

    #[test]
    fn the_first_of_two_values_counts() {
        let headers = [
            ("iothub-messageid", Some("a")),
            ("IotHub-MessageId", Some("b")),
        ];

        let message = message_of(headers.into_iter(), Bytes::new());

        assert_eq!(message.system(SystemProperty::MessageId), Some("a"));
    }
}
