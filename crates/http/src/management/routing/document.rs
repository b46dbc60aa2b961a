//! `properties.routing` of a hub.
//!
//! <https://learn.microsoft.com/rest/api/iothub/iot-hub-resource/create-or-update>

use serde::Deserialize;
use serde_json::{Map, Value, json};
use twinhub_core::events::EventSource;
use twinhub_core::routing::{
    Destination, Enrichment, Route, RoutingSettings, WantedEnrichment, WantedRoute, WantedRouting,
};

use super::{endpoints, parsed};
use crate::refusal::Refusal;

/// The name of the fallback route.
const FALLBACK: &str = "$fallback";

/// What is set of a hub's routing, secrets masked.
pub fn describe(settings: &RoutingSettings) -> Value {
    let routes = settings.routes.iter().map(route);
    let enrichments = settings.enrichments.iter().map(enrichment);
    json!({
        "endpoints": endpoints::describe(&settings.endpoints),
        "routes": routes.collect::<Vec<_>>(),
        "fallbackRoute": fallback(settings.fallback_is_enabled),
        "enrichments": enrichments.collect::<Vec<_>>(),
    })
}

/// A route.
pub(super) fn route(route: &Route) -> Value {
    json!({
        "name": route.name.as_str(),
        "source": route.source.route_source(),
        "condition": route.condition,
        "endpointNames": [route.destination.as_str()],
        "isEnabled": route.is_enabled,
    })
}

fn fallback(is_enabled: bool) -> Value {
    json!({
        "name": FALLBACK,
        "source": EventSource::Telemetry.route_source(),
        "condition": "true",
        "endpointNames": [Destination::BUILT_IN],
        "isEnabled": is_enabled,
    })
}

fn enrichment(enrichment: &Enrichment) -> Value {
    let destinations = enrichment.destinations.iter().map(Destination::as_str);
    json!({
        "key": enrichment.key,
        "value": enrichment.value,
        "endpointNames": destinations.collect::<Vec<_>>(),
    })
}

/// What a caller wants of a hub's routing; members that are missing are empty.
pub fn read(document: Value) -> Result<WantedRouting, Refusal> {
    let document: RoutingInput = parsed("properties.routing", document)?;
    let (endpoints, untouched_kinds) = endpoints::read(document.endpoints.unwrap_or_default())?;
    let routes = items("routes", document.routes)?.into_iter();
    let enrichments = items("enrichments", document.enrichments)?.into_iter();
    Ok(WantedRouting {
        endpoints,
        untouched_kinds,
        routes: routes.map(RouteInput::into_wanted).collect(),
        fallback_is_enabled: match document.fallback_route {
            Some(fallback) => fallback.into_enabled()?,
            None => true,
        },
        enrichments: enrichments.map(EnrichmentInput::into_wanted).collect(),
    })
}

/// Items of a list, each read on its own, so that a refusal names the one.
fn items<T: serde::de::DeserializeOwned>(
    list: &str,
    items: Option<Vec<Value>>,
) -> Result<Vec<T>, Refusal> {
    let items = items.unwrap_or_default().into_iter().enumerate();
    items
        .map(|(number, item)| parsed(&format!("properties.routing.{list}[{number}]"), item))
        .collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RoutingInput {
    endpoints: Option<Map<String, Value>>,
    routes: Option<Vec<Value>>,
    fallback_route: Option<FallbackInput>,
    enrichments: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RouteInput {
    name: String,
    source: String,
    condition: Option<String>,
    endpoint_names: Vec<String>,
    is_enabled: Option<bool>,
}

impl RouteInput {
    fn into_wanted(self) -> WantedRoute {
        WantedRoute {
            name: self.name,
            source: self.source,
            condition: self.condition,
            endpoints: self.endpoint_names,
            is_enabled: self.is_enabled.unwrap_or(true),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FallbackInput {
    #[serde(rename = "name")]
    _name: Option<String>,
    source: Option<String>,
    condition: Option<String>,
    endpoint_names: Option<Vec<String>>,
    is_enabled: Option<bool>,
}

impl FallbackInput {
    /// Of the fallback route only this can be set.
    fn into_enabled(self) -> Result<bool, Refusal> {
        let source = EventSource::Telemetry.route_source();
        let is_fixed = |given: Option<&str>, fixed: &str| {
            given.is_none_or(|given| given.trim().is_empty() || given.eq_ignore_ascii_case(fixed))
        };
        let names = self.endpoint_names.unwrap_or_default();
        let endpoint_is_fixed = match names.as_slice() {
            [] => true,
            [name] => name.eq_ignore_ascii_case(Destination::BUILT_IN),
            _ => false,
        };
        let condition = self.condition.as_deref().map(str::trim);
        if is_fixed(self.source.as_deref(), source)
            && is_fixed(condition, "true")
            && endpoint_is_fixed
        {
            return Ok(self.is_enabled.unwrap_or(true));
        }
        Err(Refusal::invalid(
            "properties.routing.fallbackRoute is about DeviceMessages, its condition is true and \
             its endpoint events; only isEnabled can be set",
        ))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EnrichmentInput {
    key: String,
    value: String,
    endpoint_names: Vec<String>,
}

impl EnrichmentInput {
    fn into_wanted(self) -> WantedEnrichment {
        WantedEnrichment {
            key: self.key,
            value: self.value,
            endpoints: self.endpoint_names,
        }
    }
}
