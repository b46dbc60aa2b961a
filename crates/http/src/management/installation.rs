//! The process that serves the hub and the machine it runs on:
//! `GET /twinhub/v1/errors` and `/twinhub/v1/settings`, with the operator
//! token.
//!
//! Additions of our own. What is told comes from outside of core, through the
//! port [`Installation`].

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use twinhub_core::access::OperatorPermit;
use twinhub_core::time::Timestamp;

use super::Answer;
use crate::api::Services;
use crate::response::json as json_response;

/// What is known of the process and the machine.
pub trait Installation: Send + Sync {
    /// How much is stored, and how much room there is. Blocks shortly.
    fn storage(&self) -> Storage;

    /// Why events are refused, while they are; probes are told the same.
    fn refusing(&self) -> Option<String>;

    /// The last warnings and errors of the log, the newest first; bounded.
    fn errors(&self) -> Vec<Logged>;

    /// The configuration in force, without secrets: an object.
    fn settings(&self) -> Value;
}

/// How many bytes are stored; `None` where nobody can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Storage {
    /// Identities, twins, messages to devices.
    pub state: Option<u64>,
    /// Events of the built-in endpoint.
    pub events: Option<u64>,
    /// Events that wait for custom endpoints.
    pub backlogs: Option<u64>,
    /// What may still be written.
    pub free: Option<u64>,
}

/// A line of the log, and how often it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// When it first came.
    pub first: Timestamp,
    /// When it last came.
    pub last: Timestamp,
    /// How often.
    pub count: u64,
    /// Whether it is an error, and not a warning.
    pub is_error: bool,
    /// What it said.
    pub message: String,
    /// Its facts, by name.
    pub fields: BTreeMap<&'static str, String>,
}

/// `GET /twinhub/v1/errors`
pub(super) fn errors(services: &Services, _permit: &OperatorPermit) -> Answer {
    let errors: Vec<Value> = services
        .status
        .installation
        .errors()
        .into_iter()
        .map(describe)
        .collect();
    Ok(json_response(StatusCode::OK, &json!({ "errors": errors })))
}

/// `GET /twinhub/v1/settings`
pub(super) fn settings(services: &Services, _permit: &OperatorPermit) -> Answer {
    let settings = services.status.installation.settings();
    Ok(json_response(StatusCode::OK, &settings))
}

fn describe(logged: Logged) -> Value {
    json!({
        "lastAt": logged.last.to_string(),
        "firstAt": logged.first.to_string(),
        "count": logged.count,
        "level": if logged.is_error { "error" } else { "warn" },
        "message": logged.message,
        "fields": logged.fields,
    })
}

/// Shared by all requests.
pub type SharedInstallation = Arc<dyn Installation>;
