//! Twins over MQTT: GET, reports, and changes of desired properties.

use serde_json::{Value, json};
use twinhub_core::access::DevicePermit;
use twinhub_core::time::Timestamp;
use twinhub_core::twins::{ReportedPatch, Twins};

use crate::errors::{Failure, InvalidReport};
use crate::topics::RequestId;

/// An answer to a twin request.
pub(crate) struct Answer {
    status: u16,
    version: Option<u64>,
    /// Empty for a success without contents: Node takes any other text for JSON.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// What a client is told of a failure.
    pub(crate) fn of_failure(failure: &Failure, tracking_id: &str, now: Timestamp) -> Self {
        Answer {
            status: failure.status,
            version: None,
            body: failure.body(tracking_id, now),
        }
    }

    /// Where the answer goes. The C SDK wants `$rid` first, Java a status of
    /// three digits.
    pub(crate) fn topic(&self, request: RequestId<'_>) -> String {
        let (status, rid) = (self.status, request.as_str());
        match self.version {
            Some(version) => format!("$iothub/twin/res/{status:03}/?$rid={rid}&$version={version}"),
            None => format!("$iothub/twin/res/{status:03}/?$rid={rid}"),
        }
    }
}

/// Reads the client's own twin. Whatever stood in the request is ignored.
pub(crate) async fn get(twins: &Twins, permit: &DevicePermit) -> Result<Answer, Failure> {
    let twin = twins.read_own(permit).await?;
    let body = json!({
        "desired": twin.desired.for_device(),
        "reported": twin.reported.for_device(),
    });
    Ok(Answer {
        status: 200,
        version: None,
        body: body.to_string().into_bytes(),
    })
}

/// Merges what the client reports. The answer comes once that is durable.
pub(crate) async fn report(
    twins: &Twins,
    permit: &DevicePermit,
    version: Option<&str>,
    payload: &[u8],
) -> Result<Answer, Failure> {
    let patch = parse_report(version, payload)?;
    let version = twins.report(permit, &patch).await?;
    Ok(Answer {
        status: 204,
        version: Some(version),
        body: Vec::new(),
    })
}

fn parse_report(version: Option<&str>, payload: &[u8]) -> Result<ReportedPatch, InvalidReport> {
    let expected_version = version
        .map(|text| text.parse().map_err(|_| InvalidReport::Version))
        .transpose()?;
    match serde_json::from_slice(payload)? {
        Value::Object(properties) => Ok(ReportedPatch {
            properties,
            expected_version,
        }),
        _ => Err(InvalidReport::NotAnObject),
    }
}

/// Where a change of desired properties goes. The version stands in the topic
/// for Java, and in the patch for Python.
pub(crate) fn change_topic(version: u64) -> String {
    format!("$iothub/twin/PATCH/properties/desired/?$version={version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_json_object_and_its_version_a_number() {
        assert!(parse_report(Some("7"), br#"{"a":{"b":null}}"#).is_ok());
        for (version, payload) in [
            (None, b"".as_slice()),
            (None, b"{"),
            (None, b"{}{}"),
            (None, b"[1]"),
            (None, b"null"),
            (None, b"{\"a\":\"\xff\"}"),
            (Some("x"), b"{}"),
            (Some(""), b"{}"),
            (Some("-1"), b"{}"),
        ] {
            assert!(parse_report(version, payload).is_err(), "{payload:?}");
        }
    }

    #[test]
    fn brackets_without_end_do_not_exhaust_the_stack() {
        assert!(parse_report(None, "[".repeat(200_000).as_bytes()).is_err());
    }
}
