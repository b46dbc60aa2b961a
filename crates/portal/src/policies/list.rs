//! All policies.

use askama::Template;
use axum::response::Response;

use super::document::{self, Policies};
use crate::failure::Failure;
use crate::page::{Page, Section, render};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "policies/list.html")]
struct ListPage {
    page: Page,
    policies: Policies,
}

/// `GET /portal/policies`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    let policies = document::read(&visit).await;
    Ok(render(&ListPage {
        policies: policies.map_err(|error| visit.failed(error))?,
        page: visit.page(Section::Policies, "Shared access policies"),
    }))
}
