//! What routing settings may be: a pure decision.

use std::collections::HashSet;

use super::condition::{Condition, InvalidCondition};
use super::settings::{Destination, Enrichment, Route, RoutingSettings};
use crate::events::EventSource;
use crate::hubs::Tier;
use crate::ports::Targets;

mod enrichments;
mod targets;
#[cfg(test)]
mod tests;

/// Why routing settings are not taken; nothing was changed. Never holds a
/// secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRouting {
    /// Not a route's name.
    #[error("{0:?} can't name a route: a name has 1 to 64 letters, digits and - . _")]
    RouteName(String),
    /// Not a custom endpoint's name.
    #[error(
        "{0:?} can't name an endpoint: a name has 1 to 64 letters, digits and - . _, \
         and is none of events, fileNotifications, $default"
    )]
    EndpointName(String),
    /// Two of a kind share a name; endpoints of all kinds are of one kind.
    #[error("the name {0} is given twice")]
    NamedTwice(String),
    /// More routes than the tier has.
    #[error("a hub of this tier has at most {limit} routes")]
    TooManyRoutes {
        /// How many there may be.
        limit: usize,
    },
    /// More endpoints than the tier has.
    #[error("a hub of this tier has at most {limit} custom endpoints")]
    TooManyEndpoints {
        /// How many there may be.
        limit: usize,
    },
    /// More enrichments than the tier has.
    #[error("a hub of this tier has at most {limit} enrichments")]
    TooManyEnrichments {
        /// How many there may be.
        limit: usize,
    },
    /// No such source.
    #[error(
        "route {route}: {named:?} is not a source; DeviceMessages, TwinChangeEvents, \
         DeviceLifecycleEvents, DeviceConnectionStateEvents, DeviceJobLifecycleEvents and \
         DigitalTwinChangeEvents are"
    )]
    Source {
        /// The route.
        route: String,
        /// What it names as source.
        named: String,
    },
    /// The tier lacks what the source's events tell of.
    #[error("route {route}: hubs of the basic tiers have no {}", .tells_of.route_source())]
    SourceNotInTier {
        /// The route.
        route: String,
        /// Its source.
        tells_of: EventSource,
    },
    /// A route leads to one endpoint.
    #[error("route {route} names {count} endpoints; a route leads to exactly one")]
    EndpointsOfRoute {
        /// The route.
        route: String,
        /// How many it names.
        count: usize,
    },
    /// An endpoint is named that is not there.
    #[error("{by} leads to endpoint {endpoint:?}, which the hub does not have")]
    NoSuchEndpoint {
        /// Who names it.
        by: String,
        /// The name.
        endpoint: String,
    },
    /// An endpoint is left out that is still named.
    #[error("{by} leads to endpoint {endpoint:?}: change or delete it first")]
    EndpointInUse {
        /// Who names it.
        by: String,
        /// The name.
        endpoint: String,
    },
    /// The condition does not compile.
    #[error("route {route}: the condition goes wrong at {error}")]
    Condition {
        /// The route.
        route: String,
        /// Where and why.
        error: InvalidCondition,
    },
    /// Neither given nor known.
    #[error("endpoint {endpoint}: {secret} is missing")]
    SecretMissing {
        /// The endpoint.
        endpoint: String,
        /// What is missing.
        secret: String,
    },
    /// A masked secret that is not the stored one as it is shown.
    #[error("endpoint {endpoint}: {secret} is masked; whoever changes it gives its key, too")]
    SecretMasked {
        /// The endpoint.
        endpoint: String,
        /// What is masked.
        secret: String,
    },
    /// A storage endpoint's encoding stays.
    #[error("endpoint {0}: the encoding of a storage endpoint can't be changed; make another one")]
    EncodingChanged(String),
    /// Something about an endpoint.
    #[error("endpoint {endpoint}: {problem}")]
    Target {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        problem: String,
    },
    /// Something about an enrichment.
    #[error("enrichment {key:?}: {problem}")]
    Enrichment {
        /// The enrichment.
        key: String,
        /// What is wrong.
        problem: &'static str,
    },
}

impl InvalidRouting {
    /// The same, told to who changes what `stands`: an endpoint that is not
    /// among the new ones is there until then.
    pub(crate) fn of_change(self, stands: &RoutingSettings) -> Self {
        match self {
            InvalidRouting::NoSuchEndpoint { by, endpoint }
                if stands.endpoint(&endpoint).is_some() =>
            {
                InvalidRouting::EndpointInUse { by, endpoint }
            }
            other => other,
        }
    }
}

impl RoutingSettings {
    /// Whether a hub of this tier may be set so.
    pub fn check(&self, tier: Tier) -> Result<(), InvalidRouting> {
        self.check_counts(tier)?;
        let endpoints = self.endpoints.iter();
        require_unique(endpoints.map(|endpoint| endpoint.name.as_str()))?;
        require_unique(self.routes.iter().map(|route| route.name.as_str()))?;
        for endpoint in &self.endpoints {
            targets::check(&endpoint.target).map_err(|problem| InvalidRouting::Target {
                endpoint: endpoint.name.to_string(),
                problem,
            })?;
        }
        for route in &self.routes {
            self.check_route(route, tier)?;
        }
        self.check_enrichments()
    }

    /// Whether the endpoints that are not as they `stand` could be written. One
    /// that can't any more is no reason to refuse a change of something else.
    pub(crate) fn check_targets(
        &self,
        stands: &RoutingSettings,
        targets: &dyn Targets,
    ) -> Result<(), InvalidRouting> {
        for endpoint in &self.endpoints {
            let known = stands.endpoint(endpoint.name.as_str());
            if known.is_some_and(|known| known.target == endpoint.target) {
                continue;
            }
            targets
                .check(&endpoint.target)
                .map_err(|problem| InvalidRouting::Target {
                    endpoint: endpoint.name.to_string(),
                    problem,
                })?;
        }
        Ok(())
    }

    fn check_counts(&self, tier: Tier) -> Result<(), InvalidRouting> {
        let limit = tier.max_routes();
        if self.routes.len() > limit {
            return Err(InvalidRouting::TooManyRoutes { limit });
        }
        let limit = tier.max_endpoints();
        if self.endpoints.len() > limit {
            return Err(InvalidRouting::TooManyEndpoints { limit });
        }
        let limit = tier.max_enrichments();
        if self.enrichments.len() > limit {
            return Err(InvalidRouting::TooManyEnrichments { limit });
        }
        Ok(())
    }

    fn check_route(&self, route: &Route, tier: Tier) -> Result<(), InvalidRouting> {
        let name = route.name.to_string();
        if !tier.tells_of(route.source) {
            return Err(InvalidRouting::SourceNotInTier {
                route: name,
                tells_of: route.source,
            });
        }
        Condition::compile(&route.condition)
            .map_err(|error| InvalidRouting::Condition { route: name, error })?;
        self.require_endpoint(&route.destination, || format!("route {}", route.name))
    }

    fn check_enrichments(&self) -> Result<(), InvalidRouting> {
        let mut stamped = HashSet::new();
        for enrichment in &self.enrichments {
            let refuse = |problem| InvalidRouting::Enrichment {
                key: enrichment.key.clone(),
                problem,
            };
            enrichments::check(enrichment).map_err(refuse)?;
            for destination in &enrichment.destinations {
                self.require_endpoint(destination, || format!("enrichment {}", enrichment.key))?;
                if !stamped.insert(stamp(enrichment, destination)) {
                    return Err(refuse("the key is given twice for one endpoint"));
                }
            }
        }
        Ok(())
    }

    fn require_endpoint(
        &self,
        destination: &Destination,
        by: impl FnOnce() -> String,
    ) -> Result<(), InvalidRouting> {
        match destination {
            Destination::Custom(name) if self.endpoint(name.as_str()).is_none() => {
                Err(InvalidRouting::NoSuchEndpoint {
                    by: by(),
                    endpoint: name.to_string(),
                })
            }
            Destination::BuiltIn | Destination::Custom(_) => Ok(()),
        }
    }
}

fn stamp(enrichment: &Enrichment, destination: &Destination) -> (String, String) {
    let folded = |text: &str| text.to_ascii_lowercase();
    (folded(&enrichment.key), folded(destination.as_str()))
}

fn require_unique<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), InvalidRouting> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(InvalidRouting::NamedTwice(name.to_owned()));
        }
    }
    Ok(())
}
