//! Settings: what the hub is set to and where that is changed, what it holds at
//! most, and backups, which are made from here.
//!
//! | Module | What it holds |
//! |---|---|
//! | `page` | the page, which starts backups |
//! | `table`, `limits` | what is set, and what the hub holds at most |
//! | `backup`, `cancel` | how the latest backup stands, and giving it up |

use axum::Router;
use axum::routing::get;

use crate::portal::Inner;

mod backup;
mod cancel;
mod limits;
mod page;
mod table;

const ADDRESS: &str = "/portal/settings";

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route(ADDRESS, get(page::show))
        .route(
            "/portal/settings/backup",
            get(backup::show).post(page::start_backup),
        )
        .route(
            "/portal/settings/backup/cancel",
            get(cancel::show).post(cancel::cancel),
        )
}
