//! All routes, and the fallback route: listed, enabled, disabled.

use askama::Template;
use axum::response::Response;

use super::change::{self, NotChanged, Stale};
use super::document::{self, Route, Routing};
use super::endpoints::health::{self, Health};
use super::route::source_label;
use super::tabs::Tab;
use crate::failure::{Failure, see_other};
use crate::fields::Fields;
use crate::page::{Notice, Page, Section, render};
use crate::visit::Visit;

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
        Line {
            route: route.clone(),
            source: source_label(&route.source).to_owned(),
            trouble: health::of(health, route.endpoint()).filter(Health::is_bad),
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
    let routing = document::read(&visit).await?;
    let health = health::read(&visit).await?;
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
    let change = change::change(&visit, |routing| {
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
    let change = change::change(&visit, |routing: &mut Routing| {
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
    Ok(see_other(Tab::Routes.href()))
}
