//! All enrichments.

use askama::Template;
use axum::response::Response;

use crate::failure::Failure;
use crate::page::{Page, Section, render};
use crate::routes::document::{self, Enrichment};
use crate::routes::tabs::Tab;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "routes/enrichments/list.html")]
struct ListPage {
    page: Page,
    tab: Tab,
    enrichments: Vec<Enrichment>,
}

/// `GET /portal/routes/enrichments`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    let routing = document::read(&visit).await?;
    Ok(render(&ListPage {
        page: visit.page(Section::Routes, "Message routing"),
        tab: Tab::Enrichments,
        enrichments: routing.enrichments,
    }))
}
