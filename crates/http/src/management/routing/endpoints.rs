//! Custom endpoints, listed by kind.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use twinhub_core::routing::{
    AmqpKind, AmqpTarget, Endpoint, EndpointGroup, EndpointTarget, NatsTarget, Secret,
    StorageEncoding, StorageTarget, WantedEndpoint, WebhookSchema, WebhookTarget,
};

use super::parsed;
use crate::management::not_built;
use crate::refusal::Refusal;

const FILE_NAME_FORMAT: &str = "{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}";
const BATCH_SECONDS: u64 = 300;
const CHUNK_BYTES: u64 = 314_572_800;

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
        read: |place, value| bus(AmqpKind::ServiceBusQueue, place, value),
    },
    Kind {
        member: "serviceBusTopics",
        name: "servicebustopic",
        is_ours: false,
        read: |place, value| bus(AmqpKind::ServiceBusTopic, place, value),
    },
    Kind {
        member: "eventHubs",
        name: "eventhub",
        is_ours: false,
        read: |place, value| bus(AmqpKind::EventHub, place, value),
    },
    Kind {
        member: "storageContainers",
        name: "storage",
        is_ours: false,
        read: storage,
    },
    Kind {
        member: "amqpQueues",
        name: "amqpqueue",
        is_ours: true,
        read: amqp_queue,
    },
    Kind {
        member: "webhooks",
        name: "webhook",
        is_ours: true,
        read: webhook,
    },
    Kind {
        member: "natsSubjects",
        name: "nats",
        is_ours: true,
        read: nats,
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
    let mut members = match &endpoint.target {
        EndpointTarget::Storage(storage) => json!({
            "authenticationType": "keyBased",
            "connectionString": storage.connection.masked(),
            "containerName": storage.container,
            "fileNameFormat": storage.file_name_format,
            "batchFrequencyInSeconds": storage.batch_frequency.as_secs(),
            "maxChunkSizeInBytes": storage.max_chunk_bytes,
            "encoding": encoding_name(storage.encoding),
        }),
        EndpointTarget::Amqp(amqp) => match amqp.kind {
            AmqpKind::ServiceBusQueue | AmqpKind::ServiceBusTopic | AmqpKind::EventHub => json!({
                "authenticationType": "keyBased",
                "connectionString": amqp.connection.masked(),
                // Said once, so that it can be changed in one place.
                "entityPath": amqp.entity_path().is_none().then_some(&amqp.address),
            }),
            AmqpKind::Queue => json!({
                "connectionString": amqp.connection.masked(),
                "address": amqp.address,
            }),
        },
        EndpointTarget::Webhook(webhook) => {
            let headers = webhook.headers.iter();
            let headers = headers.map(|(name, value)| (name.clone(), value.masked().into()));
            json!({
                "url": webhook.url.masked(),
                "schema": schema_name(webhook.schema),
                "headers": headers.collect::<Map<_, _>>(),
            })
        }
        EndpointTarget::Nats(nats) => json!({
            "servers": nats.servers.masked(),
            "subject": nats.subject,
            "jetStream": nats.jetstream,
        }),
    };
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

/// A secret that is not given is empty.
fn secret(text: Option<String>) -> Secret {
    Secret::new(text.unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BusInput {
    connection_string: Option<String>,
    entity_path: Option<String>,
}

/// The connection string names the entity, unless a member does.
fn bus(kind: AmqpKind, place: &str, value: Value) -> Result<EndpointTarget, Refusal> {
    let input: BusInput = parsed(place, value)?;
    Ok(EndpointTarget::Amqp(AmqpTarget {
        kind,
        connection: secret(input.connection_string),
        address: input.entity_path.unwrap_or_default(),
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StorageInput {
    connection_string: Option<String>,
    container_name: Option<String>,
    file_name_format: Option<String>,
    batch_frequency_in_seconds: Option<u64>,
    max_chunk_size_in_bytes: Option<u64>,
    encoding: Option<String>,
}

fn storage(place: &str, value: Value) -> Result<EndpointTarget, Refusal> {
    let input: StorageInput = parsed(place, value)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let format = given(input.file_name_format);
    Ok(EndpointTarget::Storage(StorageTarget {
        connection: secret(input.connection_string),
        container: input.container_name.unwrap_or_default(),
        file_name_format: format.unwrap_or_else(|| FILE_NAME_FORMAT.to_owned()),
        batch_frequency: Duration::from_secs(
            input.batch_frequency_in_seconds.unwrap_or(BATCH_SECONDS),
        ),
        max_chunk_bytes: input.max_chunk_size_in_bytes.unwrap_or(CHUNK_BYTES),
        encoding: match given(input.encoding) {
            None => StorageEncoding::Avro,
            Some(text) => encoding(&text).ok_or_else(|| {
                Refusal::invalid(format!(
                    "{place}.encoding is one of Avro, AvroDeflate and JSON"
                ))
            })?,
        },
    }))
}

fn encoding_name(encoding: StorageEncoding) -> &'static str {
    match encoding {
        StorageEncoding::Avro => "Avro",
        StorageEncoding::AvroDeflate => "AvroDeflate",
        StorageEncoding::Json => "JSON",
    }
}

fn encoding(text: &str) -> Option<StorageEncoding> {
    let mut all = [
        StorageEncoding::Avro,
        StorageEncoding::AvroDeflate,
        StorageEncoding::Json,
    ]
    .into_iter();
    all.find(|encoding| encoding_name(*encoding).eq_ignore_ascii_case(text))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AmqpQueueInput {
    connection_string: Option<String>,
    address: String,
}

fn amqp_queue(place: &str, value: Value) -> Result<EndpointTarget, Refusal> {
    let input: AmqpQueueInput = parsed(place, value)?;
    Ok(EndpointTarget::Amqp(AmqpTarget {
        kind: AmqpKind::Queue,
        connection: secret(input.connection_string),
        address: input.address,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WebhookInput {
    url: Option<String>,
    schema: Option<String>,
    headers: Option<BTreeMap<String, Option<String>>>,
}

fn webhook(place: &str, value: Value) -> Result<EndpointTarget, Refusal> {
    let input: WebhookInput = parsed(place, value)?;
    let headers = input.headers.unwrap_or_default().into_iter();
    Ok(EndpointTarget::Webhook(WebhookTarget {
        url: secret(input.url),
        schema: match input.schema.as_deref() {
            None | Some("") => WebhookSchema::CloudEvents,
            Some(text) => schema(text).ok_or_else(|| {
                Refusal::invalid(format!(
                    "{place}.schema is one of cloudEvents and eventGrid"
                ))
            })?,
        },
        headers: headers.map(|(name, value)| (name, secret(value))).collect(),
    }))
}

fn schema_name(schema: WebhookSchema) -> &'static str {
    match schema {
        WebhookSchema::CloudEvents => "cloudEvents",
        WebhookSchema::EventGrid => "eventGrid",
    }
}

fn schema(text: &str) -> Option<WebhookSchema> {
    let mut all = [WebhookSchema::CloudEvents, WebhookSchema::EventGrid].into_iter();
    all.find(|schema| schema_name(*schema).eq_ignore_ascii_case(text))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NatsInput {
    servers: Option<String>,
    subject: String,
    jet_stream: Option<bool>,
}

fn nats(place: &str, value: Value) -> Result<EndpointTarget, Refusal> {
    let input: NatsInput = parsed(place, value)?;
    Ok(EndpointTarget::Nats(NatsTarget {
        servers: secret(input.servers),
        subject: input.subject,
        jetstream: input.jet_stream.unwrap_or(false),
    }))
}
