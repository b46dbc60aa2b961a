//! Deleting an endpoint: what goes with it, and what keeps it.

use askama::Template;
use axum::response::Response;

use super::{find, health, kinds::Kind};
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::filters;
use crate::page::{Notice, Page, Section, render, render_as};
use crate::problems::Problems;
use crate::routes::change::{self, Stale};
use crate::routes::document::{self, Endpoint, Routing};
use crate::routes::not_saved::{changed_before_deletion, conflict};
use crate::routes::tabs::Tab;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "routes/endpoints/delete.html")]
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
        let health = health::read(visit).await?;
        let name = endpoint.name();
        let kind = Kind::of_list(list);
        let routes = routing.routes_to(name).into_iter();
        let enrichments = routing.enrichments_of(name).into_iter();
        Ok(DeletePage {
            page: visit.page(Section::Routes, format!("Delete endpoint {name}?")),
            tab: Tab::Endpoints,
            kind: kind.map_or("Endpoint", |kind| kind.title),
            place: kind.map_or_else(String::new, |kind| kind.leads_to(endpoint)),
            seen: change::seen(Some(endpoint)),
            routes: routes.map(|route| route.name.clone()).collect(),
            enrichments: enrichments.map(|it| it.key.clone()).collect(),
            waiting: health::of(&health, name).map_or(0, |health| health.waiting),
            name: name.to_owned(),
            problems: Problems::default(),
        })
    }

    fn is_used(&self) -> bool {
        !self.routes.is_empty() || !self.enrichments.is_empty()
    }
}

/// `GET /portal/routes/endpoint/delete?name=...`: what will happen.
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let routing = document::read(&visit).await?;
    let found = find(&visit, &routing, asked.get("name"))?;
    Ok(render(&DeletePage::new(&visit, &routing, found).await?))
}

/// `POST /portal/routes/endpoint/delete`
pub async fn delete(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let seen = change::shown::<Endpoint>(&visit, &fields)?;
    let name = seen.name().to_owned();
    let deletion = change::delete(&visit, |routing| {
        let mut kinds = routing.endpoints.values_mut();
        let list = kinds.find(|list| list.iter().any(|it| it.is_named(&name)));
        let list = list.ok_or(Stale { now: None })?;
        change::put(list, |it| it.is_named(&name), Some(&seen), None)
    });
    let problems = match deletion.await {
        Ok(None) => {
            visit.tell(Notice::done(format!("Endpoint {name} is deleted.")));
            return Ok(see_other(Tab::Endpoints.href()));
        }
        Ok(Some(_)) => changed_before_deletion("endpoint"),
        Err(error) => error.into(),
    };
    let routing = document::read(&visit).await?;
    let found = find(&visit, &routing, &name)?;
    let mut page = DeletePage::new(&visit, &routing, found).await?;
    page.problems = match page.is_used() {
        true => conflict(format!("Endpoint {name} is in use and is not deleted.")),
        false => problems,
    };
    Ok(render_as(page.problems.status(), &page))
}
