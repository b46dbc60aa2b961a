//! Message routing: routes, custom endpoints, enrichments, and trying them.
//!
//! | Module | What it holds |
//! |---|---|
//! | `document` | routing as the API has it |
//! | `change`, `not_saved` | changes to it, and what a form says that was not done |
//! | `tabs` | the pages of routing, side by side |
//! | `list`, `route`, `delete` | all routes, the form of one, deleting one |
//! | `trial`, `sample`, `verdict`, `fault` | routes tried on a message |
//! | `endpoints` | custom endpoints |
//! | `enrichments` | enrichments |

use axum::Router;
use axum::routing::{get, post};

use crate::portal::Inner;

mod change;
mod delete;
mod document;
mod endpoints;
mod enrichments;
mod fault;
mod list;
mod not_saved;
mod route;
mod sample;
mod tabs;
mod trial;
mod verdict;

/// The pages below `/portal/routes`.
pub fn routes() -> Router<Inner> {
    let pages = Router::new()
        .route("/", get(list::show))
        .route("/enable", post(list::enable))
        .route("/fallback", post(list::set_fallback))
        .route("/route", get(route::show).post(route::save))
        .route("/delete", get(delete::show).post(delete::delete))
        .route("/test", get(trial::show).post(trial::test))
        .merge(endpoints::routes())
        .merge(enrichments::routes());
    Router::new().nest("/portal/routes", pages)
}
