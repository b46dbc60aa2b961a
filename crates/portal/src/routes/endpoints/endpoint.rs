//! The form of an endpoint, and how the endpoint is.

use askama::Template;
use axum::response::Response;

use super::find;
use super::health::{self, Health};
use super::kinds::{Kind, Line};
use crate::client::encoded;
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::filters;
use crate::page::{Notice, Page, Section, render, render_as};
use crate::problems::Problems;
use crate::routes::change;
use crate::routes::document::{self, Endpoint, Routing};
use crate::routes::not_saved::{Facts, NotSaved};
use crate::routes::tabs::Tab;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "routes/endpoints/endpoint.html")]
struct EndpointPage {
    page: Page,
    tab: Tab,
    kind: &'static Kind,
    name: String,
    lines: Vec<Line>,
    /// The endpoint as it was shown; empty if it is a new one.
    seen: String,
    problems: Problems,
    /// What stands now, if it was not saved because of that.
    now: Facts,
    health: Option<Health>,
    routes: Vec<String>,
    enrichments: Vec<String>,
}

impl EndpointPage {
    async fn new(
        visit: &Visit,
        kind: &'static Kind,
        name: &str,
        stands: Option<&Endpoint>,
        routing: &Routing,
    ) -> Result<Self, Failure> {
        let title = match stands {
            Some(_) => format!("Endpoint {name}"),
            None => format!("Add endpoint: {}", kind.title),
        };
        let health = match stands {
            Some(_) => health::read(visit).await?,
            None => Vec::new(),
        };
        let routes = routing.routes_to(name).into_iter();
        let enrichments = routing.enrichments_of(name).into_iter();
        Ok(EndpointPage {
            page: visit.page(Section::Routes, title),
            tab: Tab::Endpoints,
            kind,
            name: name.to_owned(),
            lines: kind.form(stands),
            seen: change::seen(stands),
            problems: Problems::default(),
            now: Facts::new(),
            health: health::of(&health, name),
            routes: routes.map(|route| route.name.clone()).collect(),
            enrichments: enrichments.map(|it| it.key.clone()).collect(),
        })
    }

    fn is_new(&self) -> bool {
        self.seen.is_empty()
    }
}

/// `GET /portal/routes/endpoint?name=...`, or `?kind=...` for a new one.
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let routing = document::read(&visit).await?;
    let page = match asked.given("name") {
        Some(name) => {
            let (list, endpoint) = find(&visit, &routing, name)?;
            let kind = kind(&visit, list)?;
            let name = endpoint.name();
            EndpointPage::new(&visit, kind, name, Some(endpoint), &routing).await?
        }
        None => {
            let kind = kind(&visit, asked.get("kind"))?;
            EndpointPage::new(&visit, kind, "", None, &routing).await?
        }
    };
    Ok(render(&page))
}

fn kind(visit: &Visit, list: &str) -> Result<&'static Kind, Failure> {
    let missing = || {
        let sentence = "there is no such kind of endpoints: \"Add endpoint\" shows those that \
                        there are";
        Failure::missing(visit, sentence)
    };
    Kind::of_list(list).ok_or_else(missing)
}

/// `POST /portal/routes/endpoint`
pub async fn save(visit: Visit, fields: Fields) -> Result<Response, Failure> {
    let kind = kind(&visit, fields.get("kind"))?;
    let seen = change::was_seen::<Endpoint>(&fields);
    let name = seen
        .as_ref()
        .map_or(fields.get("name").trim(), Endpoint::name);
    let name = &name.to_owned();
    let wanted = match kind.read(name, &fields, seen.as_ref()) {
        Ok(wanted) => wanted,
        Err(problems) => {
            let not_saved = NotSaved {
                problems,
                now: Facts::new(),
                seen,
            };
            return again(&visit, kind, &fields, not_saved).await;
        }
    };
    let change = change::change(&visit, |routing| {
        let list = routing.endpoints.entry(kind.list.to_owned()).or_default();
        let is_it = |endpoint: &Endpoint| endpoint.is_named(name);
        change::put(list, is_it, seen.as_ref(), Some(wanted.clone()))
    });
    let Err(error) = change.await else {
        if seen.is_some() {
            visit.tell(Notice::done(format!("Endpoint {name} is saved.")));
            let address = format!("/portal/routes/endpoint?name={}", encoded(name));
            return Ok(see_other(&address));
        }
        visit.tell(Notice::done(format!(
            "Endpoint {name} is added. It gets events once a route leads to it."
        )));
        return Ok(see_other("/portal/routes/endpoints"));
    };
    let facts = |endpoint: &Endpoint| kind.facts(endpoint);
    let not_saved = NotSaved::of(error, seen, "endpoint", &kind.places(), facts);
    again(&visit, kind, &fields, not_saved).await
}

/// The form as it was typed, with what is wrong with it.
async fn again(
    visit: &Visit,
    kind: &'static Kind,
    fields: &Fields,
    not_saved: NotSaved<Endpoint>,
) -> Result<Response, Failure> {
    let routing = document::read(visit).await?;
    let stands = not_saved.seen.as_ref();
    let name = stands.map_or(fields.get("name"), Endpoint::name);
    let page = EndpointPage {
        lines: kind.typed(fields, stands),
        problems: not_saved.problems,
        now: not_saved.now,
        ..EndpointPage::new(visit, kind, name, stands, &routing).await?
    };
    Ok(render_as(page.problems.status(), &page))
}
