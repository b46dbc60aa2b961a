//! A hub's routing as the API has it, and changes to it.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::{ApiError, Call};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::visit::Visit;

/// The built-in endpoint.
pub const BUILT_IN: &str = "events";
/// How often a change is tried when others write the hub at the same time.
const ATTEMPTS: usize = 5;

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

/// The item is not what the form was about.
#[derive(Debug, PartialEq)]
pub struct Stale<T> {
    /// What it is now, unless it is gone.
    pub now: Option<T>,
}

/// Puts an item into a list: a new one if there was none, or in place of the
/// one that was seen; `None` takes that out.
pub fn put<T: PartialEq + Clone>(
    items: &mut Vec<T>,
    is_it: impl Fn(&T) -> bool,
    seen: Option<&T>,
    wanted: Option<T>,
) -> Result<(), Stale<T>> {
    let Some(seen) = seen else {
        items.extend(wanted);
        return Ok(());
    };
    let Some(at) = items.iter().position(is_it) else {
        return Err(Stale { now: None });
    };
    if items[at] != *seen {
        let now = Some(items[at].clone());
        return Err(Stale { now });
    }
    match wanted {
        Some(wanted) => items[at] = wanted,
        None => {
            items.remove(at);
        }
    }
    Ok(())
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum NotChanged<T> {
    /// Somebody else was quicker.
    Stale(Stale<T>),
    /// The API refused it.
    Refused(ApiError),
}

impl<T> From<Stale<T>> for NotChanged<T> {
    fn from(stale: Stale<T>) -> Self {
        NotChanged::Stale(stale)
    }
}

impl<T> From<ApiError> for NotChanged<T> {
    fn from(error: ApiError) -> Self {
        NotChanged::Refused(error)
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

/// What is set now.
pub async fn read(visit: &Visit) -> Result<Routing, ApiError> {
    Ok(hub(visit).await?.properties.routing)
}

async fn hub(visit: &Visit) -> Result<HubDocument, ApiError> {
    visit.call(Call::resource(Method::GET, [])).await?.read()
}

/// Changes what is set: `decide` is asked again with what stands then, if the
/// hub was written by somebody else between reading and writing.
pub async fn change<T>(
    visit: &Visit,
    decide: impl Fn(&mut Routing) -> Result<(), Stale<T>>,
) -> Result<(), NotChanged<T>> {
    let mut attempts = 1;
    loop {
        let hub = hub(visit).await?;
        let mut routing = hub.properties.routing;
        decide(&mut routing)?;
        let body = json!({ "properties": { "routing": routing } });
        let write = Call::resource(Method::PUT, []).if_match(&hub.etag);
        match visit.call(write.json(&body)).await {
            Ok(_) => return Ok(()),
            Err(error)
                if error.status() == StatusCode::PRECONDITION_FAILED && attempts < ATTEMPTS =>
            {
                attempts += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a form's field `seen` holds: the item as it was shown.
pub fn seen<T: Serialize>(item: Option<&T>) -> String {
    item.and_then(|item| serde_json::to_string(item).ok())
        .unwrap_or_default()
}

/// Reads the field `seen`; a new item was not seen.
pub fn was_seen<T: serde::de::DeserializeOwned>(field: &str) -> Option<T> {
    serde_json::from_str(field).ok()
}

/// What the form was about: one that was made of nothing is refused.
pub fn shown<T: serde::de::DeserializeOwned>(visit: &Visit, fields: &Fields) -> Result<T, Failure> {
    was_seen(fields.get("seen")).ok_or_else(|| {
        let sentence = "the form does not say what it is about: open its page again";
        Failure::invalid(visit, sentence)
    })
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn an_item_that_is_as_it_was_seen_is_replaced_or_taken_out() {
        let mut items = vec!["a1", "b1"];

        put(
            &mut items,
            |it| it.starts_with('a'),
            Some(&"a1"),
            Some("a2"),
        )
        .unwrap();
        put(&mut items, |it| it.starts_with('b'), Some(&"b1"), None).unwrap();
        put(&mut items, |_| false, None, Some("c1")).unwrap();

        assert_eq!(items, ["a2", "c1"]);
    }

    #[test]
    fn an_item_that_somebody_has_changed_stays_and_is_told() {
        let mut items = vec!["a2"];

        let changed = put(
            &mut items,
            |it| it.starts_with('a'),
            Some(&"a1"),
            Some("mine"),
        );
        let gone = put(&mut items, |it| it.starts_with('b'), Some(&"b1"), None);

        assert_eq!(changed, Err(Stale { now: Some("a2") }));
        assert_eq!(gone, Err(Stale { now: None }));
        assert_eq!(items, ["a2"]);
    }
}
