//! A hub's no, in a person's words.
//!
//! Hubs write errors in several envelopes: `{"Message":"ErrorCode:Name;text"}`,
//! the same with a JSON text as `Message`, a bare object, a list of `errors`
//! of the items of a bulk call, and the resource provider's
//! `{"code", "message"}`, which may stand in an `error` member.

use std::fmt;

use serde_json::Value;

/// A request that the hub refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The hub's name or number for the error.
    pub code: Option<String>,
    /// What the hub said about it.
    pub message: Option<String>,
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// Reads the error in `body`; `named` is the `iothub-errorcode` header.
    pub fn read(status: u16, named: Option<String>, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let (code, message) = envelope(&body);
        Self {
            status,
            code: named.or(code),
            message: message.filter(|text| !text.is_empty()),
        }
    }

    /// Whether whoever asked may not: 403 says other things, too.
    pub fn is_about_rights(&self) -> bool {
        match self.status {
            401 => true,
            403 => !self.code.as_deref().is_some_and(is_of_limits),
            _ => false,
        }
    }

    fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// What to do about it, where that is known.
    fn remedy(&self) -> Option<&'static str> {
        Some(match self.status {
            403 if self.is("DeviceMaximumInflightMethodExceeded") => {
                "wait until it has answered earlier calls"
            }
            403 if self.is("DeviceMaximumQueueDepthExceeded") => {
                "wait until it has taken earlier messages, or drop them with `twinhub c2d-message purge`"
            }
            403 if self.is("JobQuotaExceeded") => {
                "wait for its end, or cancel it: `twinhub job list` and `twinhub job cancel`"
            }
            403 if self.is("InvalidMessageExpiryTime") => "choose a moment that is still to come",
            _ if self.is_about_rights() => {
                "the policy may lack the right for this, or its key was renewed: `twinhub policy list` shows both"
            }
            404 if self.is("DeviceNotOnline") => {
                "it is not connected, or listens to no such method: --connect-timeout waits for it"
            }
            404 if self.is("DeviceConnectionClosedRemotely") => {
                "it may have carried the call out all the same"
            }
            404 if self.is("JobNotFound") => {
                "`twinhub job list` tells the jobs that are remembered"
            }
            // What the command line itself has looked for, in a list.
            404 if self.code.is_none() => "check the name: `list` shows what there is",
            404 => "check the name; in IDs, upper and lower case count",
            // What is said is enough.
            409 if self.is("BackupUnderWay") => return None,
            409 => "it exists already: choose another ID, or update it",
            412 => "it was changed in the meantime: read it again, and use its etag",
            429 => "too many requests: try again in a moment",
            _ => return None,
        })
    }
}

/// The codes of 403 that are no question of rights.
fn is_of_limits(code: &str) -> bool {
    matches!(
        code,
        "IotHubQuotaExceeded"
            | "DeviceMaximumQueueDepthExceeded"
            | "InvalidMessageExpiryTime"
            | "DeviceMaximumInflightMethodExceeded"
            | "OperationNotAvailableInCurrentTier"
            | "JobQuotaExceeded"
    )
}

fn envelope(body: &Value) -> (Option<String>, Option<String>) {
    let body = body.get("error").filter(|e| e.is_object()).unwrap_or(body);
    if let Some(text) = body.get("Message").and_then(Value::as_str) {
        if let Ok(inner @ Value::Object(_)) = serde_json::from_str(text) {
            return envelope(&inner);
        }
        return match text
            .strip_prefix("ErrorCode:")
            .and_then(|rest| rest.split_once(';'))
        {
            Some((code, text)) => (Some(code.to_owned()), Some(text.trim().to_owned())),
            None => (None, Some(text.to_owned())),
        };
    }
    // One item is all that a command sends.
    if let Some(item) = body.pointer("/errors/0") {
        let (code, _) = envelope(item);
        let message = item.get("errorStatus").and_then(Value::as_str);
        return (code, message.map(str::to_owned));
    }
    let code = ["errorCode", "code"].iter().find_map(|key| body.get(key));
    (
        code.map(|code| match code {
            Value::String(name) => name.clone(),
            other => other.to_string(),
        }),
        body.get("message")
            .and_then(Value::as_str)
            .map(str::to_owned),
    )
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "the hub refused with {} {code}", self.status)?,
            None => write!(f, "the hub refused with status {}", self.status)?,
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        match self.remedy() {
            Some(remedy) => write!(f, "\n{remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Failure;

    #[test]
    fn every_envelope_gives_code_and_text() {
        let cases = [
            (
                r#"{"Message":"ErrorCode:DeviceNotFound;pump-7","ExceptionMessage":"Tracking ID:x"}"#,
                ("DeviceNotFound", "pump-7"),
            ),
            (
                r#"{"Message":"{\"errorCode\":404103,\"message\":\"offline\",\"info\":null}","ExceptionMessage":""}"#,
                ("404103", "offline"),
            ),
            (
                r#"{"errorCode":409301,"message":"there is one","timestampUtc":"x"}"#,
                ("409301", "there is one"),
            ),
            (
                r#"{"code":"IotHubNotFound","httpStatusCode":"NotFound","message":"no such hub"}"#,
                ("IotHubNotFound", "no such hub"),
            ),
            (
                r#"{"policyKey":"both","rotatedKeys":[],"errors":[{"id":"a","errorCode":"ArgumentInvalid","errorStatus":"no keys"}]}"#,
                ("ArgumentInvalid", "no keys"),
            ),
            (
                r#"{"error":{"code":"Unauthorized","message":"who are you"}}"#,
                ("Unauthorized", "who are you"),
            ),
        ];
        for (body, (code, message)) in cases {
            let refusal = Refusal::read(400, None, body.as_bytes());

            assert_eq!(refusal.code.as_deref(), Some(code), "for {body}");
            assert_eq!(refusal.message.as_deref(), Some(message), "for {body}");
        }
    }

    #[test]
    fn a_403_that_is_no_question_of_rights_has_a_remedy_of_its_own() {
        for (code, word) in [
            ("DeviceMaximumQueueDepthExceeded", "purge"),
            ("DeviceMaximumInflightMethodExceeded", "earlier calls"),
            ("InvalidMessageExpiryTime", "still to come"),
            ("JobQuotaExceeded", "job cancel"),
        ] {
            let refusal = Refusal::read(403, Some(code.to_owned()), b"");

            assert!(refusal.to_string().contains(word), "{refusal}");
            assert!(!refusal.to_string().contains("policy"), "{refusal}");
            assert_eq!(Failure::Refused(refusal).exit_code(), 1, "{code}");
        }
        for status in [401, 403] {
            let refusal = Refusal::read(status, Some("Unauthorized".to_owned()), b"");

            assert!(refusal.to_string().contains("policy list"), "{refusal}");
            assert_eq!(Failure::Refused(refusal).exit_code(), 4, "{status}");
        }
    }

    #[test]
    fn a_body_that_says_nothing_leaves_the_status_and_the_header() {
        let refusal = Refusal::read(502, Some("GenericBadGateway".into()), b"<html>");

        assert_eq!(
            refusal.to_string(),
            "the hub refused with 502 GenericBadGateway"
        );
    }
}
