//! What the API answers, and what it says of what it refuses.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The largest answer that a page is made of: a page of a hundred twins, each
/// as large as twins can be.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// What the API answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, ApiError> {
        self.read()
    }

    /// The body as a document.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(ApiError::Unexpected)
    }

    /// The body as a document that borrows from it.
    pub fn read_borrowed<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(ApiError::Unexpected)
    }

    /// The same, if the API did what it was asked to.
    pub fn accepted(self) -> Result<Self, ApiError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let named = self.header("iothub-errorcode");
        Err(refused(self.status, named, &self.body))
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The API refused it. The message is a sentence that says what to do.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The hub's name for the error, such as `DeviceNotFound`.
        code: String,
        /// What the hub says.
        message: String,
    },
    /// The session is no operator's.
    #[error("only operators may do this: sign in with the link that `twinhub portal-link` prints")]
    NotOperator,
    /// No policy has what the operator's call needs.
    #[error("the hub has no shared access policy; create one on the page of policies")]
    NoPolicy,
    /// The answer is too large for a page.
    #[error("the answer is larger than a page can show; ask for less at once")]
    TooLarge,
    /// The answer is not what was expected: a defect.
    #[error("the hub's answer could not be read")]
    Unexpected(#[source] serde_json::Error),
}

impl ApiError {
    /// What the API would refuse was not even asked.
    pub fn unasked(status: StatusCode, sentence: &str) -> Self {
        ApiError::Refused {
            status,
            code: String::new(),
            message: sentence.to_owned(),
        }
    }

    /// The status of a page about it.
    pub fn status(&self) -> StatusCode {
        match self {
            ApiError::Refused { status, .. } => *status,
            ApiError::NotOperator | ApiError::NoPolicy => StatusCode::FORBIDDEN,
            ApiError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::Unexpected(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// The hub's name for the error, if it gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            ApiError::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// Reads an answer to a call that must be done.
pub(super) async fn reply(response: Response<Body>) -> Result<Reply, ApiError> {
    read(response).await?.accepted()
}

/// Reads an answer, also a refusal.
pub(super) async fn read(response: Response<Body>) -> Result<Reply, ApiError> {
    let (head, body) = response.into_parts();
    let body = match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(ApiError::TooLarge),
        Err(_) => Bytes::new(),
    };
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body,
    })
}

/// What the API says of a refusal, which stands in one of three envelopes.
fn refused(status: StatusCode, named: Option<&str>, body: &[u8]) -> ApiError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let (code, message) = said(&body);
    let unnamed = || format!("the hub answered with status {status}");
    ApiError::Refused {
        status,
        code: named.map(str::to_owned).or(code).unwrap_or_default(),
        message: message
            .filter(|text| !text.is_empty())
            .unwrap_or_else(unnamed),
    }
}

fn said(body: &Value) -> (Option<String>, Option<String>) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(message) = body["Message"].as_str() {
        // Methods say theirs as JSON within JSON.
        if let Ok(inner @ Value::Object(_)) = serde_json::from_str(message) {
            return (None, text(&inner["message"]));
        }
        let named = message.strip_prefix("ErrorCode:");
        return match named.and_then(|rest| rest.split_once(';')) {
            Some((code, sentence)) => (Some(code.to_owned()), Some(sentence.to_owned())),
            None => (None, Some(message.to_owned())),
        };
    }
    if let Some(item) = body.pointer("/errors/0") {
        return (text(&item["errorCode"]), text(&item["errorStatus"]));
    }
    (text(&body["code"]), text(&body["message"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_envelope_of_a_refusal_is_understood() {
        let method = json!({"message": "no answer in time", "errorCode": 404_103}).to_string();
        for (body, code, message) in [
            (
                json!({"Message": "ErrorCode:DeviceNotFound;no such device"}),
                "DeviceNotFound",
                "no such device",
            ),
            (json!({"Message": method}), "", "no answer in time"),
            (
                json!({"code": "ResourceNotFound", "message": "no such hub"}),
                "ResourceNotFound",
                "no such hub",
            ),
            (
                json!({"errors": [{"errorCode": "DeviceAlreadyExists", "errorStatus": "it is there"}]}),
                "DeviceAlreadyExists",
                "it is there",
            ),
            (
                json!("what?"),
                "",
                "the hub answered with status 404 Not Found",
            ),
        ] {
            let refused = refused(StatusCode::NOT_FOUND, None, body.to_string().as_bytes());

            assert_eq!(refused.code(), Some(code), "{body}");
            assert_eq!(refused.to_string(), message, "{body}");
        }
    }
}
