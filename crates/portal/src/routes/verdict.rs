//! Whether a route takes a message, and why not.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::document::Route;
use super::fault::{CompilationError, Fault};
use super::sample::Sample;
use crate::client::{ApiError, Call};
use crate::visit::Visit;

/// What became of a message at a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How the word is shown: `good`, `warn`, `bad`, or as nothing special.
    pub class: &'static str,
    /// In a word.
    pub word: &'static str,
    /// In a sentence.
    pub why: String,
    /// Where the condition goes wrong.
    pub fault: Option<Fault>,
}

impl Verdict {
    fn new(class: &'static str, word: &'static str, why: impl Into<String>) -> Self {
        Verdict {
            class,
            word,
            why: why.into(),
            fault: None,
        }
    }

    /// The route takes it.
    pub fn takes(endpoint: &str) -> Self {
        Verdict::new("good", "Matches", format!("It goes to {endpoint}."))
    }

    /// The condition is not asked, because the route is about something else or
    /// does not count.
    pub fn without_asking(route: &Route, source: &str) -> Option<Self> {
        if !route.is_enabled {
            return Some(Verdict::new("", "Disabled", "The route is disabled."));
        }
        let is_about_it = source.is_empty() || route.source.eq_ignore_ascii_case(source);
        (!is_about_it).then(|| {
            let why = format!("The route is about {}.", route.source);
            Verdict::new("", "Other source", why)
        })
    }
}

/// What `$testnew` answers.
#[derive(Debug, Deserialize)]
pub struct Answer {
    result: String,
    details: Option<Details>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    compilation_errors: Vec<CompilationError>,
}

/// Tries a route that need not be saved.
pub async fn of_route(visit: &Visit, route: &Route, sample: &Sample) -> Result<Verdict, ApiError> {
    let body = json!({
        "route": { "source": route.source, "condition": route.condition },
        "message": sample.message,
        "twin": sample.twin,
    });
    let test = Call::resource(Method::POST, ["routing", "routes", "$testnew"]);
    let answer: Answer = visit.read(test.json(&body)).await?;
    Ok(read(answer, route, sample))
}

/// Where a condition goes wrong, if it does.
pub async fn fault(visit: &Visit, route: &Route) -> Option<Fault> {
    let nothing = Sample {
        message: json!({}),
        twin: None,
    };
    let verdict = of_route(visit, route, &nothing).await.ok()?;
    verdict.fault
}

fn read(answer: Answer, route: &Route, sample: &Sample) -> Verdict {
    let errors = answer.details.map(|details| details.compilation_errors);
    if let Some(error) = errors.iter().flatten().next() {
        return Verdict {
            fault: Some(Fault::of(&route.condition, error)),
            ..Verdict::new("bad", "Goes wrong", "The condition can't be read.")
        };
    }
    match answer.result.as_str() {
        "true" => Verdict::takes(route.endpoint()),
        "false" => Verdict::new("warn", "Does not match", "The condition is false."),
        _ => Verdict::new(
            "warn",
            "Does not match",
            undefined(&route.condition, sample),
        ),
    }
}

/// Why a condition is neither true nor false, as far as it can be told.
fn undefined(condition: &str, sample: &Sample) -> String {
    let condition = condition.to_ascii_lowercase();
    if condition.contains("$body") {
        if !is_said_to_be_json(&sample.message["systemProperties"]) {
            return "The condition reads the body, for which the message must say contentType \
                    application/json and contentEncoding utf-8, utf-16 or utf-32."
                .to_owned();
        }
        let body = sample.message["body"].as_str().unwrap_or_default();
        if let Err(error) = serde_json::from_str::<Value>(body) {
            return format!(
                "The condition reads the body, which is no JSON at line {}, column {}.",
                error.line(),
                error.column()
            );
        }
    }
    if condition.contains("$twin") && sample.twin.is_none() {
        return "The condition reads the twin, and no twin is given with the message.".to_owned();
    }
    "The condition is undefined: something that it names is not there, or is of another type \
     than what it is compared with."
        .to_owned()
}

fn is_said_to_be_json(system: &Value) -> bool {
    let said = |name: &str| {
        let mut properties = system.as_object().into_iter().flatten();
        let found = properties.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found
            .and_then(|(_, value)| value.as_str())
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    said("contentType").starts_with("application/json")
        && ["utf-8", "utf-16", "utf-32"].contains(&said("contentEncoding").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(condition: &str) -> Route {
        Route {
            name: "hot".to_owned(),
            source: "DeviceMessages".to_owned(),
            condition: condition.to_owned(),
            endpoint_names: vec!["lake".to_owned()],
            is_enabled: true,
        }
    }

    fn verdict(condition: &str, body: &str, system: Value, answer: Value) -> Verdict {
        let sample = Sample {
            message: json!({ "body": body, "systemProperties": system }),
            twin: None,
        };
        let answer = serde_json::from_value(answer).unwrap();
        read(answer, &route(condition), &sample)
    }

    fn undefined_as(condition: &str, body: &str, system: Value) -> String {
        let answer = json!({ "result": "undefined", "details": null });
        verdict(condition, body, system, answer).why
    }

    #[test]
    fn a_verdict_names_the_endpoint_or_the_reason() {
        let answer = |result: &str| json!({ "result": result, "details": null });

        let taken = verdict("true", "", json!({}), answer("true"));
        let left = verdict("true", "", json!({}), answer("false"));

        assert_eq!(
            (taken.class, taken.why.as_str()),
            ("good", "It goes to lake.")
        );
        assert_eq!(
            (left.class, left.why.as_str()),
            ("warn", "The condition is false.")
        );
    }

    #[test]
    fn a_condition_that_makes_no_sense_is_marked_where_it_goes_wrong() {
        let place = |column| json!({ "line": 1, "column": column });
        let error = json!({
            "message": "a value is missing", "severity": "error",
            "location": { "start": place(5), "end": place(6) },
        });
        let answer = json!({ "result": "undefined", "details": { "compilationErrors": [error] } });

        let fault = verdict("a = AND", "", json!({}), answer).fault.unwrap();

        assert_eq!(
            (fault.line, fault.column, fault.marks.as_str()),
            (1, 5, "    ^")
        );
    }

    #[test]
    fn what_is_undefined_is_explained_as_far_as_it_can_be() {
        let json_in_utf8 =
            json!({ "CONTENTTYPE": "application/json; charset=utf-8", "contentEncoding": "UTF-8" });

        assert!(undefined_as("$body.a = 1", "{}", json!({})).contains("contentType"));
        assert!(undefined_as("$Body.a = 1", "{", json_in_utf8.clone()).contains("no JSON"));
        assert!(undefined_as("$twin.tags.a = 1", "", json!({})).contains("reads the twin"));
        assert!(undefined_as("$body.a = 1", "{}", json_in_utf8).contains("not there"));
    }

    #[test]
    fn a_route_that_is_disabled_or_about_something_else_is_not_asked() {
        let disabled = Route {
            is_enabled: false,
            ..route("true")
        };
        let word = |verdict: Option<Verdict>| verdict.map(|verdict| verdict.word);

        assert_eq!(
            word(Verdict::without_asking(&disabled, "")),
            Some("Disabled")
        );
        assert_eq!(
            word(Verdict::without_asking(&route("true"), "TwinChangeEvents")),
            Some("Other source")
        );
        assert_eq!(
            Verdict::without_asking(&route("true"), "devicemessages"),
            None
        );
    }
}
