//! Imports and exports of the identity registry. Addresses of containers are
//! secrets: they stand in a page only as long as the form that has them is not
//! done.
//!
//! | Module | What it holds |
//! |---|---|
//! | `job` | jobs as the API tells of them |
//! | `place` | where files are, as it is typed and as the API takes it |
//! | `list`, `export`, `import`, `cancel` | the pages |

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;

use crate::client::Call;
use crate::failure::see_other;
use crate::page::Notice;
use crate::portal::Inner;
use crate::refused::Refused;
use crate::visit::Visit;

mod cancel;
mod export;
mod import;
mod job;
mod list;
mod place;

const ADDRESS: &str = "/portal/transfers";

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route(ADDRESS, get(list::show))
        .route("/portal/transfers/jobs", get(list::show_jobs))
        .route(
            "/portal/transfers/export",
            get(export::show).post(export::start),
        )
        .route(
            "/portal/transfers/import",
            get(import::show).post(import::start),
        )
        .route(
            "/portal/transfers/cancel",
            get(cancel::show).post(cancel::cancel),
        )
}

/// Starts a job, and leads back to the list of them.
async fn start(
    visit: &Visit,
    call: Result<Call, Refused>,
    what: &str,
) -> Result<Response, Refused> {
    let started: Value = visit.read(call?).await?;
    let id = started["jobId"].as_str().unwrap_or_default();
    visit.tell(Notice::done(format!("{what} {id} has begun.")));
    Ok(see_other(ADDRESS))
}
