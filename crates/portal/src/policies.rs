//! Shared access policies. Keys are in a page only when they were asked for,
//! and what changes is what was shown.
//!
//! | Module | What it holds |
//! |---|---|
//! | `document` | policies as the resource provider has them |
//! | `change`, `seen` | changes to them, made only to what was seen |
//! | `rights` | the boxes of rights in a form |
//! | `list`, `new`, `policy`, `roll`, `delete` | the pages |

use axum::Router;
use axum::routing::get;

use crate::client::encoded;
use crate::portal::Inner;

mod change;
mod delete;
mod document;
mod list;
mod new;
mod policy;
mod rights;
mod roll;
mod seen;

pub use document::{read, read_one};

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/portal/policies", get(list::show))
        .route("/portal/policies/new", get(new::show).post(new::add))
        .route(
            "/portal/policies/policy",
            get(policy::show).post(policy::act),
        )
        .route("/portal/policies/roll", get(roll::show).post(roll::roll))
        .route(
            "/portal/policies/delete",
            get(delete::show).post(delete::delete),
        )
}

/// The page of a policy.
fn address(name: &str) -> String {
    format!("/portal/policies/policy?name={}", encoded(name))
}
