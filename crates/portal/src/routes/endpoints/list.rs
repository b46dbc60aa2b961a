//! All custom endpoints, and how they are.

use askama::Template;
use axum::response::Response;

use super::health::{self, Health};
use super::kinds::Kind;
use crate::failure::Failure;
use crate::filters;
use crate::page::{Page, Section, render};
use crate::routes::document::{self, Routing};
use crate::routes::tabs::Tab;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "routes/endpoints/list.html")]
struct ListPage {
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
    let routing = document::read(&visit).await?;
    let health = health::read(&visit).await?;
    Ok(render(&ListPage {
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
            health: health::of(health, endpoint.name()),
        })
        .collect();
    lines.sort_by_key(|line| line.name.to_ascii_lowercase());
    lines
}
