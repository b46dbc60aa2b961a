//! Devices: the list, changes of several at once, and new ones.
//!
//! The list is a query, page by page, so that it is as quick with a million
//! devices as with ten. Who may not query sees the first devices of the
//! registry. Changes of several devices and new devices are bulk calls: each
//! device is done wholly or not at all, and what became of each is told.

use axum::Router;
use axum::routing::{get, post};

use crate::portal::Inner;

mod bulk;
mod create;
mod filter;
mod form;
mod list;
mod names;
mod outcome;
mod pager;
mod row;
mod several;

/// The pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .route("/portal/devices", get(list::show))
        .route(
            "/portal/devices/new",
            get(create::show).post(create::create),
        )
        .route("/portal/devices/enable", post(several::enable))
        .route("/portal/devices/disable", post(several::disable))
        .route("/portal/devices/delete", post(several::delete))
}
