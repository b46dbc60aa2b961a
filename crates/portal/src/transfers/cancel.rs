//! Giving a job up.

use askama::Template;
use axum::response::Response;
use http::Method;

use super::ADDRESS;
use super::job::Job;
use crate::client::Call;
use crate::failure::{Failure, see_other};
use crate::fields::Asked;
use crate::page::{Notice, Page, Section, render_as};
use crate::refused::Refused;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "transfers/cancel.html")]
struct CancelPage {
    page: Page,
    refused: Option<Refused>,
    job: Job,
}

/// `GET /portal/transfers/cancel?id=`: what will happen.
pub async fn show(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    page(&visit, asked.get("id"), None).await
}

/// `POST /portal/transfers/cancel?id=`
pub async fn cancel(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let id = asked.get("id");
    let ended: Job = match visit.read(Call::data(Method::DELETE, ["jobs", id])).await {
        Ok(job) => job,
        Err(error) => return page(&visit, id, Some(error.into())).await,
    };
    visit.tell(Notice::done(match ended.status.as_str() {
        "cancelled" => "The job is cancelled.".to_owned(),
        status => format!("The job had ended before: it is {status}."),
    }));
    Ok(see_other(ADDRESS))
}

async fn page(visit: &Visit, id: &str, refused: Option<Refused>) -> Result<Response, Failure> {
    let job = visit.read(Call::get(["jobs", id])).await;
    let status = Refused::status_of(refused.as_ref());
    let page = CancelPage {
        job: job.map_err(|error| visit.failed(error))?,
        page: visit.page(Section::Transfers, "Cancel job"),
        refused,
    };
    Ok(render_as(status, &page))
}
