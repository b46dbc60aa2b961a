//! Trying a route on a made-up message, before there are routes.

use std::collections::HashMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use twinhub_core::access::OperatorPermit;
use twinhub_core::routing::{
    Condition, InvalidCondition, Outcome, Position, Sample, TwinSection, UnreadableBody,
};

use super::{Answer, hubs};
use crate::gateway::Services;
use crate::request::parse_document;
use crate::response::json as json_response;

/// `POST .../routing/routes/$testnew`: whether a message would be routed.
///
/// <https://learn.microsoft.com/rest/api/iothub/iot-hub-resource/test-route>
pub fn test_new(services: &Services, _permit: &OperatorPermit, hub: &str, body: &[u8]) -> Answer {
    hubs::find(services, hub)?;
    let trial: Trial = parse_document(body)?;
    Ok(json_response(StatusCode::OK, &trial.result()))
}

/// A route, and what it is tried on.
#[derive(Debug, Deserialize)]
struct Trial {
    route: Route,
    message: Option<Message>,
    twin: Option<Twin>,
}

/// Of a route only the condition is tried.
#[derive(Debug, Deserialize)]
struct Route {
    condition: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    body: Option<String>,
    app_properties: Option<HashMap<String, Option<String>>>,
    system_properties: Option<HashMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
struct Twin {
    tags: Option<Map<String, Value>>,
    properties: Option<TwinProperties>,
}

#[derive(Debug, Default, Deserialize)]
struct TwinProperties {
    desired: Option<Map<String, Value>>,
    reported: Option<Map<String, Value>>,
}

impl Trial {
    fn result(self) -> Value {
        let text = self.route.condition.as_deref().map_or("", str::trim);
        // A route without a condition takes everything.
        let text = if text.is_empty() { "true" } else { text };
        let condition = match Condition::compile(text) {
            Ok(condition) => condition,
            Err(error) => return describe_error(&error),
        };
        let sample = sample(
            self.message.unwrap_or_default(),
            self.twin.unwrap_or_default(),
        );
        json!({ "result": describe(condition.evaluate(&sample)), "details": null })
    }
}

fn sample(message: Message, twin: Twin) -> Sample {
    let properties = twin.properties.unwrap_or_default();
    let sections = [
        (TwinSection::Tags, twin.tags),
        (TwinSection::Desired, properties.desired),
        (TwinSection::Reported, properties.reported),
    ];
    let message = Sample::new(
        message.system_properties.unwrap_or_default(),
        message.app_properties.unwrap_or_default(),
        message.body.as_deref().unwrap_or_default(),
    );
    sections
        .into_iter()
        .filter_map(|(section, properties)| Some((section, properties?)))
        .fold(message, |sample, (section, properties)| {
            sample.with_twin(section, properties)
        })
}

/// A body that can't be read matches nothing.
fn describe(outcome: Result<Outcome, UnreadableBody>) -> &'static str {
    match outcome {
        Ok(Outcome::True) => "true",
        Ok(Outcome::False) => "false",
        Ok(Outcome::Undefined) | Err(_) => "undefined",
    }
}

fn describe_error(error: &InvalidCondition) -> Value {
    let place = |position: Position| json!({"line": position.line, "column": position.column});
    json!({
        "result": "undefined",
        "details": {
            "compilationErrors": [{
                "message": error.problem,
                "severity": "error",
                "location": {
                    "start": place(error.span.start),
                    "end": place(error.span.end),
                },
            }],
        },
    })
}
