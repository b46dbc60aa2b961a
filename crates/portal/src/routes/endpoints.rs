//! Custom endpoints: where routes lead besides the built-in one.
//!
//! | Module | What it holds |
//! |---|---|
//! | `list`, `choose`, `endpoint`, `delete` | the pages |
//! | `kinds` | the form of an endpoint of each kind |
//! | `health` | how endpoints are |

use axum::Router;
use axum::routing::get;

use super::document::{Endpoint, Routing};
use crate::failure::Failure;
use crate::portal::Inner;
use crate::visit::Visit;

mod choose;
mod delete;
mod endpoint;
pub mod health;
mod kinds;
mod list;

/// The pages below `/portal/routes`.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/endpoints", get(list::show))
        .route("/endpoints/new", get(choose::show))
        .route("/endpoint", get(endpoint::show).post(endpoint::save))
        .route("/endpoint/delete", get(delete::show).post(delete::delete))
}

/// The endpoint and the name of its kind's list, or the page that says that it
/// is not there.
fn find<'r>(
    visit: &Visit,
    routing: &'r Routing,
    name: &str,
) -> Result<(&'r str, &'r Endpoint), Failure> {
    routing.endpoint(name).ok_or_else(|| {
        let sentence = format!("the hub has no endpoint {name}; it may have been deleted");
        Failure::missing(visit, &sentence)
    })
}
