//! The form of a route, and the route tried before it is saved.

use askama::Template;
use axum::response::Response;

use super::change;
use super::document::{self, Route, Routing};
use super::fault::Fault;
use super::not_saved::{Facts, NotSaved};
use super::sample::SampleForm;
use super::tabs::Tab;
use super::verdict::{self, Verdict};
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render, render_as};
use crate::problems::Problems;
use crate::visit::Visit;

/// What routes may be about, and what the cloud's portal calls it.
const SOURCES: [(&str, &str); 6] = [
    ("DeviceMessages", "Device Telemetry Messages"),
    ("TwinChangeEvents", "Device Twin Change Events"),
    ("DeviceLifecycleEvents", "Device Lifecycle Events"),
    (
        "DeviceConnectionStateEvents",
        "Device Connection State Events",
    ),
    ("DigitalTwinChangeEvents", "Digital Twin Change Events"),
    ("DeviceJobLifecycleEvents", "Device Job Lifecycle Events"),
];

/// Which field a refusal is about, by its words.
const PLACES: [(&str, &str); 6] = [
    ("the condition goes wrong", "condition"),
    ("can't name a route", "name"),
    ("is given twice", "name"),
    ("is not a source", "source"),
    ("leads to endpoint", "endpoint"),
    ("a route leads to exactly one", "endpoint"),
];

/// One of several things to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// Whether it is chosen.
    pub is_chosen: bool,
}

impl Choice {
    /// Something to choose; it is chosen if it is what is there.
    pub fn new(value: &str, label: &str, chosen: &str) -> Self {
        Choice {
            value: value.to_owned(),
            label: label.to_owned(),
            is_chosen: value.eq_ignore_ascii_case(chosen),
        }
    }
}

/// The sources to choose from.
pub fn sources(chosen: &str) -> Vec<Choice> {
    let sources = SOURCES.iter();
    sources
        .map(|(value, label)| Choice::new(value, label, chosen))
        .collect()
}

/// What the cloud's portal calls a source.
pub fn source_label(source: &str) -> &str {
    let mut sources = SOURCES.iter();
    let found = sources.find(|(value, _)| *value == source);
    found.map_or(source, |(_, label)| label)
}

#[derive(Template)]
#[template(path = "routes/route.html")]
struct RoutePage {
    page: Page,
    tab: Tab,
    form: Form,
    sources: Vec<Choice>,
    endpoints: Vec<Choice>,
    problems: Problems,
    /// What stands now, if it was not saved because of that.
    now: Facts,
    fault: Option<Fault>,
    sample: SampleForm,
    verdict: Option<Verdict>,
}

/// What somebody typed, or what stands.
#[derive(Debug, Clone)]
struct Form {
    route: Route,
    /// The route as it was shown; empty if it is a new one.
    seen: String,
}

impl Form {
    fn of(fields: &Fields) -> Self {
        Form {
            route: route_of(fields),
            seen: fields.get("seen").to_owned(),
        }
    }

    fn is_new(&self) -> bool {
        self.seen.is_empty()
    }
}

fn route_of(fields: &Fields) -> Route {
    Route {
        name: fields.get("name").trim().to_owned(),
        source: fields.get("source").to_owned(),
        condition: fields.text("condition").trim().to_owned(),
        endpoint_names: vec![fields.get("endpoint").to_owned()],
        is_enabled: fields.is_ticked("enabled"),
    }
}

impl RoutePage {
    fn new(visit: &Visit, form: Form, routing: &Routing) -> Self {
        let title = match form.is_new() {
            true => "Add route".to_owned(),
            false => format!("Route {}", form.route.name),
        };
        let endpoint = form.route.endpoint();
        let endpoints = routing.destinations();
        RoutePage {
            page: visit.page(Section::Routes, title),
            tab: Tab::Routes,
            sources: sources(&form.route.source),
            endpoints: endpoints
                .iter()
                .map(|name| Choice::new(name, name, endpoint))
                .collect(),
            form,
            problems: Problems::default(),
            now: Facts::new(),
            fault: None,
            sample: SampleForm::default(),
            verdict: None,
        }
    }
}

/// The route, or the page that says that it is not there.
pub fn find<'r>(visit: &Visit, routing: &'r Routing, name: &str) -> Result<&'r Route, Failure> {
    routing.route(name).ok_or_else(|| {
        let sentence = format!("the hub has no route {name}; it may have been deleted");
        Failure::missing(visit, &sentence)
    })
}

/// `GET /portal/routes/route[?name=...]`
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let routing = document::read(&visit).await?;
    let form = match asked.given("name") {
        None => Form {
            route: Route {
                source: SOURCES[0].0.to_owned(),
                endpoint_names: vec![asked.get("endpoint").to_owned()],
                is_enabled: true,
                ..Route::default()
            },
            seen: String::new(),
        },
        Some(name) => {
            let route = find(&visit, &routing, name)?;
            Form {
                seen: change::seen(Some(route)),
                route: route.clone(),
            }
        }
    };
    Ok(render(&RoutePage::new(&visit, form, &routing)))
}

/// `POST /portal/routes/route`: saves the route, or tries it.
pub async fn save(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    match fields.get("do") {
        "test" => test(visit, &fields).await,
        _ => write(visit, &fields).await,
    }
}

async fn write(visit: Visit, fields: &Fields) -> Result<Response, Failure> {
    let typed = route_of(fields);
    let seen = change::was_seen::<Route>(fields);
    let wanted = match &seen {
        Some(seen) => Route {
            name: seen.name.clone(),
            ..typed
        },
        None => typed,
    };
    let change = change::change(&visit, |routing| {
        let is_it = |route: &Route| route.is_named(&wanted.name);
        let wanted = Some(wanted.clone());
        change::put(&mut routing.routes, is_it, seen.as_ref(), wanted)
    });
    let Err(error) = change.await else {
        let done = if seen.is_some() { "saved" } else { "added" };
        visit.tell(Notice::done(format!("Route {} is {done}.", wanted.name)));
        return Ok(see_other(Tab::Routes.href()));
    };
    let not_saved = NotSaved::of(error, seen, "route", &PLACES, facts);
    let fault = match not_saved.problems.at("condition") {
        Some(_) => verdict::fault(&visit, &wanted).await,
        None => None,
    };
    let form = Form {
        route: wanted,
        seen: change::seen(not_saved.seen.as_ref()),
    };
    let page = RoutePage {
        problems: not_saved.problems,
        now: not_saved.now,
        fault,
        ..again(&visit, form, fields).await?
    };
    Ok(render_as(page.problems.status(), &page))
}

async fn test(visit: Visit, fields: &Fields) -> Result<Response, Failure> {
    let form = Form::of(fields);
    let mut page = again(&visit, form, fields).await?;
    match page.sample.sample(&visit).await {
        Ok(sample) => match verdict::of_route(&visit, &page.form.route, &sample).await {
            Ok(verdict) => page.verdict = Some(verdict),
            Err(error) => page.problems = Problems::placed(error, &PLACES),
        },
        Err(problems) => page.problems = problems,
    }
    page.fault = page
        .verdict
        .as_mut()
        .and_then(|verdict| verdict.fault.take());
    Ok(render_as(page.problems.status(), &page))
}

/// The form as it was typed.
async fn again(visit: &Visit, form: Form, fields: &Fields) -> Result<RoutePage, Failure> {
    let routing = document::read(visit).await?;
    let mut page = RoutePage::new(visit, form, &routing);
    page.sample = SampleForm::of(fields);
    Ok(page)
}

/// What a route is, for who compares it with what they typed.
fn facts(route: &Route) -> Facts {
    let state = if route.is_enabled {
        "Enabled"
    } else {
        "Disabled"
    };
    let facts = [
        ("Source", source_label(&route.source)),
        ("Condition", &route.condition),
        ("Endpoint", route.endpoint()),
        ("State", state),
    ];
    facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_a_route() {
        let fields = Fields::parse(
            b"name=+hot+&source=DeviceMessages&condition=a+%3D+1%0D%0AAND+b&endpoint=lake&enabled=on",
        );

        let route = route_of(&fields);

        assert_eq!(
            route,
            Route {
                name: "hot".to_owned(),
                source: "DeviceMessages".to_owned(),
                condition: "a = 1\nAND b".to_owned(),
                endpoint_names: vec!["lake".to_owned()],
                is_enabled: true,
            }
        );
    }

    #[test]
    fn a_box_that_is_not_ticked_disables_the_route() {
        assert!(!route_of(&Fields::parse(b"name=hot")).is_enabled);
    }

    #[test]
    fn the_source_that_is_there_is_chosen() {
        let sources = sources("TwinChangeEvents");

        let chosen: Vec<_> = sources.iter().filter(|source| source.is_chosen).collect();
        assert_eq!(chosen.len(), 1);
        assert_eq!(chosen[0].label, "Device Twin Change Events");
    }
}
