//! Twin requests, answers and changes as messages.
//!
//! | request | annotation `operation` | annotation `resource` |
//! |---|---|---|
//! | read the twin | `GET` | passed over |
//! | report properties | `PATCH` | `/properties/reported`; `version` if it must match |
//! | hear of desired properties | `PUT` | `/notifications/twin/properties/desired` |
//! | no longer | `DELETE` | the same |
//!
//! An answer has the correlation-id of its request, type included, and the
//! annotations `status`, an int, and `version`, a long. A change of desired
//! properties has no correlation-id. Bodies are JSON in one data section.

use bytes::{Bytes, BytesMut};
use serde_json::{Value as Json, json};
use twinhub_amqp_engine::decode::{DecodeError, Limits};
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::value::{Map, Symbol, Value};
use twinhub_core::twins::{ReportedPatch, Twin};

use super::body::{NoBytes, joined};

const OPERATION: &str = "operation";
const RESOURCE: Symbol = Symbol::from_static("resource");
const STATUS: Symbol = Symbol::from_static("status");
const VERSION: Symbol = Symbol::from_static("version");

const REPORTED: &str = "/properties/reported";
const DESIRED_NOTIFICATIONS: &str = "/notifications/twin/properties/desired";
const DESIRED: &str = "/properties/desired";

/// The longest correlation of a request, in bytes; far beyond what any client
/// sends.
pub const MAX_CORRELATION: usize = 1024;

/// What a client asks of its twin. It shares no memory with its message.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinRequest {
    /// What the answer repeats.
    pub correlation: MessageId,
    /// What is asked; or why that can't be told.
    pub operation: Result<TwinOperation, InvalidRequest>,
}

/// What can be asked of a twin.
#[derive(Debug, Clone, PartialEq)]
pub enum TwinOperation {
    /// Read it.
    Get,
    /// Merge reported properties.
    Report(ReportedPatch),
    /// Tell changes of desired properties from now on.
    Subscribe,
    /// Tell none from now on.
    Unsubscribe,
}

/// Why a message is no twin request, and can't be answered either.
#[derive(Debug, thiserror::Error)]
pub enum NoRequest {
    /// It is no message.
    #[error("the message cannot be read")]
    Malformed(#[from] DecodeError),
    /// Its answer could not be told from a change of desired properties.
    #[error("the twin request has no correlation id")]
    NoCorrelation,
    /// It would have to be kept until it is answered.
    #[error("the correlation id has more than {MAX_CORRELATION} bytes")]
    LongCorrelation,
}

/// Why a twin request is refused before core sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// The operation.
    #[error("the annotation operation must be GET, PATCH, PUT or DELETE")]
    Operation,
    /// The resource.
    #[error("the operation does not go with the annotation resource")]
    Resource,
    /// The version.
    #[error("the annotation version is not a version")]
    Version,
    /// The body's kind.
    #[error(transparent)]
    Body(#[from] NoBytes),
    /// The body's contents.
    #[error("the reported properties are not JSON: {0}")]
    NotJson(String),
    /// The body's contents.
    #[error("the reported properties are not a JSON object")]
    NotAnObject,
}

impl TwinRequest {
    /// Reads a request.
    pub fn parse(payload: Bytes, limits: Limits) -> Result<Self, NoRequest> {
        let message = Message::decode(payload, limits)?;
        let correlation = message.properties.and_then(|found| found.correlation_id);
        Ok(TwinRequest {
            correlation: kept(correlation.ok_or(NoRequest::NoCorrelation)?)?,
            operation: operation(&message.message_annotations, message.body),
        })
    }
}

/// The correlation in memory of its own.
fn kept(correlation: MessageId) -> Result<MessageId, NoRequest> {
    match correlation {
        MessageId::String(text) if text.len() > MAX_CORRELATION => Err(NoRequest::LongCorrelation),
        MessageId::Binary(bytes) if bytes.len() > MAX_CORRELATION => {
            Err(NoRequest::LongCorrelation)
        }
        MessageId::String(text) => Ok(MessageId::String(String::from(&*text).into())),
        MessageId::Binary(bytes) => Ok(MessageId::Binary(Bytes::copy_from_slice(&bytes))),
        short @ (MessageId::Ulong(_) | MessageId::Uuid(_)) => Ok(short),
    }
}

fn operation(annotations: &Map, body: Body) -> Result<TwinOperation, InvalidRequest> {
    let text = |name| annotations.get(name).and_then(text_of);
    let name = text(OPERATION).ok_or(InvalidRequest::Operation)?;
    let resource = text(RESOURCE.as_str()).unwrap_or_default();
    let about = |wanted: &str| match resource.eq_ignore_ascii_case(wanted) {
        true => Ok(()),
        false => Err(InvalidRequest::Resource),
    };
    match name.to_ascii_uppercase().as_str() {
        "GET" => Ok(TwinOperation::Get),
        "PATCH" => {
            about(REPORTED)?;
            let expected_version = version(annotations.get(VERSION.as_str()))?;
            report(expected_version, &joined(body)?)
        }
        "PUT" => about(DESIRED_NOTIFICATIONS).map(|()| TwinOperation::Subscribe),
        "DELETE" => about(DESIRED_NOTIFICATIONS).map(|()| TwinOperation::Unsubscribe),
        _ => Err(InvalidRequest::Operation),
    }
}

fn report(expected_version: Option<u64>, body: &[u8]) -> Result<TwinOperation, InvalidRequest> {
    let not_json = |error: serde_json::Error| InvalidRequest::NotJson(error.to_string());
    match serde_json::from_slice(body).map_err(not_json)? {
        Json::Object(properties) => Ok(TwinOperation::Report(ReportedPatch {
            properties,
            expected_version,
        })),
        _ => Err(InvalidRequest::NotAnObject),
    }
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Symbol(symbol) => Some(symbol.as_str()),
        _ => None,
    }
}

fn version(value: Option<&Value>) -> Result<Option<u64>, InvalidRequest> {
    let version = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Ulong(number)) => Some(*number),
        Some(Value::Uint(number)) => Some((*number).into()),
        Some(Value::Long(number)) => (*number).try_into().ok(),
        Some(Value::Int(number)) => (*number).try_into().ok(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    version.map(Some).ok_or(InvalidRequest::Version)
}

/// An answer to a twin request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwinAnswer {
    status: i32,
    version: Option<u64>,
    body: Bytes,
}

impl TwinAnswer {
    /// The twin, as its device sees it.
    pub fn twin(twin: &Twin) -> Self {
        let body = json!({
            "desired": twin.desired.for_device(),
            "reported": twin.reported.for_device(),
        });
        TwinAnswer {
            status: 200,
            version: None,
            body: body.to_string().into(),
        }
    }

    /// Reported properties are stored, and at this version now.
    pub fn reported(version: u64) -> Self {
        TwinAnswer {
            status: 204,
            version: Some(version),
            body: Bytes::new(),
        }
    }

    /// Done.
    pub fn done() -> Self {
        TwinAnswer {
            status: 200,
            version: None,
            body: Bytes::new(),
        }
    }

    /// Refused, with one of the hub's codes, which begin with the status.
    pub fn refused(code: u32, description: String) -> Self {
        TwinAnswer {
            status: i32::try_from(code / 1000).unwrap_or(500),
            version: None,
            body: description.into(),
        }
    }

    /// The size of its body.
    pub fn size(&self) -> usize {
        self.body.len()
    }

    /// Appends the answer to the request that had this correlation.
    pub fn write(self, correlation: MessageId, out: &mut BytesMut) {
        let mut annotations = Map::new().with(STATUS, self.status);
        if let Some(version) = self.version {
            annotations.push(VERSION, long(version));
        }
        let properties = Properties {
            correlation_id: Some(correlation),
            ..Properties::default()
        };
        write(Some(properties), annotations, self.body, out);
    }
}

/// Appends a change of desired properties, which is JSON. The version stands in the patch
/// for Node, and in an annotation for .NET.
pub fn write_change(version: u64, patch: Bytes, out: &mut BytesMut) {
    let annotations = Map::new()
        .with(RESOURCE, DESIRED)
        .with(VERSION, long(version));
    write(None, annotations, patch, out);
}

fn write(properties: Option<Properties>, annotations: Map, body: Bytes, out: &mut BytesMut) {
    let message = Message {
        message_annotations: annotations,
        properties,
        body: Body::Data(vec![body]),
        ..Message::default()
    };
    message.encode(out).expect("twins are far below 4 GiB");
}

fn long(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
