//! Messages to devices and modules, and what becomes of them, over REST.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use twinhub_core::access::{DevicePermit, ServicePermit};
use twinhub_core::c2d::{
    CloudToDevice, DEFAULT_LOCK, FeedbackRecord, Holder, InvalidNewMessage, LockToken, NewMessage,
    SendError,
};
use twinhub_core::ids::{DeviceId, IdentityId};
use twinhub_core::messages::Message;

use crate::documents::delivery::delivery_answer;
use crate::documents::message::message_of_request;
use crate::refusal::Refusal;
use crate::request::Query;
use crate::response::{Body, empty, json as json_response};

type Answer = Result<Response<Body>, Refusal>;

/// The type of a batch of feedback.
const FEEDBACK_TYPE: HeaderValue =
    HeaderValue::from_static("application/vnd.microsoft.iothub.feedback.json");

/// `POST /devices/{id}[/modules/{mid}]/messages/deviceBound`
pub async fn send(
    c2d: &CloudToDevice,
    permit: &ServicePermit,
    to: &IdentityId,
    head: &request::Parts,
    body: Bytes,
) -> Answer {
    let message = new_message(message_of_request(head, body).await?)?;
    match c2d.send(permit, to, message.clone()).await {
        Ok(_) => {}
        Err(SendError::NoSuchDevice(device)) => {
            // IoT Explorer encodes the ID twice, here and nowhere else.
            let again = decoded(to).ok_or(SendError::NoSuchDevice(device))?;
            c2d.send(permit, &again, message).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// The identity whose device ID is encoded once more, if it is.
fn decoded(to: &IdentityId) -> Option<IdentityId> {
    let text = to.device_id().as_str();
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    let device = DeviceId::parse(&decoded).ok().filter(|_| decoded != text)?;
    Some(match to.module_id() {
        None => device.into(),
        Some(module) => IdentityId::module(device, module.clone()),
    })
}

fn new_message(message: Message) -> Result<NewMessage, Refusal> {
    message.try_into().map_err(|error| match error {
        InvalidNewMessage::Acknowledgement(error) => {
            Refusal::invalid(format!("header iothub-ack: {error}"))
        }
        InvalidNewMessage::Expiry => {
            Refusal::invalid("header iothub-expiry must be a date such as 2026-11-21T08:00:00Z")
        }
    })
}

/// `DELETE /devices/{id}[/modules/{mid}]/commands`
pub async fn purge(c2d: &CloudToDevice, permit: &ServicePermit, of: &IdentityId) -> Answer {
    let purged = c2d.purge(permit, of).await?;
    let body = json!({
        "totalMessagesPurged": purged,
        "deviceId": of.device_id().as_str(),
        "moduleId": of.module_id().map(|module| module.as_str()),
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// `GET /devices/{id}/messages/deviceBound`: never waits for a message.
pub async fn receive(
    c2d: &CloudToDevice,
    permit: &DevicePermit,
    query: &Query,
    headers: &HeaderMap,
) -> Answer {
    let lock = lock_timeout(query, headers)?;
    match c2d.receive(permit, Holder::Request, lock).await? {
        None => Ok(empty(StatusCode::NO_CONTENT)),
        Some(delivery) => Ok(delivery_answer(permit.id().device_id(), delivery).await),
    }
}

/// How long the message shall be locked: a header in most clients, a part of
/// the query in .NET's. What is out of bounds is moved into them.
fn lock_timeout(query: &Query, headers: &HeaderMap) -> Result<Duration, Refusal> {
    const NAME: &str = "iothub-messagelocktimeout";
    let asked = match headers.get(NAME) {
        Some(value) => Some(value.to_str().unwrap_or("?")),
        None => query.get(NAME),
    };
    let Some(asked) = asked else {
        return Ok(DEFAULT_LOCK);
    };
    asked
        .trim()
        .parse()
        .map(Duration::from_secs)
        .map_err(|_| Refusal::invalid("IotHub-MessageLockTimeout must be a number of seconds"))
}

/// `DELETE /devices/{id}/messages/deviceBound/{lock}[?reject]`
pub async fn complete_or_reject(
    c2d: &CloudToDevice,
    permit: &DevicePermit,
    lock: &str,
    query: &Query,
) -> Answer {
    let lock = lock_token(lock)?;
    if is_rejection(query) {
        c2d.reject(permit, &lock).await?;
    } else {
        c2d.complete(permit, &lock).await?;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Clients send `reject` with no value, an empty one or `true`, and Java's
/// names it `?reject`.
fn is_rejection(query: &Query) -> bool {
    ["reject", "?reject"]
        .iter()
        .filter_map(|name| query.get(name))
        .any(|value| !value.eq_ignore_ascii_case("false"))
}

/// `POST /devices/{id}/messages/deviceBound/{lock}/abandon`
pub async fn abandon(c2d: &CloudToDevice, permit: &DevicePermit, lock: &str) -> Answer {
    c2d.abandon(permit, &lock_token(lock)?).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `GET /messages/serviceBound/feedback`: never waits for feedback.
pub async fn receive_feedback(c2d: &CloudToDevice, permit: &ServicePermit) -> Answer {
    let Some(batch) = c2d.receive_feedback(permit).await? else {
        return Ok(empty(StatusCode::NO_CONTENT));
    };
    let records: Vec<Value> = batch.records.iter().map(FeedbackRecord::to_json).collect();
    let mut response = json_response(StatusCode::OK, &records);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, FEEDBACK_TYPE);
    if let Ok(etag) = HeaderValue::try_from(format!("\"{}\"", batch.lock)) {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}

/// `DELETE /messages/serviceBound/feedback/{lock}`
pub async fn complete_feedback(c2d: &CloudToDevice, permit: &ServicePermit, lock: &str) -> Answer {
    c2d.complete_feedback(permit, &lock_token(lock)?).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `POST /messages/serviceBound/feedback/{lock}/abandon`
pub async fn abandon_feedback(c2d: &CloudToDevice, permit: &ServicePermit, lock: &str) -> Answer {
    c2d.abandon_feedback(permit, &lock_token(lock)?).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn lock_token(text: &str) -> Result<LockToken, Refusal> {
    text.trim_matches('"')
        .parse()
        .map_err(|error| Refusal::invalid(format!("the lock in the path: {error}")))
}

#[cfg(test)]
mod tests {
    use twinhub_core::c2d::Acknowledgement;
    use twinhub_core::messages::SystemProperty;
    use twinhub_core::time::Timestamp;

    use super::*;
    use crate::error_codes;

    fn with(property: SystemProperty, value: &str) -> Message {
        Message {
            system: vec![(property, value.into())],
            ..Message::default()
        }
    }

    #[test]
    fn acknowledgement_and_expiry_are_about_the_message_and_no_part_of_it() {
        let acknowledged = new_message(with(SystemProperty::Acknowledgement, "Full")).unwrap();
        let expiring =
            new_message(with(SystemProperty::AbsoluteExpiry, "2026-11-21T08:00:00Z")).unwrap();

        assert_eq!(acknowledged.ack, Acknowledgement::Full);
        assert_eq!(expiring.expires, Timestamp::parse("2026-11-21T08:00:00Z"));
        assert!(acknowledged.message.system.is_empty());
        assert!(expiring.message.system.is_empty());
    }

    #[test]
    fn malformed_acknowledgements_and_dates_are_refused() {
        for message in [
            with(SystemProperty::Acknowledgement, "sometimes"),
            with(SystemProperty::AbsoluteExpiry, "tomorrow"),
        ] {
            let refusal = new_message(message).unwrap_err();

            assert_eq!(refusal.code, error_codes::ARGUMENT_INVALID);
        }
    }

    #[test]
    fn the_lock_timeout_comes_in_the_header_or_in_the_query() {
        let of = |query: &str, header: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = header {
                headers.insert("IotHub-MessageLockTimeout", HeaderValue::from_static(value));
            }
            lock_timeout(&Query::parse(Some(query)), &headers).ok()
        };

        assert_eq!(of("", None), Some(DEFAULT_LOCK));
        assert_eq!(
            of("IotHub-MessageLockTimeout=30", None),
            Some(Duration::from_secs(30))
        );
        assert_eq!(of("", Some("90")), Some(Duration::from_secs(90)));
        assert_eq!(of("", Some("soon")), None);
        assert_eq!(of("iothub-messagelocktimeout=-1", None), None);
    }

    #[test]
    fn every_client_s_way_to_reject_is_understood() {
        for (query, expected) in [
            ("api-version=x&reject", true),
            ("reject=", true),
            ("reject=true", true),
            ("%3Freject=true", true),
            ("reject=false", false),
            ("api-version=x", false),
        ] {
            assert_eq!(
                is_rejection(&Query::parse(Some(query))),
                expected,
                "{query}"
            );
        }
    }

    #[test]
    fn an_id_that_was_encoded_twice_is_decoded_once_more() {
        let id = |text| IdentityId::from(DeviceId::parse(text).unwrap());

        assert_eq!(decoded(&id("a%40b")), Some(id("a@b")));
        assert_eq!(decoded(&id("pump-7")), None);
        assert_eq!(decoded(&id("a%20b")), None);
    }
}
