//! What a hub's operator sets of message routing: routes, endpoints,
//! enrichments, the fallback route.

use std::fmt;

use super::endpoint::{Endpoint, EndpointName};
use crate::events::EventSource;

/// The most routes that a hub may have.
/// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling>
pub const MAX_ROUTES: usize = 100;
/// The most custom endpoints that a hub may have, of all kinds together.
pub const MAX_ENDPOINTS: usize = 10;
/// The most enrichments that a hub may have.
pub const MAX_ENRICHMENTS: usize = 10;
/// The longest name of a route or an endpoint.
const MAX_NAME: usize = 64;

/// The text is not a route's or an endpoint's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {MAX_NAME} letters, digits and - . _")]
pub struct InvalidRoutingName;

/// Whether a text may name a route or an endpoint.
pub(super) fn check_name(text: &str) -> Result<(), InvalidRoutingName> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let allowed = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_allowed);
    allowed.then_some(()).ok_or(InvalidRoutingName)
}

/// A route's name within its hub: 1 to 64 letters, digits and `- . _`; case
/// does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteName(String);

impl RouteName {
    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, InvalidRoutingName> {
        check_name(text).map(|()| RouteName(text.to_owned()))
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which names are compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a route leads: the built-in endpoint or a custom one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The built-in endpoint, `events`.
    BuiltIn,
    /// A custom endpoint.
    Custom(EndpointName),
}

impl Destination {
    /// The name of the built-in endpoint.
    pub const BUILT_IN: &'static str = "events";

    /// The endpoint's name.
    pub fn as_str(&self) -> &str {
        match self {
            Destination::BuiltIn => Self::BUILT_IN,
            Destination::Custom(name) => name.as_str(),
        }
    }
}

/// A route: events of one source that meet a condition go to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// Which events it is about.
    pub source: EventSource,
    /// The condition as written, which compiles; `true` if there was none.
    pub condition: String,
    /// Where they go.
    pub destination: Destination,
    /// Whether it counts.
    pub is_enabled: bool,
}

/// What is stamped on events on their way to some endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrichment {
    /// The application property's name.
    pub key: String,
    /// Its value: text, `$iothubname`, or a path into the twin such as
    /// `$twin.tags.site`.
    pub value: String,
    /// To which endpoints; at least one.
    pub destinations: Vec<Destination>,
}

/// All that is set of a hub's routing. Whoever makes one has checked it: names
/// are unique, conditions compile, destinations exist, counts are within
/// limits.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutingSettings {
    /// Custom endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Whether telemetry that no route takes goes to the built-in endpoint.
    pub fallback_is_enabled: bool,
    /// Enrichments.
    pub enrichments: Vec<Enrichment>,
}

impl Default for RoutingSettings {
    /// No route: all telemetry goes to the built-in endpoint, nothing else
    /// anywhere.
    fn default() -> Self {
        RoutingSettings {
            endpoints: Vec::new(),
            routes: Vec::new(),
            fallback_is_enabled: true,
            enrichments: Vec::new(),
        }
    }
}

impl RoutingSettings {
    /// A custom endpoint by its name, whatever the case.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        let mut endpoints = self.endpoints.iter();
        endpoints.find(|endpoint| endpoint.name.as_str().eq_ignore_ascii_case(name))
    }

    /// A route by its name, whatever the case.
    pub fn route(&self, name: &str) -> Option<&Route> {
        let mut routes = self.routes.iter();
        routes.find(|route| route.name.as_str().eq_ignore_ascii_case(name))
    }
}
