//! Routes tried on a made-up message: one that is not set yet, or those that
//! are.

use std::collections::HashMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use twinhub_core::access::OperatorPermit;
use twinhub_core::events::EventSource;
use twinhub_core::routing::{
    Condition, InvalidCondition, Outcome, Position, Sample, TwinSection, UnreadableBody,
};

use super::document;
use crate::api::Services;
use crate::error_codes;
use crate::management::{Answer, hubs};
use crate::refusal::Refusal;
use crate::request::parse_document;
use crate::response::json as json_response;

/// `POST .../routing/routes/$testnew`: whether a message would be routed.
///
/// <https://learn.microsoft.com/rest/api/iothub/iot-hub-resource/test-route>
pub fn test_new(services: &Services, _permit: &OperatorPermit, hub: &str, body: &[u8]) -> Answer {
    hubs::find(services, hub)?;
    let trial: Trial = parse_document(body)?;
    if trial.route.source.is_none() && trial.route.condition.is_none() {
        return Err(Refusal::new(
            error_codes::INVALID_ROUTE_TEST_INPUT,
            "route has neither a source nor a condition: there is nothing to try",
        ));
    }
    if let Some(source) = &trial.route.source {
        source_of(source)?;
    }
    Ok(json_response(StatusCode::OK, &trial.result()))
}

/// `POST .../routing/routes/$testall`: which enabled routes would take a
/// message, of one source or of all.
///
/// <https://learn.microsoft.com/rest/api/iothub/iot-hub-resource/test-all-routes>
pub fn test_all(services: &Services, _permit: &OperatorPermit, hub: &str, body: &[u8]) -> Answer {
    let hub = hubs::find(services, hub)?;
    let trial: TrialOfAll = parse_document(body)?;
    let source = trial.routing_source.as_deref().map(source_of).transpose()?;
    let sample = sample(
        trial.message.unwrap_or_default(),
        trial.twin.unwrap_or_default(),
    );
    let tried = hub
        .routing()
        .routes
        .iter()
        .filter(|route| route.is_enabled && source.is_none_or(|source| source == route.source));
    let takes = |text: &str| {
        let condition = Condition::compile(text);
        condition.is_ok_and(|condition| condition.evaluate(&sample) == Ok(Outcome::True))
    };
    let matching = tried.filter(|route| takes(&route.condition));
    let matching = matching.map(|route| json!({ "properties": document::route(route) }));
    let answer = json!({ "routes": matching.collect::<Vec<_>>() });
    Ok(json_response(StatusCode::OK, &answer))
}

fn source_of(text: &str) -> Result<EventSource, Refusal> {
    EventSource::of_route_source(text).ok_or_else(|| {
        let known = EventSource::ALL.map(EventSource::route_source).join(", ");
        Refusal::new(
            error_codes::INVALID_SOURCE_ON_ROUTE,
            format!("the source of a route is one of {known}"),
        )
    })
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
    source: Option<String>,
    condition: Option<String>,
}

/// What all routes are tried on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TrialOfAll {
    routing_source: Option<String>,
    message: Option<Message>,
    twin: Option<Twin>,
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
