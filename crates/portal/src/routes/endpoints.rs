//! All custom endpoints, how they are, and deleting one.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::document::{self, Endpoint, NotChanged, Routing, Stale};
use super::health::{self, Health};
use super::kinds::{KINDS, Kind};
use super::problems::Problems;
use super::tabs::Tab;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render, render_as};
use crate::visit::Visit;

const LIST: &str = "/portal/routes/endpoints";

#[derive(Template)]
#[template(path = "routes/endpoints.html")]
struct EndpointsPage {
    page: Page,
    tab: Tab,
    endpoints: Vec<Line>,
}

/// An endpoint in the list.
struct Line {
    name: String,
    kind: &'static str,
    place: String,
    health: Option<Health>,
}

/// `GET /portal/routes/endpoints`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    let read = document::read(&visit).await;
    let routing = read.map_err(|error| visit.failed(error))?;
    let health = health::read(&visit).await;
    let health = health.map_err(|error| visit.failed(error))?;
    Ok(render(&EndpointsPage {
        page: visit.page(Section::Routes, "Message routing"),
        tab: Tab::Endpoints,
        endpoints: lines(&routing, &health),
    }))
}

fn lines(routing: &Routing, health: &[Health]) -> Vec<Line> {
    let known = routing
        .all_endpoints()
        .filter_map(|(list, endpoint)| Some((Kind::of_list(list)?, endpoint)));
    let mut lines: Vec<_> = known
        .map(|(kind, endpoint)| Line {
            name: endpoint.name().to_owned(),
            kind: kind.title,
            place: kind.leads_to(endpoint),
            health: of(health, endpoint.name()),
        })
        .collect();
    lines.sort_by_key(|line| line.name.to_ascii_lowercase());
    lines
}

/// How the endpoint of a name is.
pub fn of(health: &[Health], name: &str) -> Option<Health> {
    let mut health = health.iter();
    let found = health.find(|health| health.endpoint_name.eq_ignore_ascii_case(name));
    found.cloned()
}

#[derive(Template)]
#[template(path = "routes/kinds.html")]
struct KindsPage {
    page: Page,
    tab: Tab,
    kinds: &'static [Kind],
}

/// `GET /portal/routes/endpoints/new`: which kind?
pub async fn choose(visit: Visit) -> Result<Response, Failure> {
    // Who may not add one is told so here.
    let read = document::read(&visit).await;
    read.map_err(|error| visit.failed(error))?;
    Ok(render(&KindsPage {
        page: visit.page(Section::Routes, "Add endpoint"),
        tab: Tab::Endpoints,
        kinds: &KINDS,
    }))
}

#[derive(Template)]
#[template(path = "routes/delete_endpoint.html")]
struct DeletePage {
    page: Page,
    tab: Tab,
    name: String,
    kind: &'static str,
    place: String,
    seen: String,
    routes: Vec<String>,
    enrichments: Vec<String>,
    waiting: u64,
    problems: Problems,
}

impl DeletePage {
    async fn new(
        visit: &Visit,
        routing: &Routing,
        (list, endpoint): (&str, &Endpoint),
    ) -> Result<Self, Failure> {
        let health = health::read(visit).await;
        let health = health.map_err(|error| visit.failed(error))?;
        let name = endpoint.name();
        let kind = Kind::of_list(list);
        let routes = routing.routes_to(name).into_iter();
        let enrichments = routing.enrichments_of(name).into_iter();
        Ok(DeletePage {
            page: visit.page(Section::Routes, format!("Delete endpoint {name}?")),
            tab: Tab::Endpoints,
            kind: kind.map_or("Endpoint", |kind| kind.title),
            place: kind.map_or_else(String::new, |kind| kind.leads_to(endpoint)),
            seen: document::seen(Some(endpoint)),
            routes: routes.map(|route| route.name.clone()).collect(),
            enrichments: enrichments.map(|it| it.key.clone()).collect(),
            waiting: of(&health, name).map_or(0, |health| health.waiting),
            name: name.to_owned(),
            problems: Problems::default(),
        })
    }

    fn is_used(&self) -> bool {
        !self.routes.is_empty() || !self.enrichments.is_empty()
    }
}

/// `GET /portal/routes/endpoint/delete?name=...`: what goes with it, and what
/// keeps it.
pub async fn ask_to_delete(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let read = document::read(&visit).await;
    let routing = read.map_err(|error| visit.failed(error))?;
    let found = find(&visit, &routing, asked.get("name"))?;
    Ok(render(&DeletePage::new(&visit, &routing, found).await?))
}

/// The endpoint, or the page that says that it is not there.
pub fn find<'r>(
    visit: &Visit,
    routing: &'r Routing,
    name: &str,
) -> Result<(&'r str, &'r Endpoint), Failure> {
    routing.endpoint(name).ok_or_else(|| {
        let sentence = format!("the hub has no endpoint {name}; it may have been deleted");
        Failure::missing(visit, &sentence)
    })
}

/// `POST /portal/routes/endpoint/delete`
pub async fn delete(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let seen = document::shown::<Endpoint>(&visit, &fields)?;
    let name = seen.name().to_owned();
    let change = document::change(&visit, |routing| {
        let mut kinds = routing.endpoints.values_mut();
        let list = kinds.find(|list| list.iter().any(|it| it.is_named(&name)));
        let list = list.ok_or(Stale { now: None })?;
        document::put(list, |it| it.is_named(&name), Some(&seen), None)
    });
    let problems = match change.await {
        // What is gone need not be deleted.
        Ok(()) | Err(NotChanged::Stale(Stale { now: None })) => {
            visit.tell(Notice::done(format!("Endpoint {name} is deleted.")));
            return Ok(see_other(LIST));
        }
        Err(NotChanged::Stale(Stale { now: Some(_) })) => {
            Problems::changed_before_deletion("endpoint")
        }
        Err(NotChanged::Refused(error)) => Problems::refused(&error, &[]),
    };
    let read = document::read(&visit).await;
    let routing = read.map_err(|error| visit.failed(error))?;
    let found = find(&visit, &routing, &name)?;
    let mut page = DeletePage::new(&visit, &routing, found).await?;
    page.problems = problems;
    if page.is_used() {
        let sentence = format!("Endpoint {name} is in use and is not deleted.");
        page.problems = Problems::above(StatusCode::CONFLICT, sentence);
    }
    Ok(render_as(page.problems.status, &page))
}
