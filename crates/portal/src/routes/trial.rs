//! All routes, tried on a message.

use askama::Template;
use axum::response::Response;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::document::{self, BUILT_IN, Route, Routing};
use super::route::{Choice, sources};
use super::sample::{Sample, SampleForm};
use super::tabs::Tab;
use super::verdict::{self, Verdict};
use crate::client::{ApiError, Call};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::page::{Page, Section, render, render_as};
use crate::problems::Problems;
use crate::visit::Visit;

const TELEMETRY: &str = "DeviceMessages";

#[derive(Template)]
#[template(path = "routes/trial.html")]
struct TestPage {
    page: Page,
    tab: Tab,
    sources: Vec<Choice>,
    sample: SampleForm,
    problems: Problems,
    outcome: Option<Outcome>,
}

/// What became of the message.
struct Outcome {
    routes: Vec<(Route, Verdict)>,
    /// What becomes of it apart from routes.
    otherwise: Option<String>,
}

/// `GET /portal/routes/test`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    // Who may not see routes is told so here, rather than after the trial.
    document::read(&visit).await?;
    Ok(render(&page(&visit, TELEMETRY, SampleForm::default())))
}

fn page(visit: &Visit, source: &str, sample: SampleForm) -> TestPage {
    let mut sources = sources(source);
    sources.push(Choice::new("", "All sources", source));
    TestPage {
        page: visit.page(Section::Routes, "Message routing"),
        tab: Tab::Test,
        sources,
        sample,
        problems: Problems::default(),
        outcome: None,
    }
}

/// `POST /portal/routes/test`: nothing is delivered or changed.
pub async fn test(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let source = fields.get("source");
    let form = SampleForm::of(&fields);
    let mut page = page(&visit, source, form.clone());
    match form.sample(&visit).await {
        Ok(sample) => {
            let routing = document::read(&visit).await?;
            let outcome = try_all(&visit, &routing, source, &sample).await;
            page.outcome = Some(outcome.map_err(|error| visit.failed(error))?);
        }
        Err(problems) => page.problems = problems,
    }
    Ok(render_as(page.problems.status(), &page))
}

#[derive(Deserialize)]
struct AllAnswer {
    routes: Vec<Matching>,
}

#[derive(Deserialize)]
struct Matching {
    properties: Route,
}

/// `$testall` says which routes take the message; each of the others is asked
/// why not.
async fn try_all(
    visit: &Visit,
    routing: &Routing,
    source: &str,
    sample: &Sample,
) -> Result<Outcome, ApiError> {
    let body = json!({
        "routingSource": Some(source).filter(|source| !source.is_empty()),
        "message": sample.message,
        "twin": sample.twin,
    });
    let test = Call::resource(Method::POST, ["routing", "routes", "$testall"]);
    let answer: AllAnswer = visit.read(test.json(&body)).await?;
    let takes = |route: &Route| {
        let mut matching = answer.routes.iter();
        matching.any(|matching| matching.properties.is_named(&route.name))
    };
    let mut routes = Vec::new();
    for route in &routing.routes {
        let verdict = match Verdict::without_asking(route, source) {
            Some(verdict) => verdict,
            None if takes(route) => Verdict::takes(route.endpoint()),
            None => verdict::of_route(visit, route, sample).await?,
        };
        routes.push((route.clone(), verdict));
    }
    Ok(Outcome {
        otherwise: otherwise(routing, source, takes),
        routes,
    })
}

/// What becomes of a message apart from the routes that take it.
fn otherwise(routing: &Routing, source: &str, takes: impl Fn(&Route) -> bool) -> Option<String> {
    let is_taken = |telemetry: bool| {
        let mut routes = routing.routes.iter();
        routes.any(|route| (!telemetry || route.source == TELEMETRY) && takes(route))
    };
    if !source.is_empty() && !source.eq_ignore_ascii_case(TELEMETRY) {
        let nowhere = "No route takes it, so it goes nowhere: the fallback route is about \
                       telemetry.";
        return (!is_taken(false)).then(|| nowhere.to_owned());
    }
    if is_taken(true) {
        return None;
    }
    if !routing.routes.iter().any(|route| route.is_enabled) {
        return Some(format!(
            "No route is enabled, so all telemetry goes to the built-in endpoint {BUILT_IN}."
        ));
    }
    Some(if routing.fallback_route.is_enabled {
        format!(
            "No route takes it as telemetry, so the fallback route brings it to the built-in \
             endpoint {BUILT_IN}."
        )
    } else {
        "No route takes it as telemetry and the fallback route is disabled: it would be lost."
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routing(is_enabled: bool, fallback: bool) -> Routing {
        serde_json::from_value(json!({
            "endpoints": {},
            "routes": [{
                "name": "hot", "source": "DeviceMessages", "condition": "true",
                "endpointNames": ["events"], "isEnabled": is_enabled,
            }],
            "fallbackRoute": { "isEnabled": fallback },
            "enrichments": [],
        }))
        .unwrap()
    }

    #[test]
    fn what_no_route_takes_goes_where_the_fallback_says() {
        let of = |routing: Routing, source, taken: bool| otherwise(&routing, source, |_| taken);
        let contains =
            |text: Option<String>, words: &str| text.is_some_and(|it| it.contains(words));

        assert!(contains(
            of(routing(true, true), TELEMETRY, false),
            "fallback route brings it"
        ));
        assert!(contains(
            of(routing(true, false), TELEMETRY, false),
            "would be lost"
        ));
        assert!(contains(
            of(routing(false, false), "", false),
            "No route is enabled"
        ));
        assert!(contains(
            of(routing(true, true), "TwinChangeEvents", false),
            "goes nowhere"
        ));
        assert_eq!(of(routing(true, true), TELEMETRY, true), None);
    }
}
