//! Direct methods.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use twinhub_core::access::ServicePermit;
use twinhub_core::ids::IdentityId;
use twinhub_core::methods::{MAX_PAYLOAD, MethodCall, MethodName, MethodReply, Methods, Timeouts};

use crate::error_codes as codes;
use crate::refusal::Refusal;
use crate::request::parse_document;
use crate::response::{Body, json};
use crate::waiting::Ends;

/// The largest body of a call: the payload, and what is around it.
pub const MAX_BODY: usize = MAX_PAYLOAD + 4 * 1024;

/// The body of a call. The payload stays as the caller wrote it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    method_name: String,
    payload: Option<Box<RawValue>>,
    response_timeout_in_seconds: Option<u64>,
    connect_timeout_in_seconds: Option<u64>,
}

/// The body of an answer. The payload stays as the device wrote it.
#[derive(Debug, Serialize)]
struct Answer {
    status: i64,
    payload: Box<RawValue>,
}

/// `POST /twins/{id}[/modules/{mid}]/methods`
///
/// The caller's going away, and the hub's stopping, end the waiting.
pub async fn invoke(
    methods: &Methods,
    permit: &ServicePermit,
    target: IdentityId,
    body: &[u8],
    ends: Ends,
) -> Result<Response<Body>, Refusal> {
    let call = call_of(target, body)?;
    let reply = tokio::select! {
        biased;
        ended = ends.either() => return Err(ended),
        reply = methods.invoke(permit, call) => reply?,
    };
    Ok(json(StatusCode::OK, &answer_of(&reply)?))
}

fn call_of(target: IdentityId, body: &[u8]) -> Result<MethodCall, Refusal> {
    let body: Invocation = parse_document(body)?;
    let name = MethodName::parse(&body.method_name);
    let timeouts = Timeouts::from_seconds(
        body.connect_timeout_in_seconds,
        body.response_timeout_in_seconds,
    );
    Ok(MethodCall {
        target,
        name: name.map_err(|error| Refusal::invalid(error.to_string()))?,
        payload: body
            .payload
            .map(|payload| Bytes::from(Box::<str>::from(payload).into_string())),
        timeouts: timeouts.map_err(|error| Refusal::invalid(error.to_string()))?,
    })
}

fn answer_of(reply: &MethodReply) -> Result<Answer, Refusal> {
    let payload = serde_json::from_slice(&reply.payload);
    Ok(Answer {
        status: reply.status,
        payload: payload.map_err(|error| {
            tracing::error!(%error, "an answer that core takes for JSON is none");
            Refusal::new(codes::BAD_GATEWAY, "the answer is not JSON")
        })?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twinhub_core::ids::DeviceId;

    use super::*;

    fn parse(body: &str) -> Result<MethodCall, Refusal> {
        call_of(DeviceId::parse("pump-7").unwrap().into(), body.as_bytes())
    }

    #[test]
    fn the_payload_stays_as_it_was_written() {
        let call =
            parse(r#"{"methodName":"m","payload": {"a" : 1.0e2, "a":12345678901234567890123}}"#);

        let payload = call.unwrap().payload.unwrap();
        assert_eq!(
            &payload[..],
            br#"{"a" : 1.0e2, "a":12345678901234567890123}"#
        );
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        for body in [
            r#"{"methodName":"m"}"#,
            r#"{"methodName":"m","payload":null,"responseTimeoutInSeconds":null,"connectTimeoutInSeconds":null}"#,
        ] {
            let call = parse(body).unwrap();

            assert_eq!(call.payload, None);
            assert_eq!(call.timeouts.connect(), Duration::ZERO);
            assert_eq!(call.timeouts.response(), Duration::from_secs(30));
        }
    }

    #[test]
    fn wrong_types_and_values_are_refused() {
        for body in [
            r#"{"payload":1}"#,
            r#"{"methodName":null}"#,
            r#"{"methodName":7}"#,
            r#"{"methodName":""}"#,
            r#"{"methodName":"a b"}"#,
            r#"{"methodName":"m","responseTimeoutInSeconds":"30"}"#,
            r#"{"methodName":"m","responseTimeoutInSeconds":4}"#,
            r#"{"methodName":"m","responseTimeoutInSeconds":301}"#,
            r#"{"methodName":"m","connectTimeoutInSeconds":-1}"#,
            r#"{"methodName":"m","connectTimeoutInSeconds":1.5}"#,
            r#"{"methodName":"m","connectTimeoutInSeconds":301}"#,
            r#"["m"]"#,
            "null",
        ] {
            let refusal = parse(body).unwrap_err();
            assert_eq!(refusal.code, codes::ARGUMENT_INVALID, "{body}");
        }
        assert_eq!(parse("{").unwrap_err().code, codes::FORMAT_ERROR);
    }
}
