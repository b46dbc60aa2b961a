//! Deleting a consumer group.

use askama::Template;
use axum::response::Response;
use http::Method;

use super::{ADDRESS, groups};
use crate::failure::{Failure, see_other};
use crate::fields::Asked;
use crate::page::{Notice, Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "endpoint/delete.html")]
struct DeletePage {
    page: Page,
    refused: Option<Refused>,
    group: String,
}

/// `GET /portal/endpoint/groups/delete?group=`: what will happen.
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let group = asked.get("group");
    let found = visit.call(groups::call(Method::GET, group)).await;
    found.map_err(|error| visit.failed(error))?;
    Ok(page(&visit, group, None))
}

/// `POST /portal/endpoint/groups/delete?group=`
pub async fn delete(visit: Visit, Asked(asked): Asked) -> Response {
    let group = asked.get("group");
    match visit.call(groups::call(Method::DELETE, group)).await {
        Ok(_) => {
            visit.tell(Notice::done(format!("Consumer group {group} is deleted.")));
            see_other(ADDRESS)
        }
        Err(error) => page(&visit, group, Some(error.into())),
    }
}

fn page(visit: &Visit, group: &str, refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let page = DeletePage {
        page: visit.page(Section::Endpoint, format!("Delete consumer group {group}")),
        refused,
        group: group.to_owned(),
    };
    render_as(status, &page)
}
