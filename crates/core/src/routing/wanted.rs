//! What a caller wants of routing, and what becomes of it.

use super::check::InvalidRouting;
use super::endpoint::{Endpoint, EndpointGroup, EndpointId, EndpointName, EndpointTarget};
use super::secret::Secret;
use super::settings::{Destination, Enrichment, Route, RouteName, RoutingSettings};
use crate::events::EventSource;

/// Routing as a caller wants it: nothing of it is checked.
#[derive(Debug, Clone, Default)]
pub struct WantedRouting {
    /// Custom endpoints.
    pub endpoints: Vec<WantedEndpoint>,
    /// Kinds of endpoints that the caller says nothing of, as
    /// [`EndpointTarget::kind`] names them: theirs stay.
    pub untouched_kinds: Vec<&'static str>,
    /// Routes.
    pub routes: Vec<WantedRoute>,
    /// Whether the fallback route counts.
    pub fallback_is_enabled: bool,
    /// Enrichments.
    pub enrichments: Vec<WantedEnrichment>,
}

/// An endpoint as a caller wants it.
#[derive(Debug, Clone)]
pub struct WantedEndpoint {
    /// Its name.
    pub name: String,
    /// The subscription and resource group that the caller named.
    pub group: Option<EndpointGroup>,
    /// What it is. A secret that is empty, or masked as it is shown, stands
    /// for the one that the endpoint of this name and kind has. An AMQP
    /// address that is empty is the one that the connection string names.
    pub target: EndpointTarget,
}

/// A route as a caller wants it.
#[derive(Debug, Clone)]
pub struct WantedRoute {
    /// Its name.
    pub name: String,
    /// Its source.
    pub source: String,
    /// Its condition; a route without one is always true.
    pub condition: Option<String>,
    /// Its endpoints: one.
    pub endpoints: Vec<String>,
    /// Whether it counts.
    pub is_enabled: bool,
}

/// An enrichment as a caller wants it.
#[derive(Debug, Clone)]
pub struct WantedEnrichment {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Its endpoints.
    pub endpoints: Vec<String>,
}

impl WantedRouting {
    /// The settings that are wanted, given those that stand. An endpoint that
    /// stands under the same name and is of the same kind is still that one.
    pub(crate) fn resolve(
        self,
        stands: &RoutingSettings,
    ) -> Result<RoutingSettings, InvalidRouting> {
        let untouched = stands.endpoints.iter();
        let untouched =
            untouched.filter(|known| self.untouched_kinds.contains(&known.target.kind()));
        let mut endpoints = self
            .endpoints
            .into_iter()
            .map(|endpoint| endpoint.resolve(stands))
            .collect::<Result<Vec<_>, _>>()?;
        endpoints.extend(untouched.cloned());
        let routes = self.routes.into_iter().map(WantedRoute::resolve);
        let enrichments = self.enrichments.into_iter().map(WantedEnrichment::resolve);
        Ok(RoutingSettings {
            endpoints,
            routes: routes.collect::<Result<_, _>>()?,
            fallback_is_enabled: self.fallback_is_enabled,
            enrichments: enrichments.collect::<Result<_, _>>()?,
        })
    }
}

impl WantedEndpoint {
    fn resolve(mut self, stands: &RoutingSettings) -> Result<Endpoint, InvalidRouting> {
        let name =
            EndpointName::parse(&self.name).map_err(|_| InvalidRouting::EndpointName(self.name))?;
        let known = stands.endpoint(name.as_str());
        let known = known.filter(|known| known.target.kind() == self.target.kind());
        let stored = known.map_or_else(Vec::new, |known| known.target.clone().into_secrets());
        for (label, secret) in self.target.secrets_mut() {
            let stored = stored.iter().find(|(known, _)| *known == label);
            resolve_secret(secret, stored.map(|(_, secret)| secret)).map_err(|missing| {
                let (endpoint, secret) = (name.to_string(), label);
                match missing {
                    Unresolved::Missing => InvalidRouting::SecretMissing { endpoint, secret },
                    Unresolved::Masked => InvalidRouting::SecretMasked { endpoint, secret },
                }
            })?;
        }
        if let EndpointTarget::Amqp(amqp) = &mut self.target
            && amqp.address.is_empty()
        {
            amqp.address = amqp.entity_path().unwrap_or_default().to_owned();
        }
        if let (EndpointTarget::Storage(wanted), Some(EndpointTarget::Storage(known))) =
            (&self.target, known.map(|known| &known.target))
            && wanted.encoding != known.encoding
        {
            return Err(InvalidRouting::EncodingChanged(name.to_string()));
        }
        Ok(Endpoint {
            id: known.map_or_else(EndpointId::generate, |known| known.id),
            name,
            group: self.group,
            target: self.target,
        })
    }
}

enum Unresolved {
    Missing,
    Masked,
}

fn resolve_secret(wanted: &mut Secret, stored: Option<&Secret>) -> Result<(), Unresolved> {
    let is_absent = wanted.expose().is_empty();
    match stored {
        Some(stored) if is_absent || stored.is_shown_as(wanted.expose()) => {
            *wanted = stored.clone();
            Ok(())
        }
        _ if is_absent => Err(Unresolved::Missing),
        _ if wanted.is_masked() => Err(Unresolved::Masked),
        _ => Ok(()),
    }
}

impl EndpointTarget {
    /// Each secret in it, and what it is called within the endpoint.
    fn secrets_mut(&mut self) -> Vec<(String, &mut Secret)> {
        match self {
            EndpointTarget::Storage(storage) => {
                vec![("connectionString".to_owned(), &mut storage.connection)]
            }
            EndpointTarget::Amqp(amqp) => {
                vec![("connectionString".to_owned(), &mut amqp.connection)]
            }
            EndpointTarget::Webhook(webhook) => {
                let headers = webhook.headers.iter_mut().map(|(name, value)| {
                    let label = format!("headers.{}", name.to_ascii_lowercase());
                    (label, value)
                });
                std::iter::once(("url".to_owned(), &mut webhook.url))
                    .chain(headers)
                    .collect()
            }
            EndpointTarget::Nats(nats) => vec![("servers".to_owned(), &mut nats.servers)],
        }
    }

    fn into_secrets(mut self) -> Vec<(String, Secret)> {
        let secrets = self.secrets_mut().into_iter();
        secrets
            .map(|(label, secret)| (label, secret.clone()))
            .collect()
    }
}

impl WantedRoute {
    fn resolve(self) -> Result<Route, InvalidRouting> {
        let name =
            RouteName::parse(&self.name).map_err(|_| InvalidRouting::RouteName(self.name))?;
        let route = name.to_string();
        let Some(source) = EventSource::of_route_source(&self.source) else {
            let named = self.source;
            return Err(InvalidRouting::Source { route, named });
        };
        let [endpoint] = <[String; 1]>::try_from(self.endpoints).map_err(|endpoints| {
            let count = endpoints.len();
            InvalidRouting::EndpointsOfRoute {
                route: route.clone(),
                count,
            }
        })?;
        let condition = self.condition.filter(|text| !text.trim().is_empty());
        Ok(Route {
            destination: destination(endpoint, || format!("route {route}"))?,
            name,
            source,
            condition: condition.unwrap_or_else(|| "true".to_owned()),
            is_enabled: self.is_enabled,
        })
    }
}

impl WantedEnrichment {
    fn resolve(self) -> Result<Enrichment, InvalidRouting> {
        let by = || format!("enrichment {}", self.key);
        let destinations = self.endpoints.into_iter();
        Ok(Enrichment {
            destinations: destinations
                .map(|endpoint| destination(endpoint, by))
                .collect::<Result<_, _>>()?,
            value: self.value,
            key: self.key,
        })
    }
}

/// What cannot be a name is the name of no endpoint.
fn destination(name: String, by: impl Fn() -> String) -> Result<Destination, InvalidRouting> {
    if name.eq_ignore_ascii_case(Destination::BUILT_IN) {
        return Ok(Destination::BuiltIn);
    }
    let parsed = EndpointName::parse(&name);
    parsed
        .map(Destination::Custom)
        .map_err(|_| InvalidRouting::NoSuchEndpoint {
            by: by(),
            endpoint: name,
        })
}
