//! What is set of an endpoint of each kind, shown and read.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use twinhub_core::routing::{
    AmqpKind, AmqpTarget, EndpointTarget, NatsTarget, Secret, StorageEncoding, StorageTarget,
    WebhookSchema, WebhookTarget,
};

use crate::management::routing::parsed;
use crate::refusal::Refusal;

const FILE_NAME_FORMAT: &str = "{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}";
const BATCH_SECONDS: u64 = 300;
const CHUNK_BYTES: u64 = 314_572_800;

/// What is set of a target, secrets masked.
pub(super) fn describe(target: &EndpointTarget) -> Value {
    match target {
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
            let headers = headers.map(|(name, value)| (name.clone(), value.hidden().into()));
            json!({
                "url": webhook.url.masked_address(),
                "schema": schema_name(webhook.schema),
                "headers": headers.collect::<Map<_, _>>(),
            })
        }
        EndpointTarget::Nats(nats) => json!({
            "servers": nats.servers.masked(),
            "subject": nats.subject,
            "jetStream": nats.jetstream,
        }),
    }
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
pub(super) fn bus(kind: AmqpKind, place: &str, value: Value) -> Result<EndpointTarget, Refusal> {
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

pub(super) fn storage(place: &str, value: Value) -> Result<EndpointTarget, Refusal> {
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

pub(super) fn amqp_queue(place: &str, value: Value) -> Result<EndpointTarget, Refusal> {
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

pub(super) fn webhook(place: &str, value: Value) -> Result<EndpointTarget, Refusal> {
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

pub(super) fn nats(place: &str, value: Value) -> Result<EndpointTarget, Refusal> {
    let input: NatsInput = parsed(place, value)?;
    Ok(EndpointTarget::Nats(NatsTarget {
        servers: secret(input.servers),
        subject: input.subject,
        jetstream: input.jet_stream.unwrap_or(false),
    }))
}
