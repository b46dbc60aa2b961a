//! The hub at a glance.

use askama::Template;
use axum::response::Response;

use crate::page::{Page, Section, render};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    page: Page,
}

/// `GET /portal`
pub async fn show(visit: Visit) -> Response {
    let page = visit.page(Section::Overview, "Overview");
    render(&OverviewPage { page })
}
