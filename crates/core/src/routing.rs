//! Message routing: which events go where.
//!
//! An operator sets routes, endpoints and enrichments ([`RoutingSettings`]).
//! They are compiled into a [`RoutingTable`], by which a [`Router`] stores each
//! event where it goes, on its way in: in the hub's own log for the built-in
//! endpoint, in a backlog for each custom one. A [`Dispatcher`] delivers from
//! there.
//!
//! **Conditions.** A [`Condition`] is compiled once, or refused with the place
//! where it goes wrong, and then asked about a [`Subject`]: an event
//! ([`EventSubject`]), or a [`Sample`] that somebody tries a condition on. It
//! reads what it names and nothing else; the body is read once for all
//! conditions on an event, and only if one of them names a part of it.
//!
//! | Module | What it holds |
//! |---|---|
//! | `settings`, `endpoint`, `secret` | what is set |
//! | `wanted`, `check` | what a caller wants to set, and why not |
//! | `condition`, `body`, `subject`, `sample` | conditions, and what they are asked about |
//! | `table`, `destinations`, `enrichments` | what is set, as it is asked about each event |
//! | `router` | events on their way in |
//! | `delivery` | what waits on its way out |
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-routing-query-syntax>

mod body;
mod check;
mod condition;
mod delivery;
mod destinations;
mod endpoint;
mod enrichments;
mod router;
mod sample;
mod secret;
mod settings;
mod subject;
mod table;
mod wanted;

pub use self::body::UnreadableBody;
pub use self::check::InvalidRouting;
pub use self::condition::{
    Condition, InvalidCondition, MAX_CONDITION, Outcome, Parts, Position, Span, SystemName,
    TwinSection,
};
pub use self::delivery::{Dispatcher, EndpointHealth, EndpointStatus, LastError};
pub use self::destinations::Destinations;
pub use self::endpoint::{
    AmqpKind, AmqpTarget, Endpoint, EndpointGroup, EndpointId, EndpointName, EndpointTarget,
    NatsTarget, StorageEncoding, StorageTarget, WebhookSchema, WebhookTarget,
};
pub use self::router::{RoutedProducer, Router, RoutingAsOf};
pub use self::sample::Sample;
pub use self::secret::Secret;
pub use self::settings::{
    Destination, Enrichment, InvalidRoutingName, MAX_ENDPOINTS, MAX_ENRICHMENTS, MAX_ROUTES, Route,
    RouteName, RoutingSettings,
};
pub use self::subject::{Body, EventSubject, Subject};
pub use self::table::{Routed, RoutingTable};
pub use self::wanted::{WantedEndpoint, WantedEnrichment, WantedRoute, WantedRouting};
