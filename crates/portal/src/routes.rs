//! Message routing: routes, custom endpoints, enrichments, and trying them.
//!
//! Routing is a member of the hub's resource. A change reads the hub, changes
//! one item and writes it under the hub's ETag; what somebody else has changed
//! meanwhile elsewhere in it stays. Each form holds the item as it was shown:
//! if that is not what stands any more, nothing is written, and the page shows
//! both.
//!
//! | Module | What it holds |
//! |---|---|
//! | `document` | routing as the API has it, and changes to it |
//! | `problems` | what is wrong with a form |
//! | `tabs` | the pages of routing |
//! | `list` | all routes, the fallback route; enabling and deleting |
//! | `route` | the form of a route |
//! | `trial`, `sample`, `verdict`, `fault` | routes tried on a message |
//! | `endpoints`, `health` | custom endpoints and how they are |
//! | `endpoint`, `kinds` | the form of an endpoint of each kind |
//! | `enrichments` | enrichments and the form of one |

use axum::Router;
use axum::routing::{get, post};

use crate::portal::Inner;

mod document;
mod endpoint;
mod endpoints;
mod enrichments;
mod fault;
mod health;
mod kinds;
mod list;
mod problems;
mod route;
mod sample;
mod tabs;
mod trial;
mod verdict;

/// The pages below `/portal/routes`.
pub fn routes() -> Router<Inner> {
    let routes = Router::new()
        .route("/", get(list::show))
        .route("/enable", post(list::enable))
        .route("/fallback", post(list::set_fallback))
        .route("/delete", get(list::ask_to_delete).post(list::delete))
        .route("/route", get(route::show).post(route::save))
        .route("/test", get(trial::show).post(trial::test));
    let endpoints = Router::new()
        .route("/endpoints", get(endpoints::show))
        .route("/endpoints/new", get(endpoints::choose))
        .route("/endpoint", get(endpoint::show).post(endpoint::save))
        .route(
            "/endpoint/delete",
            get(endpoints::ask_to_delete).post(endpoints::delete),
        );
    let enrichments = Router::new()
        .route("/enrichments", get(enrichments::show))
        .route(
            "/enrichment",
            get(enrichments::edit).post(enrichments::save),
        )
        .route(
            "/enrichment/delete",
            get(enrichments::ask_to_delete).post(enrichments::delete),
        );
    let pages = routes.merge(endpoints).merge(enrichments);
    Router::new().nest("/portal/routes", pages)
}
