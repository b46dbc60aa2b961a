//! Message routing as part of a hub's resource: set with the hub, tried on
//! messages, and how its endpoints are.
//!
//! A hub that is written with `properties.routing` gets exactly the routes,
//! enrichments, fallback route and endpoints of Azure's kinds in it. Kinds that
//! are ours alone (`webhooks`, `natsSubjects`, `amqpQueues`) stay as they are
//! unless they are named, because tools drop what they don't know.
//!
//! | Module | What it holds |
//! |---|---|
//! | `document` | `properties.routing`, shown and read |
//! | `endpoints` | endpoints of each kind |
//! | `health` | how endpoints are |
//! | `trial` | routes tried on a made-up message |

use std::sync::Arc;

use serde_json::Value;
use twinhub_core::hubs::Hub;
use twinhub_core::routing::{Dispatcher, Router, RoutingAsOf};

use crate::api::Services;
use crate::error_codes;
use crate::refusal::Refusal;

mod document;
mod endpoints;
mod health;
mod trial;

pub use self::document::{describe, read};
pub use self::health::health;
pub use self::trial::{test_all, test_new};

/// What routes events and delivers them.
pub struct RoutingServices {
    /// Takes events where routes lead.
    pub router: Arc<Router>,
    /// Delivers to custom endpoints.
    pub dispatcher: Arc<Dispatcher>,
}

/// Puts a hub's routes in force, before whoever set them is answered.
pub async fn put_in_force(services: &Services, hub: &Hub) -> Result<(), Refusal> {
    let applied = services
        .routing
        .router
        .apply(hub.name(), RoutingAsOf::of(hub));
    applied.await.map_err(|error| {
        tracing::error!(hub = %hub.name(), %error, "could not put routes in force");
        Refusal::new(
            error_codes::SERVICE_UNAVAILABLE,
            "the routing is saved, but the hub could not put it in force yet and tries again",
        )
    })
}

/// Reads a member of a document, and says which one if it does not fit.
fn parsed<T: serde::de::DeserializeOwned>(place: &str, value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value).map_err(|error| Refusal::invalid(format!("{place}: {error}")))
}
