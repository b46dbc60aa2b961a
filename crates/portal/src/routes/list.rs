//! All routes, and the fallback route.

use askama::Template;
use axum::response::Response;

use super::document::{self, NotChanged, Route, Routing, Stale};
use super::health::{self, Health};
use super::problems::Problems;
use super::route::source_label;
use super::tabs::Tab;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render, render_as};
use crate::visit::Visit;

const LIST: &str = "/portal/routes";

#[derive(Template)]
#[template(path = "routes/list.html")]
struct ListPage {
    page: Page,
    tab: Tab,
    routes: Vec<Line>,
    fallback_is_enabled: bool,
    any_is_enabled: bool,
}

/// A route in the list.
struct Line {
    route: Route,
    source: String,
    /// How the endpoint is, if it is not well.
    trouble: Option<Health>,
}

impl Line {
    fn of(route: &Route, health: &[Health]) -> Self {
        let mut health = health.iter();
        let trouble = health.find(|health| {
            health.is_bad() && health.endpoint_name.eq_ignore_ascii_case(route.endpoint())
        });
        Line {
            route: route.clone(),
            source: source_label(&route.source).to_owned(),
            trouble: trouble.cloned(),
        }
    }

    fn leads_to_built_in(&self) -> bool {
        self.route
            .endpoint()
            .eq_ignore_ascii_case(document::BUILT_IN)
    }
}

/// `GET /portal/routes`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    let read = document::read(&visit).await;
    let routing = read.map_err(|error| visit.failed(error))?;
    let health = health::read(&visit).await;
    let health = health.map_err(|error| visit.failed(error))?;
    let routes = routing.routes.iter();
    Ok(render(&ListPage {
        page: visit.page(Section::Routes, "Message routing"),
        tab: Tab::Routes,
        routes: routes.map(|route| Line::of(route, &health)).collect(),
        fallback_is_enabled: routing.fallback_route.is_enabled,
        any_is_enabled: routing.routes.iter().any(|route| route.is_enabled),
    }))
}

/// `POST /portal/routes/enable`: a route counts from now on, or no longer.
pub async fn enable(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let name = fields.get("name");
    let is_enabled = fields.get("enabled") == "true";
    let change = document::change(&visit, |routing| {
        let mut routes = routing.routes.iter_mut();
        let route = routes.find(|route| route.is_named(name));
        route.ok_or(Stale::<Route> { now: None })?.is_enabled = is_enabled;
        Ok(())
    });
    let done = if is_enabled { "enabled" } else { "disabled" };
    told(&visit, change.await, &format!("Route {name} is {done}."))
}

/// `POST /portal/routes/fallback`: the fallback route counts, or not.
pub async fn set_fallback(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let is_enabled = fields.get("enabled") == "true";
    let change = document::change(&visit, |routing: &mut Routing| {
        routing.fallback_route.is_enabled = is_enabled;
        Ok::<_, Stale<Route>>(())
    });
    let done = if is_enabled { "enabled" } else { "disabled" };
    told(
        &visit,
        change.await,
        &format!("The fallback route is {done}."),
    )
}

/// Back to the list, with what was done.
fn told(
    visit: &Visit,
    changed: Result<(), NotChanged<Route>>,
    done: &str,
) -> Result<Response, Failure> {
    match changed {
        Ok(()) => visit.tell(Notice::done(done)),
        Err(NotChanged::Stale(_)) => visit.tell(Notice::error(
            "Nothing was changed: somebody has deleted this route meanwhile.",
        )),
        Err(NotChanged::Refused(error)) => return Err(visit.failed(error)),
    }
    Ok(see_other(LIST))
}

#[derive(Template)]
#[template(path = "routes/delete_route.html")]
struct DeletePage {
    page: Page,
    tab: Tab,
    route: Route,
    source: String,
    seen: String,
    problems: Problems,
}

impl DeletePage {
    fn new(visit: &Visit, route: Route) -> Self {
        DeletePage {
            page: visit.page(Section::Routes, format!("Delete route {}?", route.name)),
            tab: Tab::Routes,
            source: source_label(&route.source).to_owned(),
            seen: document::seen(Some(&route)),
            route,
            problems: Problems::default(),
        }
    }
}

/// `GET /portal/routes/delete?name=...`: what will be deleted.
pub async fn ask_to_delete(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let read = document::read(&visit).await;
    let routing = read.map_err(|error| visit.failed(error))?;
    let name = asked.get("name");
    match routing.route(name) {
        Some(route) => Ok(render(&DeletePage::new(&visit, route.clone()))),
        None => {
            let sentence = format!("the hub has no route {name}; it may have been deleted");
            Err(Failure::missing(&visit, &sentence))
        }
    }
}

/// `POST /portal/routes/delete`
pub async fn delete(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let seen = document::shown::<Route>(&visit, &fields)?;
    let change = document::change(&visit, |routing| {
        let is_it = |route: &Route| route.is_named(&seen.name);
        document::put(&mut routing.routes, is_it, Some(&seen), None)
    });
    match change.await {
        // What is gone need not be deleted.
        Ok(()) | Err(NotChanged::Stale(Stale { now: None })) => {
            visit.tell(Notice::done(format!("Route {} is deleted.", seen.name)));
            Ok(see_other(LIST))
        }
        Err(NotChanged::Stale(Stale { now: Some(now) })) => {
            let mut page = DeletePage::new(&visit, now);
            page.problems = Problems::changed_before_deletion("route");
            Ok(render_as(page.problems.status, &page))
        }
        Err(NotChanged::Refused(error)) => Err(visit.failed(error)),
    }
}
