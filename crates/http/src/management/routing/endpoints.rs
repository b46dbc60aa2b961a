//! Custom endpoints, listed by kind.

use serde_json::{Map, Value, json};
use twinhub_core::routing::{AmqpKind, Endpoint, EndpointGroup, EndpointTarget, WantedEndpoint};

use super::parsed;
use crate::management::not_built;
use crate::refusal::Refusal;

mod targets;

/// A kind of endpoints.
struct Kind {
    /// The member that lists them.
    member: &'static str,
    /// Its name in core.
    name: &'static str,
    /// Tools made for Azure don't know it.
    is_ours: bool,
    read: fn(&str, Value) -> Result<EndpointTarget, Refusal>,
}

static KINDS: [Kind; 7] = [
    Kind {
        member: "serviceBusQueues",
        name: "servicebusqueue",
        is_ours: false,
        read: |place, value| targets::bus(AmqpKind::ServiceBusQueue, place, value),
    },
    Kind {
        member: "serviceBusTopics",
        name: "servicebustopic",
        is_ours: false,
        read: |place, value| targets::bus(AmqpKind::ServiceBusTopic, place, value),
    },
    Kind {
        member: "eventHubs",
        name: "eventhub",
        is_ours: false,
        read: |place, value| targets::bus(AmqpKind::EventHub, place, value),
    },
    Kind {
        member: "storageContainers",
        name: "storage",
        is_ours: false,
        read: targets::storage,
    },
    Kind {
        member: "amqpQueues",
        name: "amqpqueue",
        is_ours: true,
        read: targets::amqp_queue,
    },
    Kind {
        member: "webhooks",
        name: "webhook",
        is_ours: true,
        read: targets::webhook,
    },
    Kind {
        member: "natsSubjects",
        name: "nats",
        is_ours: true,
        read: targets::nats,
    },
];

/// Azure's kind that leads to no place outside Azure.
const COSMOS_DB: &str = "cosmosDBSqlContainers";

/// All endpoints, secrets masked.
pub(super) fn describe(endpoints: &[Endpoint]) -> Value {
    let mut listed = Map::new();
    for kind in &KINDS {
        let of_kind = endpoints
            .iter()
            .filter(|endpoint| endpoint.target.kind() == kind.name);
        listed.insert(kind.member.to_owned(), of_kind.map(endpoint).collect());
    }
    listed.insert(COSMOS_DB.to_owned(), json!([]));
    listed.into()
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let mut members = targets::describe(&endpoint.target);
    members["id"] = endpoint.id.to_string().into();
    members["name"] = endpoint.name.as_str().into();
    if let Some(group) = &endpoint.group {
        members["subscriptionId"] = group.subscription_id.as_str().into();
        members["resourceGroup"] = group.resource_group.as_str().into();
    }
    members
}

/// What a caller wants of endpoints, and the kinds of which nothing is said.
pub(super) fn read(
    mut listed: Map<String, Value>,
) -> Result<(Vec<WantedEndpoint>, Vec<&'static str>), Refusal> {
    let mut endpoints = Vec::new();
    let mut untouched = Vec::new();
    for kind in &KINDS {
        let place = format!("properties.routing.endpoints.{}", kind.member);
        let list = listed.remove(kind.member).filter(|list| !list.is_null());
        let Some(list) = list else {
            if kind.is_ours {
                untouched.push(kind.name);
            }
            continue;
        };
        let list: Vec<Map<String, Value>> = parsed(&place, list)?;
        for (number, members) in list.into_iter().enumerate() {
            endpoints.push(read_one(kind, &format!("{place}[{number}]"), members)?);
        }
    }
    if let Some((member, _)) = listed.into_iter().find(|(_, list)| !says_nothing(list)) {
        let shown: String = member.chars().take(64).collect();
        return Err(if shown == COSMOS_DB {
            not_built("endpoints in Cosmos DB; storage endpoints keep events as JSON")
        } else {
            Refusal::invalid(format!(
                "properties.routing.endpoints: {shown:?} is not a kind of endpoints; {} are",
                KINDS.each_ref().map(|kind| kind.member).join(", ")
            ))
        });
    }
    Ok((endpoints, untouched))
}

fn says_nothing(list: &Value) -> bool {
    list.is_null() || list.as_array().is_some_and(Vec::is_empty)
}

fn read_one(
    kind: &Kind,
    place: &str,
    mut members: Map<String, Value>,
) -> Result<WantedEndpoint, Refusal> {
    let mut text = |member: &str| match members.remove(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::invalid(format!("{place}.{member} must be a text"))),
    };
    let name = text("name")?.ok_or_else(|| Refusal::invalid(format!("{place} lacks a name")))?;
    // The hub gives it.
    text("id")?;
    let group = EndpointGroup {
        subscription_id: text("subscriptionId")?.unwrap_or_default(),
        resource_group: text("resourceGroup")?.unwrap_or_default(),
    };
    let is_named = !group.subscription_id.is_empty() || !group.resource_group.is_empty();
    let by_identity = text("authenticationType")?
        .is_some_and(|kind| !kind.is_empty() && !kind.eq_ignore_ascii_case("keyBased"));
    let uri = text("endpointUri")?.is_some_and(|uri| !uri.is_empty());
    let identity = members.remove("identity");
    if by_identity || uri || identity.is_some_and(|identity| !identity.is_null()) {
        return Err(not_built(
            "identityBased endpoints, nor their endpointUri, which need a directory; \
             give a connectionString",
        ));
    }
    Ok(WantedEndpoint {
        name,
        group: is_named.then_some(group),
        target: (kind.read)(place, Value::Object(members))?,
    })
}
