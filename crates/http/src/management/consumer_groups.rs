//! Consumer groups of the built-in endpoint as resources.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use twinhub_core::access::OperatorPermit;
use twinhub_core::consumer_groups::{ConsumerGroup, ConsumerGroupName};
use twinhub_core::hubs::ChangeConsumerGroupError;

use super::operation::{ConsumerGroupCall, ResourceGroup};
use super::{Answer, date, hubs, list};
use crate::api::Services;
use crate::refusal::Refusal;
use crate::request::parse_document;
use crate::response::{empty, json as json_response};

/// All consumer groups of a hub.
pub fn list_all(services: &Services, group: &ResourceGroup<'_>, hub: &str) -> Answer {
    let hub = hubs::find(services, hub)?;
    let describe = |consumers| describe(consumers, group, hub.name().as_str());
    Ok(list(hub.consumer_groups().map(describe).collect()))
}

/// A call about one consumer group.
pub async fn act(
    services: &Services,
    _permit: &OperatorPermit,
    (group, hub, name): (&ResourceGroup<'_>, &str, &str),
    call: ConsumerGroupCall,
    body: &[u8],
) -> Answer {
    let hub = hubs::find(services, hub)?;
    let name =
        ConsumerGroupName::parse(name).map_err(|error| Refusal::invalid(error.to_string()))?;
    let hub_name = hub.name().as_str();
    let consumers = match call {
        ConsumerGroupCall::Get => hub
            .consumer_group(name.as_str())
            .cloned()
            .ok_or(ChangeConsumerGroupError::NoSuchConsumerGroup(name))?,
        ConsumerGroupCall::Put => {
            check_body(body, &name)?;
            let now = services.clock.now();
            let put = services.hubs.put_consumer_group(hub_name, name, now);
            put.await?.0
        }
        ConsumerGroupCall::Delete => {
            services.hubs.remove_consumer_group(hub_name, name).await?;
            return Ok(empty(StatusCode::OK));
        }
    };
    Ok(json_response(
        StatusCode::OK,
        &describe(&consumers, group, hub_name),
    ))
}

/// What is sent to make a group. Older versions of the call have no body.
#[derive(Debug, Default, Deserialize)]
struct PutInput {
    #[serde(default)]
    properties: PutProperties,
}

#[derive(Debug, Default, Deserialize)]
struct PutProperties {
    name: Option<String>,
}

fn check_body(body: &[u8], name: &ConsumerGroupName) -> Result<(), Refusal> {
    let input: PutInput = match body {
        [] => PutInput::default(),
        body => parse_document(body)?,
    };
    match input.properties.name {
        Some(other) if !other.eq_ignore_ascii_case(name.as_str()) => Err(Refusal::invalid(
            "properties.name must be the name in the path",
        )),
        _ => Ok(()),
    }
}

fn describe(consumers: &ConsumerGroup, group: &ResourceGroup<'_>, hub: &str) -> Value {
    let mut properties = json!({});
    if let Some(created) = consumers.created {
        properties["created"] = date(created.unix_seconds()).into();
    }
    json!({
        "id": format!(
            "{}/eventHubEndpoints/events/ConsumerGroups/{}",
            group.hub_id(hub),
            consumers.name
        ),
        "name": consumers.name.as_str(),
        "type": "Microsoft.Devices/IotHubs/EventHubEndpoints/ConsumerGroups",
        "etag": consumers.etag().as_str(),
        "properties": properties,
    })
}
