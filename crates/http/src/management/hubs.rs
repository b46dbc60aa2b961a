//! Hubs and shared access policies as resources.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use twinhub_core::access::OperatorPermit;
use twinhub_core::etag::Precondition;
use twinhub_core::hubs::{Hub, WantedHub, WantedPolicy, hub_etag};
use twinhub_core::ids::HubName;
use twinhub_core::keys::Key;
use twinhub_core::policies::{Policy, PolicyName, Rights};

use super::{ResourceGroup, routing};
use crate::api::Services;
use crate::error_codes;
use crate::refusal::Refusal;

/// A hub as the resource provider shows it. Keys are not in it: `listkeys`.
pub fn describe(services: &Services, hub: &Hub, group: &ResourceGroup<'_>) -> Value {
    let tier = hub.settings.tier;
    json!({
        "id": group.hub_id(hub.name().as_str()),
        "name": hub.name().as_str(),
        "type": "Microsoft.Devices/IotHubs",
        "location": LOCATION,
        "subscriptionid": group.subscription,
        "resourcegroup": group.name,
        "tags": {},
        "etag": hub_etag(&hub.record),
        "sku": {
            "name": tier.sku.to_string(),
            "tier": tier.sku.family(),
            "capacity": tier.units,
        },
        "properties": {
            "state": "Active",
            "provisioningState": "Succeeded",
            "hostName": hub.host_name(),
            "locations": [{ "location": LOCATION, "role": "primary" }],
            "publicNetworkAccess": "Enabled",
            "disableLocalAuth": false,
            "minTlsVersion": "1.2",
            "features": "None",
            "eventHubEndpoints": { "events": built_in_endpoint(services, hub) },
            "routing": routing::describe(hub.routing()),
        },
    })
}

/// Where telemetry and the hub's own events are read.
fn built_in_endpoint(services: &Services, hub: &Hub) -> Value {
    const DAY: u64 = 24 * 60 * 60;
    let partitions = services.messages.streams.partitions(hub.name());
    let partition_ids = (0..partitions).map(|partition| partition.to_string());
    json!({
        "retentionTimeInDays": hub.settings.event_retention.as_secs() / DAY,
        "partitionCount": partitions,
        "partitionIds": partition_ids.collect::<Vec<_>>(),
        "path": hub.name().as_str(),
        "endpoint": format!("sb://{}/", hub.host_name()),
    })
}

/// A hub that people run themselves is where they are.
const LOCATION: &str = "local";

/// A policy with its keys.
pub fn policy(policy: &Policy) -> Value {
    json!({
        "keyName": policy.name.as_str(),
        "primaryKey": policy.keys.primary.expose(),
        "secondaryKey": policy.keys.secondary.expose(),
        "rights": policy.rights.to_string(),
    })
}

/// The hub of that name.
pub fn find(services: &Services, name: &str) -> Result<Arc<Hub>, Refusal> {
    services.hubs.by_name(name).ok_or_else(|| {
        Refusal::new(
            error_codes::GENERIC_NOT_FOUND,
            "no hub of that name runs here",
        )
    })
}

/// Writes a hub: its policies and its routing can be changed, everything else
/// must be as it is, because it comes from configuration. Routes are in force
/// when this returns.
pub async fn put(
    services: &Services,
    _permit: &OperatorPermit,
    name: &str,
    if_match: &Precondition,
    body: &Value,
) -> Result<Arc<Hub>, Refusal> {
    let Some(hub) = services.hubs.by_name(name) else {
        return Err(super::not_built(
            "more than one hub for each data folder; start another one with its own",
        ));
    };
    let Some(body) = body.as_object() else {
        return Err(Refusal::invalid("a hub is a JSON object"));
    };
    let stands = describe(
        services,
        &hub,
        &ResourceGroup {
            subscription: "",
            name: "",
        },
    );
    let wanted = check_unchanged(body, &stands)?;
    let targets = services.routing.dispatcher.targets();
    let hub = services.hubs.put(name, if_match, wanted, targets).await?;
    routing::put_in_force(services, &hub).await?;
    Ok(hub)
}

/// What is sent must be what is there, policies and routing apart, which are
/// returned.
fn check_unchanged(body: &Map<String, Value>, stands: &Value) -> Result<WantedHub, Refusal> {
    let mut wanted = WantedHub::default();
    for (member, value) in body {
        match member.as_str() {
            // The resource provider takes these as they come.
            "id" | "name" | "type" | "location" | "tags" | "etag" | "systemData" | "identity"
            | "subscriptionid" | "resourcegroup" => {}
            "sku" => require_same_members("sku", value, &stands["sku"])?,
            "properties" => {
                let mut rest = value.clone();
                if let Some(rest) = rest.as_object_mut() {
                    let mut take = |member| rest.remove(member).filter(|value| !value.is_null());
                    wanted.policies = take("authorizationPolicies")
                        .map(read_policies)
                        .transpose()?;
                    wanted.routing = take("routing").map(routing::read).transpose()?;
                }
                require_same_members("properties", &rest, &stands["properties"])?;
            }
            member => {
                let shown: String = member.chars().take(64).collect();
                return Err(Refusal::invalid(format!(
                    "{shown:?} is not a member of a hub"
                )));
            }
        }
    }
    Ok(wanted)
}

fn read_policies(given: Value) -> Result<Vec<WantedPolicy>, Refusal> {
    let given: Vec<PolicyInput> = serde_json::from_value(given)
        .map_err(|error| Refusal::invalid(format!("properties.authorizationPolicies: {error}")))?;
    given.into_iter().map(PolicyInput::into_wanted).collect()
}

/// Members may be missing, null or empty, or be what they are.
fn require_same_members(name: &str, sent: &Value, stands: &Value) -> Result<(), Refusal> {
    let Some(sent) = sent.as_object() else {
        return if sent.is_null() {
            Ok(())
        } else {
            Err(Refusal::invalid(format!("{name} must be a JSON object")))
        };
    };
    for (member, value) in sent {
        if !agrees(value, &stands[member]) {
            let shown: String = member.chars().take(64).collect();
            return Err(Refusal::invalid(format!(
                "{name}.{shown} can't be changed by this call; what a hub is made of stands in twinhub.toml"
            )));
        }
    }
    Ok(())
}

/// Whether what is sent says nothing, or nothing else than what stands.
fn agrees(sent: &Value, stands: &Value) -> bool {
    match sent {
        Value::Null => true,
        Value::Array(items) if items.is_empty() => true,
        Value::Object(members) => members
            .iter()
            .all(|(member, value)| agrees(value, &stands[member])),
        sent => sent == stands,
    }
}

/// A policy as sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyInput {
    key_name: String,
    primary_key: Option<String>,
    secondary_key: Option<String>,
    rights: String,
}

impl PolicyInput {
    fn into_wanted(self) -> Result<WantedPolicy, Refusal> {
        let key = |text: Option<String>| {
            text.filter(|text| !text.is_empty())
                .map(|text| Key::parse(&text))
                .transpose()
                .map_err(|error| Refusal::invalid(error.to_string()))
        };
        Ok(WantedPolicy {
            name: PolicyName::parse(&self.key_name)
                .map_err(|error| Refusal::invalid(error.to_string()))?,
            rights: Rights::parse(&self.rights)
                .map_err(|error| Refusal::invalid(error.to_string()))?,
            primary: key(self.primary_key)?,
            secondary: key(self.secondary_key)?,
        })
    }
}

/// Whether a name can be given to a hub.
pub fn check_name(services: &Services, body: &Value) -> Result<Value, Refusal> {
    let name = body["name"]
        .as_str()
        .ok_or_else(|| Refusal::invalid("name is missing in the body"))?;
    let (reason, message) = match HubName::parse(name) {
        Err(error) => ("Invalid", error.to_string()),
        Ok(_) if services.hubs.by_name(name).is_some() => {
            ("AlreadyExists", format!("hub {name} runs here"))
        }
        Ok(_) => return Ok(json!({ "nameAvailable": true })),
    };
    Ok(json!({ "nameAvailable": false, "reason": reason, "message": message }))
}

/// What the resource provider can do here.
pub fn operations() -> Vec<Value> {
    let operation = |name: &str, resource: &str, operation: &str| {
        json!({
            "name": format!("Microsoft.Devices/{name}"),
            "display": {
                "provider": "Microsoft Devices",
                "resource": resource,
                "operation": operation,
            },
        })
    };
    vec![
        operation("IotHubs/Read", "IotHubs", "Get a hub"),
        operation(
            "IotHubs/Write",
            "IotHubs",
            "Change a hub's policies and routing",
        ),
        operation(
            "IotHubs/routing/routes/$testnew/Action",
            "IotHubs",
            "Try a route on a message",
        ),
        operation(
            "IotHubs/routing/routes/$testall/Action",
            "IotHubs",
            "Try all routes on a message",
        ),
        operation(
            "IotHubs/routingEndpointsHealth/Read",
            "EndpointHealth",
            "Get how a hub's endpoints are",
        ),
        operation(
            "IotHubs/listkeys/Action",
            "IotHubs",
            "Get all keys of a hub",
        ),
        operation(
            "IotHubs/iotHubKeys/listkeys/Action",
            "IotHubs",
            "Get one policy's keys",
        ),
        operation(
            "IotHubs/eventHubEndpoints/consumerGroups/Read",
            "ConsumerGroups",
            "Get a hub's consumer groups",
        ),
        operation(
            "IotHubs/eventHubEndpoints/consumerGroups/Write",
            "ConsumerGroups",
            "Create a consumer group",
        ),
        operation(
            "IotHubs/eventHubEndpoints/consumerGroups/Delete",
            "ConsumerGroups",
            "Delete a consumer group",
        ),
        operation(
            "IotHubs/certificates/Read",
            "Certificates",
            "Get a hub's certificates",
        ),
        operation(
            "IotHubs/certificates/Write",
            "Certificates",
            "Add, verify or replace a certificate",
        ),
        operation(
            "IotHubs/certificates/Delete",
            "Certificates",
            "Remove a certificate",
        ),
    ]
}
