//! All certificates of authorities.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::Method;
use twinhub_core::time::Timestamp;

use super::authority::{Authorities, Authority, Validity};
use crate::client::Call;
use crate::failure::Failure;
use crate::page::{Page, Section, render};
use crate::portal::Inner;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "certificates/list.html")]
struct ListPage {
    page: Page,
    authorities: Vec<Authority>,
    now: Timestamp,
    has_own: bool,
}

/// `GET /portal/certificates`
pub async fn show(visit: Visit, State(portal): State<Inner>) -> Result<Response, Failure> {
    let found = visit
        .read(Call::resource(Method::GET, ["certificates"]))
        .await;
    let found: Authorities = found.map_err(|error| visit.failed(error))?;
    let page = ListPage {
        page: visit.page(Section::Certificates, "Certificates"),
        authorities: found.value,
        now: portal.settings.clock.now(),
        has_own: portal.settings.authority.is_some(),
    };
    Ok(render(&page))
}
