//! What is said to a client whose request was not done.

use http::{HeaderName, HeaderValue, Response, header};
use twinhub_core::time::Timestamp;
use uuid::Uuid;

use crate::error_codes::{self, ErrorCode};
use crate::response::{Body, json};

/// A refusal: a code, and a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// The sentence. Shown to clients: never a secret.
    pub message: String,
    /// What methods are allowed, for a wrong one.
    pub allow: Option<&'static str>,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Refusal {
            code,
            message: message.into(),
            allow: None,
        }
    }

    /// Something in the request that does not fit.
    pub fn invalid(message: impl Into<String>) -> Self {
        Refusal::new(error_codes::ARGUMENT_INVALID, message)
    }

    /// A path that takes these methods, and not the one that was asked for.
    pub fn wrong_method(allow: &'static str) -> Self {
        Refusal {
            allow: Some(allow),
            ..Refusal::new(
                error_codes::METHOD_NOT_ALLOWED,
                format!("this path takes {allow}"),
            )
        }
    }

    /// The answer of the data plane.
    pub fn data_plane(&self, now: Timestamp) -> Response<Body> {
        let body = serde_json::json!({
            "Message": format!("ErrorCode:{};{}", self.code.name, plain(&self.message)),
            "ExceptionMessage": format!("Tracking ID:{}", tracking_id(now)),
        });
        self.with_headers(json(self.code.status(), &body))
    }

    /// The answer to a call of a method: what is said is JSON within JSON.
    pub fn nested(&self, now: Timestamp) -> Response<Body> {
        let said = serde_json::json!({
            "errorCode": self.code.number,
            "trackingId": tracking_id(now),
            "message": self.message,
            "info": {},
            "timestampUtc": now.to_string(),
        });
        let body = serde_json::json!({
            "Message": said.to_string(),
            "ExceptionMessage": "",
        });
        self.with_headers(json(self.code.status(), &body))
    }

    /// The answer of the resource provider.
    pub fn management(&self) -> Response<Body> {
        let body = serde_json::json!({
            "code": self.code.name,
            "httpStatusCode": self.code.status().as_str(),
            "message": self.message,
            "error": { "code": self.code.name, "message": self.message },
        });
        self.with_headers(json(self.code.status(), &body))
    }

    fn with_headers(&self, mut response: Response<Body>) -> Response<Body> {
        let headers = response.headers_mut();
        headers.insert(
            HeaderName::from_static("iothub-errorcode"),
            HeaderValue::from_static(self.code.name),
        );
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if self.code == error_codes::REQUEST_ENTITY_TOO_LARGE
            || self.code == error_codes::MESSAGE_TOO_LARGE
            || self.code == error_codes::REQUEST_TIMED_OUT
        {
            // The rest of the body is not read.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// SDKs split the message at `;` and look for JSON at `{`. A sentence about
/// one of these characters, quoted, names it in words.
fn plain(message: &str) -> String {
    message
        .replace("';'", "'semicolon'")
        .replace("'{'", "'opening brace'")
        .replace("'}'", "'closing brace'")
        .replace(';', ",")
        .replace('{', "(")
        .replace('}', ")")
}

/// Tells one failure from another.
pub(crate) fn tracking_id(now: Timestamp) -> String {
    format!("{}-G2:-TimeStamp:{now}", Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sdks_split_at_is_not_in_a_sentence_and_no_other_character_is_named_for_it() {
        for (sentence, said) in [
            ("one; two {three}", "one, two (three)"),
            (
                "the character ';' is odd",
                "the character 'semicolon' is odd",
            ),
            ("'{' and '}'", "'opening brace' and 'closing brace'"),
            ("the character ',' is odd", "the character ',' is odd"),
        ] {
            assert_eq!(plain(sentence), said);
        }
    }
}
