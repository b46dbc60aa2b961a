//! A hub's routing as the API has it.

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::{ApiError, Call};
use crate::failure::Failure;
use crate::visit::Visit;

/// The built-in endpoint.
pub const BUILT_IN: &str = "events";

/// `properties.routing` of a hub.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Routing {
    /// Custom endpoints by kind, secrets masked.
    pub endpoints: BTreeMap<String, Vec<Endpoint>>,
    /// Routes.
    pub routes: Vec<Route>,
    /// The fallback route.
    pub fallback_route: Fallback,
    /// Enrichments.
    pub enrichments: Vec<Enrichment>,
}

/// A route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Which events it is about.
    pub source: String,
    /// Its condition.
    pub condition: String,
    /// Its endpoint; there is one.
    pub endpoint_names: Vec<String>,
    /// Whether it counts.
    pub is_enabled: bool,
}

impl Route {
    /// Where it leads.
    pub fn endpoint(&self) -> &str {
        self.endpoint_names.first().map_or("", String::as_str)
    }

    /// Whether it has this name; names have no case.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The fallback route, of which one thing can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fallback {
    /// Whether it counts.
    pub is_enabled: bool,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// An enrichment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enrichment {
    /// The property's name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// On the way to which endpoints.
    pub endpoint_names: Vec<String>,
}

impl Enrichment {
    /// One of its endpoints, which with the key says which one it is.
    pub fn first_endpoint(&self) -> &str {
        self.endpoint_names.first().map_or("", String::as_str)
    }

    /// Whether it stamps the key for this endpoint: no other one does.
    pub fn stamps(&self, key: &str, endpoint: &str) -> bool {
        let mut names = self.endpoint_names.iter();
        self.key.eq_ignore_ascii_case(key) && names.any(|name| name.eq_ignore_ascii_case(endpoint))
    }
}

/// An endpoint of some kind: its members.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Endpoint(pub Map<String, Value>);

impl Endpoint {
    /// Its name.
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// Whether it has this name; names have no case.
    pub fn is_named(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// A member that is a text, or an empty text.
    pub fn text(&self, member: &str) -> &str {
        self.0.get(member).and_then(Value::as_str).unwrap_or("")
    }
}

impl Routing {
    /// A route.
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.is_named(name))
    }

    /// An endpoint and the name of its kind's list.
    pub fn endpoint(&self, name: &str) -> Option<(&str, &Endpoint)> {
        let mut endpoints = self.all_endpoints();
        endpoints.find(|(_, endpoint)| endpoint.is_named(name))
    }

    /// All endpoints, each with the name of its kind's list.
    pub fn all_endpoints(&self) -> impl Iterator<Item = (&str, &Endpoint)> {
        let kinds = self.endpoints.iter();
        kinds.flat_map(|(kind, endpoints)| endpoints.iter().map(move |it| (kind.as_str(), it)))
    }

    /// Where routes may lead: the built-in endpoint and the custom ones.
    pub fn destinations(&self) -> Vec<String> {
        let custom = self.all_endpoints().map(|(_, endpoint)| endpoint.name());
        let mut custom: Vec<_> = custom.map(str::to_owned).collect();
        custom.sort();
        custom.insert(0, BUILT_IN.to_owned());
        custom
    }

    /// The routes that lead to an endpoint.
    pub fn routes_to(&self, endpoint: &str) -> Vec<&Route> {
        let routes = self.routes.iter();
        routes
            .filter(|route| route.endpoint().eq_ignore_ascii_case(endpoint))
            .collect()
    }

    /// The enrichments that are about an endpoint.
    pub fn enrichments_of(&self, endpoint: &str) -> Vec<&Enrichment> {
        let enrichments = self.enrichments.iter();
        enrichments
            .filter(|enrichment| enrichment.stamps(&enrichment.key, endpoint))
            .collect()
    }
}

#[derive(Deserialize)]
struct HubDocument {
    etag: String,
    properties: HubProperties,
}

#[derive(Deserialize)]
struct HubProperties {
    routing: Routing,
}

/// What is set now, for a page.
pub async fn read(visit: &Visit) -> Result<Routing, Failure> {
    let read = read_hub(visit).await;
    let (_, routing) = read.map_err(|error| visit.failed(error))?;
    Ok(routing)
}

/// What is set now, and the hub's ETag.
pub(super) async fn read_hub(visit: &Visit) -> Result<(String, Routing), ApiError> {
    let hub: HubDocument = visit.read(Call::resource(Method::GET, [])).await?;
    Ok((hub.etag, hub.properties.routing))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample() -> Routing {
        serde_json::from_value(json!({
            "endpoints": {
                "webhooks": [{ "name": "Hook", "url": "https://a/****" }],
                "eventHubs": [{ "name": "bus" }],
            },
            "routes": [{
                "name": "hot", "source": "DeviceMessages", "condition": "true",
                "endpointNames": ["hook"], "isEnabled": true,
            }],
            "fallbackRoute": { "name": "$fallback", "isEnabled": true },
            "enrichments": [{ "key": "site", "value": "x", "endpointNames": ["HOOK", "events"] }],
        }))
        .unwrap()
    }

    #[test]
    fn names_have_no_case_and_the_built_in_endpoint_is_the_first_destination() {
        let routing = sample();

        assert_eq!(routing.destinations(), ["events", "Hook", "bus"]);
        assert_eq!(routing.routes_to("Hook")[0].name, "hot");
        assert_eq!(routing.enrichments_of("hook").len(), 1);
        assert_eq!(routing.endpoint("hook").unwrap().0, "webhooks");
        assert!(routing.enrichments[0].stamps("SITE", "Events"));
    }

    #[test]
    fn what_the_page_does_not_know_is_written_as_it_was_read() {
        let written = serde_json::to_value(sample()).unwrap();

        assert_eq!(written["fallbackRoute"]["name"], "$fallback");
        assert_eq!(written["endpoints"]["webhooks"][0]["url"], "https://a/****");
    }
}
