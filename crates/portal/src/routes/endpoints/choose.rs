//! Which kind of endpoint shall be added?

use askama::Template;
use axum::response::Response;

use super::kinds::{KINDS, Kind};
use crate::failure::Failure;
use crate::page::{Page, Section, render};
use crate::routes::document;
use crate::routes::tabs::Tab;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "routes/endpoints/choose.html")]
struct ChoosePage {
    page: Page,
    tab: Tab,
    kinds: &'static [Kind],
}

/// `GET /portal/routes/endpoints/new`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    // Who may not add one is told so here.
    document::read(&visit).await?;
    Ok(render(&ChoosePage {
        page: visit.page(Section::Routes, "Add endpoint"),
        tab: Tab::Endpoints,
        kinds: &KINDS,
    }))
}
