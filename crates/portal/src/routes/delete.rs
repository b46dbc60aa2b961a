//! Deleting a route.

use askama::Template;
use axum::response::Response;

use super::change;
use super::document::{self, Route};
use super::not_saved::changed_before_deletion;
use super::route::{find, source_label};
use super::tabs::Tab;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render_as};
use crate::problems::Problems;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "routes/delete.html")]
struct DeletePage {
    page: Page,
    tab: Tab,
    route: Route,
    source: String,
    seen: String,
    problems: Problems,
}

/// `GET /portal/routes/delete?name=...`: what will happen.
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let routing = document::read(&visit).await?;
    let route = find(&visit, &routing, asked.get("name"))?;
    Ok(page(&visit, route.clone(), Problems::default()))
}

/// `POST /portal/routes/delete`
pub async fn delete(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let seen = change::shown::<Route>(&visit, &fields)?;
    let deletion = change::delete(&visit, |routing| {
        let is_it = |route: &Route| route.is_named(&seen.name);
        change::put(&mut routing.routes, is_it, Some(&seen), None)
    });
    match deletion.await {
        Ok(None) => {
            visit.tell(Notice::done(format!("Route {} is deleted.", seen.name)));
            Ok(see_other(Tab::Routes.href()))
        }
        Ok(Some(now)) => Ok(page(&visit, now, changed_before_deletion("route"))),
        Err(error) => Err(visit.failed(error)),
    }
}

fn page(visit: &Visit, route: Route, problems: Problems) -> Response {
    let page = DeletePage {
        page: visit.page(Section::Routes, format!("Delete route {}?", route.name)),
        tab: Tab::Routes,
        source: source_label(&route.source).to_owned(),
        seen: change::seen(Some(&route)),
        route,
        problems,
    };
    render_as(page.problems.status(), &page)
}
