//! The built-in endpoint: where telemetry is read, by whom, and how far behind
//! they are. Operators get connection strings and change consumer groups.
//!
//! | Module | What it holds |
//! |---|---|
//! | `page` | the page, with a connection string when it is asked for |
//! | `live` | partitions and who reads them, which are refreshed |
//! | `groups`, `delete` | consumer groups, and deleting one |

use axum::Router;
use axum::routing::{get, post};

use crate::portal::Inner;

mod delete;
mod groups;
mod live;
mod page;

const ADDRESS: &str = "/portal/endpoint";

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route(ADDRESS, get(page::show).post(page::show_string))
        .route("/portal/endpoint/live", get(live::show))
        .route("/portal/endpoint/groups", post(page::add_group))
        .route(
            "/portal/endpoint/groups/delete",
            get(delete::show).post(delete::delete),
        )
}
