//! Message routing: which events go where.
//!
//! An operator sets routes, endpoints and enrichments ([`RoutingSettings`]).
//!
//! **Conditions.** A [`Condition`] is compiled once, or refused with the place where it goes
//! wrong, and then asked about a [`Subject`]: an event ([`EventSubject`]), or
//! a [`Sample`] that somebody tries a condition on. It reads what it names and
//! nothing else; the body is parsed once for all conditions on an event, and
//! only if one of them names a part of it.
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-routing-query-syntax>

mod body;
mod condition;
mod endpoint;
mod sample;
mod settings;
mod subject;

pub use self::body::UnreadableBody;
pub use self::condition::{
    Condition, InvalidCondition, MAX_CONDITION, Outcome, Position, Span, SystemName, TwinSection,
};
pub use self::endpoint::{
    AmqpKind, AmqpTarget, Endpoint, EndpointGroup, EndpointId, EndpointName, EndpointTarget,
    NatsTarget, Secret, StorageEncoding, StorageTarget, WebhookSchema, WebhookTarget,
};
pub use self::sample::Sample;
pub use self::settings::{
    Destination, Enrichment, InvalidRoutingName, MAX_ENDPOINTS, MAX_ENRICHMENTS, MAX_ROUTES, Route,
    RouteName, RoutingSettings,
};
pub use self::subject::{EventSubject, Subject};
