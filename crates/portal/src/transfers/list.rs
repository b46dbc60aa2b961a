//! The jobs, running and ended.

use askama::Template;
use axum::response::Response;

use super::job::{self, Job};
use crate::client::Call;
use crate::failure::Failure;
use crate::page::{Page, Section, render};
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "transfers/list.html")]
struct ListPage {
    page: Page,
    jobs: Vec<Job>,
    may_write: bool,
}

#[derive(Template)]
#[template(path = "transfers/jobs.html")]
struct JobsPart {
    jobs: Vec<Job>,
    may_write: bool,
}

/// `GET /portal/transfers`
pub async fn show(visit: Visit) -> Result<Response, Failure> {
    let jobs = jobs(&visit).await?;
    let page = ListPage {
        page: visit.page(Section::Transfers, "Import and export"),
        may_write: visit.rights().registry_write,
        jobs,
    };
    Ok(render(&page))
}

/// `GET /portal/transfers/jobs`: the part that is refreshed.
pub async fn show_jobs(visit: Visit) -> Result<Response, Failure> {
    let jobs = jobs(&visit).await?;
    let may_write = visit.rights().registry_write;
    Ok(render(&JobsPart { jobs, may_write }))
}

async fn jobs(visit: &Visit) -> Result<Vec<Job>, Failure> {
    let jobs = visit.read(Call::get(["jobs"])).await;
    let jobs = jobs.map_err(|error| visit.failed(error))?;
    Ok(job::newest_first(jobs))
}
