//! Imports and exports of the identity registry: the jobs, starting one, and
//! giving one up. Addresses of containers are secrets: they stand in a page
//! only as long as the form that has them is not done.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::Method;

use crate::client::{ApiError, Call, Reply};
use crate::failure::{Failure, see_other};
use crate::fields::{Asked, Fields};
use crate::page::{Notice, Page, Section, render, render_as};
use crate::portal::Inner;
use crate::refused::Refused;
use crate::visit::Visit;

use self::form::{ExportForm, ImportForm};
use self::job::Job;

mod form;
mod job;

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/portal/transfers", get(show))
        .route("/portal/transfers/jobs", get(show_jobs))
        .route("/portal/transfers/export", get(show_export).post(export))
        .route("/portal/transfers/import", get(show_import).post(import))
        .route("/portal/transfers/cancel", get(show_cancel).post(cancel))
}

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

#[derive(Template)]
#[template(path = "transfers/export.html")]
struct ExportPage {
    page: Page,
    refused: Option<Refused>,
    form: ExportForm,
}

#[derive(Template)]
#[template(path = "transfers/import.html")]
struct ImportPage {
    page: Page,
    refused: Option<Refused>,
    form: ImportForm,
}

#[derive(Template)]
#[template(path = "transfers/cancel.html")]
struct CancelPage {
    page: Page,
    refused: Option<Refused>,
    job: Job,
}

async fn jobs(visit: &Visit) -> Result<Vec<Job>, Failure> {
    let jobs = visit.call(Call::get(["jobs"])).await;
    let jobs = jobs.and_then(|reply| reply.read());
    let jobs = jobs.map_err(|error| visit.failed(error))?;
    Ok(job::newest_first(jobs))
}

/// `GET /portal/transfers`
async fn show(visit: Visit) -> Result<Response, Failure> {
    let jobs = jobs(&visit).await?;
    let page = ListPage {
        page: visit.page(Section::Transfers, "Import and export"),
        may_write: visit.rights().registry_write,
        jobs,
    };
    Ok(render(&page))
}

/// `GET /portal/transfers/jobs`: the part that is refreshed.
async fn show_jobs(visit: Visit) -> Result<Response, Failure> {
    let jobs = jobs(&visit).await?;
    let may_write = visit.rights().registry_write;
    Ok(render(&JobsPart { jobs, may_write }))
}

/// `GET /portal/transfers/export`
async fn show_export(visit: Visit) -> Response {
    export_page(&visit, ExportForm::default(), None)
}

/// `POST /portal/transfers/export`
async fn export(visit: Visit, fields: Fields) -> Response {
    let form = ExportForm::read(&fields);
    match start(&visit, form.call(visit.rights().operator)).await {
        Ok(id) => started(&visit, &format!("Export {id} has begun.")),
        Err(refused) => export_page(&visit, form, Some(refused)),
    }
}

fn export_page(visit: &Visit, form: ExportForm, refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let page = ExportPage {
        page: visit.page(Section::Transfers, "Export devices"),
        refused,
        form,
    };
    render_as(status, &page)
}

/// `GET /portal/transfers/import`
async fn show_import(visit: Visit) -> Response {
    import_page(&visit, ImportForm::default(), None)
}

/// `POST /portal/transfers/import`
async fn import(visit: Visit, fields: Fields) -> Response {
    let form = ImportForm::read(&fields);
    match start(&visit, form.call(visit.rights().operator)).await {
        Ok(id) => started(&visit, &format!("Import {id} has begun.")),
        Err(refused) => import_page(&visit, form, Some(refused)),
    }
}

fn import_page(visit: &Visit, form: ImportForm, refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let page = ImportPage {
        page: visit.page(Section::Transfers, "Import devices"),
        refused,
        form,
    };
    render_as(status, &page)
}

/// Starts a job, and tells its ID.
async fn start(visit: &Visit, call: Result<Call, Refused>) -> Result<String, Refused> {
    let started = visit.call(call?).await?.json()?;
    Ok(started["jobId"].as_str().unwrap_or_default().to_owned())
}

fn started(visit: &Visit, sentence: &str) -> Response {
    visit.tell(Notice::done(sentence));
    see_other("/portal/transfers")
}

async fn find(visit: &Visit, id: &str) -> Result<Job, Failure> {
    let found = visit.call(Call::get(["jobs", id])).await;
    let found = found.and_then(|reply: Reply| reply.read());
    found.map_err(|error: ApiError| visit.failed(error))
}

/// `GET /portal/transfers/cancel?id=`: what will happen.
async fn show_cancel(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let job = find(&visit, asked.get("id")).await?;
    Ok(cancel_page(&visit, job, None))
}

/// `POST /portal/transfers/cancel?id=`
async fn cancel(visit: Visit, Asked(asked): Asked) -> Result<Response, Failure> {
    let id = asked.get("id");
    let cancelled = visit.call(Call::data(Method::DELETE, ["jobs", id])).await;
    let ended = match cancelled.and_then(|reply| reply.read::<Job>()) {
        Ok(job) => job,
        Err(error) => {
            return Ok(cancel_page(
                &visit,
                find(&visit, id).await?,
                Some(error.into()),
            ));
        }
    };
    visit.tell(Notice::done(match ended.status.as_str() {
        "cancelled" => "The job is cancelled.".to_owned(),
        status => format!("The job had ended before: it is {status}."),
    }));
    Ok(see_other("/portal/transfers"))
}

fn cancel_page(visit: &Visit, job: Job, refused: Option<Refused>) -> Response {
    let status = Refused::status_of(refused.as_ref());
    let page = CancelPage {
        page: visit.page(Section::Transfers, "Cancel job"),
        refused,
        job,
    };
    render_as(status, &page)
}
