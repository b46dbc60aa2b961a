//! The pages of one device, and of one module.
//!
//! A module has what a device has, apart from a status and modules of its own:
//! the same handlers answer below `/portal/device` and `/portal/module`, by
//! the [`Target`] that the address names.
//!
//! | Module | What it holds |
//! |---|---|
//! | `target` | which device or module an address means, and where its pages are |
//! | `document` | an identity as the API tells it |
//! | `frame` | what stands above each of the pages: crumbs, state, tabs |
//! | `identity`, `keys`, `deletion` | the identity: look, change, keys, delete |
//! | `modules` | a device's modules: list, add |
//! | `twin` | the twin: look, edit, go on after a conflict |
//! | `messages`, `method` | what is sent to it |
//! | `answers` | what methods answered, for a while |

use axum::Router;
use axum::routing::get;

use crate::portal::Inner;

mod answers;
mod deletion;
mod document;
mod frame;
mod identity;
mod keys;
mod messages;
mod method;
mod modules;
mod target;
mod twin;

pub use answers::Answers;
pub use frame::{Frame, Tab, explained};
pub use target::Target;

/// The addresses of these pages.
pub fn routes() -> Router<Inner> {
    Router::new()
        .merge(below("/portal/device"))
        .merge(below("/portal/module"))
        .route("/portal/device/modules", get(modules::list))
        .route(
            "/portal/device/modules/new",
            get(modules::new).post(modules::add),
        )
}

/// What devices and modules have alike.
fn below(root: &str) -> Router<Inner> {
    let at = |page: &str| format!("{root}{page}");
    Router::new()
        .route(root, get(identity::show).post(identity::save))
        .route(&at("/standing"), get(frame::standing))
        .route(&at("/keys"), get(keys::not_yet).post(keys::show))
        .route(&at("/roll"), get(keys::ask).post(keys::roll))
        .route(&at("/delete"), get(deletion::ask).post(deletion::delete))
        .route(&at("/twin"), get(twin::show).post(twin::save))
        .route(&at("/twin/now"), get(twin::now))
        .route(&at("/twin/file"), get(twin::file))
        .route(&at("/messages"), get(messages::show).post(messages::send))
        .route(
            &at("/messages/purge"),
            get(messages::ask_purge).post(messages::purge),
        )
        .route(&at("/method"), get(method::show).post(method::call))
        .route(&at("/method/answer"), get(method::file))
}
