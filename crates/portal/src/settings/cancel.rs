//! Giving a backup up.

use askama::Template;
use axum::response::Response;
use http::Method;

use super::ADDRESS;
use super::backup::{self, Backup};
use crate::failure::{Failure, see_other};
use crate::page::{Notice, Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "settings/cancel.html")]
struct CancelPage {
    page: Page,
    refused: Option<Refused>,
    backup: Backup,
}

/// `GET /portal/settings/backup/cancel`: what will happen.
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    page(&visit, None).await
}

/// `POST /portal/settings/backup/cancel`
pub async fn cancel(visit: Visit) -> Result<Response, Failure> {
    let latest: Backup = match visit.read(backup::call(Method::DELETE)).await {
        Ok(latest) => latest,
        Err(error) => return page(&visit, Some(error.into())).await,
    };
    visit.tell(Notice::done(match latest.state.as_str() {
        "completed" => "The backup was there before it could be cancelled.",
        _ => "The backup is cancelled.",
    }));
    Ok(see_other(ADDRESS))
}

async fn page(visit: &Visit, refused: Option<Refused>) -> Result<Response, Failure> {
    let backup = visit.read(backup::call(Method::GET)).await;
    let status = Refused::status_of(refused.as_ref());
    let page = CancelPage {
        backup: backup.map_err(|error| visit.failed(error))?,
        page: visit.page(Section::Settings, "Cancel backup"),
        refused,
    };
    Ok(render_as(status, &page))
}
