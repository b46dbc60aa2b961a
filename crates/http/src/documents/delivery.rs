//! Messages to devices, as HTTPS has them.
//!
//! Clients compare names with their case: the C SDK looks for `ETag`,
//! `ContentType` and `ContentEncoding`, .NET for lower-case `iothub-*`.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use twinhub_core::c2d::Delivery;
use twinhub_core::ids::DeviceId;
use twinhub_core::messages::SystemProperty;

use super::message::APPLICATION_PREFIX;
use crate::header_case;
use crate::response::{Body, whole};

/// Clients read the count as one byte.
const MAX_DELIVERY_COUNT: u32 = 255;

/// The answer that gives a device its message. A property that HTTP has no
/// header for (a name with blanks, a value with line breaks) is left out.
pub async fn delivery_answer(device: &DeviceId, delivery: Delivery) -> Response<Body> {
    let names: Vec<String> = delivery
        .message
        .application
        .iter()
        .map(|(name, _)| format!("{APPLICATION_PREFIX}{name}"))
        .filter(|name| HeaderName::try_from(name).is_ok())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let spellings = header_case::learn_also(&names).await;
    let headers = headers(device, &delivery);
    let mut response = Response::new(whole(delivery.message.body));
    *response.status_mut() = StatusCode::OK;
    *response.headers_mut() = headers;
    *response.extensions_mut() = spellings;
    response
}

fn headers(device: &DeviceId, delivery: &Delivery) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: &str| {
        let header = HeaderName::try_from(name)
            .ok()
            .zip(HeaderValue::try_from(value).ok());
        if let Some((name, value)) = header {
            headers.append(name, value);
        }
    };
    put(header::ETAG.as_str(), &format!("\"{}\"", delivery.lock));
    put(
        "iothub-sequencenumber",
        &delivery.sequence_number.to_string(),
    );
    put("iothub-enqueuedtime", &delivery.enqueued.to_string());
    put("iothub-expiry", &delivery.expires.to_string());
    put("iothub-ack", &delivery.ack.to_string());
    let count = delivery.delivery_count.min(MAX_DELIVERY_COUNT);
    put("iothub-deliverycount", &count.to_string());
    if delivery.message.system(SystemProperty::To).is_none() {
        put(
            "iothub-to",
            &format!("/devices/{device}/messages/deviceBound"),
        );
    }
    for (property, value) in &delivery.message.system {
        for name in names_of(*property) {
            put(name, value);
        }
    }
    for (name, value) in &delivery.message.application {
        let name = format!("{APPLICATION_PREFIX}{name}");
        put(&name, value.as_deref().unwrap_or_default());
    }
    headers
}

/// The headers of a property: two where clients differ, none where the hub
/// has said it already or sends none.
fn names_of(property: SystemProperty) -> &'static [&'static str] {
    match property {
        SystemProperty::MessageId => &["iothub-messageid"],
        SystemProperty::CorrelationId => &["iothub-correlationid"],
        SystemProperty::UserId => &["iothub-userid"],
        SystemProperty::To => &["iothub-to"],
        SystemProperty::ContentType => &["contenttype", "iothub-contenttype"],
        SystemProperty::ContentEncoding => &["contentencoding", "iothub-contentencoding"],
        SystemProperty::CreationTime => &["iothub-creation-time-utc"],
        SystemProperty::Schema => &["iothub-messageschema"],
        SystemProperty::Operation => &["iothub-operation"],
        SystemProperty::AbsoluteExpiry
        | SystemProperty::Acknowledgement
        | SystemProperty::OutputName
        | SystemProperty::Component
        | SystemProperty::InterfaceId
        | SystemProperty::DiagnosticId
        | SystemProperty::CorrelationContext
        | SystemProperty::ModelId => &[],
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use twinhub_core::c2d::{Acknowledgement, LockToken};
    use twinhub_core::messages::Message;
    use twinhub_core::time::Timestamp;

    use super::*;

    fn delivery(message: Message) -> Delivery {
        Delivery {
            lock: LockToken::from_bytes([7; 16]),
            handle: None,
            redelivered: false,
            sequence_number: 3,
            enqueued: Timestamp::parse("2026-11-21T08:00:00Z").unwrap(),
            expires: Timestamp::parse("2026-11-21T09:00:00Z").unwrap(),
            delivery_count: 300,
            message,
            ack: Acknowledgement::Full,
        }
    }

    #[test]
    fn a_delivery_says_everything_in_headers() {
        let device = DeviceId::parse("pump-7").unwrap();
        let headers = headers(
            &device,
            &delivery(Message {
                system: vec![
                    (SystemProperty::MessageId, "m-1".into()),
                    (SystemProperty::ContentType, "application/json".into()),
                    (SystemProperty::ContentEncoding, "utf-8".into()),
                ],
                application: vec![
                    ("Hall".into(), Some("7".into())),
                    ("bare".into(), None),
                    ("two words".into(), Some("x".into())),
                    ("lines".into(), Some("a\r\nb: c".into())),
                ],
                body: Bytes::new(),
            }),
        );

        let mut written: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        written.sort();
        assert_eq!(
            written,
            [
                "contentencoding: utf-8",
                "contenttype: application/json",
                "etag: \"07070707-0707-0707-0707-070707070707\"",
                "iothub-ack: full",
                "iothub-app-bare: ",
                "iothub-app-hall: 7",
                "iothub-contentencoding: utf-8",
                "iothub-contenttype: application/json",
                "iothub-deliverycount: 255",
                "iothub-enqueuedtime: 2026-11-21T08:00:00.0000000Z",
                "iothub-expiry: 2026-11-21T09:00:00.0000000Z",
                "iothub-messageid: m-1",
                "iothub-sequencenumber: 3",
                "iothub-to: /devices/pump-7/messages/deviceBound",
            ]
        );
    }
}
