//! `twinhub message-endpoint create`: what an endpoint of each kind is made of.

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use crate::cli::failure::Failure;
use crate::cli::routing::{given, text};

use super::Named;

/// A kind of endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Containers of blobs
    StorageContainer,
    /// Queues of Service Bus
    ServicebusQueue,
    /// Topics of Service Bus
    ServicebusTopic,
    /// Event hubs
    Eventhub,
    /// Addresses of any broker that speaks AMQP 1.0
    AmqpQueue,
    /// Whoever takes HTTP requests
    Webhook,
    /// Subjects of NATS
    Nats,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::StorageContainer,
        Kind::ServicebusQueue,
        Kind::ServicebusTopic,
        Kind::Eventhub,
        Kind::AmqpQueue,
        Kind::Webhook,
        Kind::Nats,
    ];

    /// The member of the hub's document that lists them.
    pub fn member(self) -> &'static str {
        match self {
            Kind::StorageContainer => "storageContainers",
            Kind::ServicebusQueue => "serviceBusQueues",
            Kind::ServicebusTopic => "serviceBusTopics",
            Kind::Eventhub => "eventHubs",
            Kind::AmqpQueue => "amqpQueues",
            Kind::Webhook => "webhooks",
            Kind::Nats => "natsSubjects",
        }
    }

    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Kind::StorageContainer => "storage-container",
            Kind::ServicebusQueue => "servicebus-queue",
            Kind::ServicebusTopic => "servicebus-topic",
            Kind::Eventhub => "eventhub",
            Kind::AmqpQueue => "amqp-queue",
            Kind::Webhook => "webhook",
            Kind::Nats => "nats",
        }
    }
}

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub message-endpoint create webhook --endpoint-name hook --url https://hook.example/in
  twinhub message-endpoint create nats --endpoint-name bus --servers nats://127.0.0.1:4222 \\
      --subject 'plant.{deviceid}'

Keys are kept by the hub and shown masked. @FILE keeps them out of the shell's
history. Nothing is sent to an endpoint before a route leads to it.")]
pub enum Create {
    /// A container of blobs, in Azure, in anything that speaks its protocol, or a folder
    StorageContainer(Storage),
    /// A queue of Service Bus
    #[command(after_help = "\
Examples:
  twinhub message-endpoint create servicebus-queue --endpoint-name orders \\
      --connection-string @bus.txt --entity-path orders")]
    ServicebusQueue(Bus),
    /// A topic of Service Bus
    #[command(after_help = "\
Examples:
  twinhub message-endpoint create servicebus-topic --endpoint-name orders \\
      --connection-string @bus.txt --entity-path orders")]
    ServicebusTopic(Bus),
    /// An event hub
    #[command(after_help = "\
Examples:
  twinhub message-endpoint create eventhub --endpoint-name archive --connection-string @hub.txt")]
    Eventhub(Bus),
    /// An address of any broker that speaks AMQP 1.0
    AmqpQueue(AmqpQueue),
    /// Whoever takes HTTP requests
    Webhook(Webhook),
    /// A subject of NATS, with or without JetStream
    Nats(Nats),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub message-endpoint create storage-container --endpoint-name lake \\
      --connection-string @account.txt --container-name events --encoding JSON
  twinhub message-endpoint create storage-container --endpoint-name archive \\
      --connection-string file:///srv/events --batch-frequency 60")]
pub struct Storage {
    #[command(flatten)]
    endpoint: Named,
    /// Connection string of the account, address of a container with its signature, or file:///FOLDER; or @FILE
    #[arg(long, short = 'c', value_name = "CONNECTION_STRING")]
    connection_string: String,
    /// Name of the container
    #[arg(long, visible_aliases = ["container", "cn"], value_name = "NAME")]
    container_name: Option<String>,
    /// How events are written [default: Avro]
    #[arg(long, value_enum, ignore_case = true)]
    encoding: Option<Encoding>,
    /// How long a blob collects events, in seconds [default: 300]
    #[arg(long, short = 'b', value_name = "SECONDS")]
    batch_frequency: Option<u64>,
    /// How large a blob grows, in megabytes [default: 300]
    #[arg(long, short = 'w', visible_alias = "chunk-size", value_name = "MB")]
    chunk_size_window: Option<u64>,
    /// How blobs are named [default: {iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}]
    #[arg(long, visible_alias = "ff", value_name = "FORMAT")]
    file_name_format: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Encoding {
    /// Avro files
    Avro,
    /// Avro files, compressed
    AvroDeflate,
    /// One JSON object a line
    #[value(name = "JSON")]
    Json,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Encoding::Avro => "Avro",
            Encoding::AvroDeflate => "AvroDeflate",
            Encoding::Json => "JSON",
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct Bus {
    #[command(flatten)]
    endpoint: Named,
    /// Connection string, or @FILE
    #[arg(long, short = 'c', value_name = "CONNECTION_STRING")]
    connection_string: String,
    /// Name of the queue, topic or event hub, if the connection string lacks it
    #[arg(long, value_name = "NAME")]
    entity_path: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub message-endpoint create amqp-queue --endpoint-name broker \\
      --connection-string amqp://127.0.0.1:5672 --address telemetry")]
pub struct AmqpQueue {
    #[command(flatten)]
    endpoint: Named,
    /// amqps://USER:PASSWORD@HOST:PORT or amqp://, or @FILE
    #[arg(long, short = 'c', value_name = "URL")]
    connection_string: String,
    /// Address that is sent to
    #[arg(long, value_name = "ADDRESS")]
    address: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub message-endpoint create webhook --endpoint-name hook --url https://hook.example/in
  twinhub message-endpoint create webhook --endpoint-name hook --url @url.txt \\
      --header 'Authorization: Bearer abc123' --schema event-grid

The endpoint is asked once whether it wants events, as CloudEvents and Event
Grid prescribe.")]
pub struct Webhook {
    #[command(flatten)]
    endpoint: Named,
    /// Address, or @FILE
    #[arg(long, short = 'u', value_name = "URL")]
    url: String,
    /// How events are written [default: cloud-events]
    #[arg(long, value_enum)]
    schema: Option<Schema>,
    /// Header of every request, NAME: VALUE, or @FILE; may be repeated
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    headers: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Schema {
    /// CloudEvents 1.0
    CloudEvents,
    /// Event Grid's own
    EventGrid,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub message-endpoint create nats --endpoint-name bus --servers nats://127.0.0.1:4222 \\
      --subject 'plant.{deviceid}' --jetstream

{iothub}, {deviceid} and {moduleid} may stand in the subject. With --jetstream a
stream must cover it, and acknowledges what it has stored.")]
pub struct Nats {
    #[command(flatten)]
    endpoint: Named,
    /// nats:// or tls:// addresses, with commas between them; or @FILE
    #[arg(long, short = 's', value_name = "URLS")]
    servers: String,
    /// Subject that is published to
    #[arg(long, value_name = "SUBJECT")]
    subject: String,
    /// Wait until a stream has stored each event
    #[arg(long)]
    jetstream: bool,
}

impl Create {
    /// What is added to the hub's document, and to which list.
    pub fn document(&self) -> Result<(Kind, Value), Failure> {
        Ok(match self {
            Self::StorageContainer(storage) => (Kind::StorageContainer, storage.document()?),
            Self::ServicebusQueue(bus) => (Kind::ServicebusQueue, bus.document()?),
            Self::ServicebusTopic(bus) => (Kind::ServicebusTopic, bus.document()?),
            Self::Eventhub(bus) => (Kind::Eventhub, bus.document()?),
            Self::AmqpQueue(queue) => (Kind::AmqpQueue, queue.document()?),
            Self::Webhook(webhook) => (Kind::Webhook, webhook.document()?),
            Self::Nats(nats) => (Kind::Nats, nats.document()?),
        })
    }
}

impl Storage {
    fn document(&self) -> Result<Value, Failure> {
        const MB: u64 = 1024 * 1024;
        let connection = text("--connection-string", &self.connection_string)?;
        let size = self.chunk_size_window;
        Ok(given([
            ("name", Some(json!(self.endpoint.endpoint_name))),
            ("connectionString", Some(json!(connection))),
            (
                "containerName",
                self.container_name.as_ref().map(|name| json!(name)),
            ),
            (
                "encoding",
                self.encoding.map(|encoding| json!(encoding.name())),
            ),
            (
                "batchFrequencyInSeconds",
                self.batch_frequency.map(Value::from),
            ),
            (
                "maxChunkSizeInBytes",
                size.map(|size| json!(size.saturating_mul(MB))),
            ),
            (
                "fileNameFormat",
                self.file_name_format.as_ref().map(|format| json!(format)),
            ),
        ]))
    }
}

impl Bus {
    fn document(&self) -> Result<Value, Failure> {
        let connection = text("--connection-string", &self.connection_string)?;
        Ok(given([
            ("name", Some(json!(self.endpoint.endpoint_name))),
            ("connectionString", Some(json!(connection))),
            (
                "entityPath",
                self.entity_path.as_ref().map(|path| json!(path)),
            ),
        ]))
    }
}

impl AmqpQueue {
    fn document(&self) -> Result<Value, Failure> {
        Ok(json!({
            "name": self.endpoint.endpoint_name,
            "connectionString": text("--connection-string", &self.connection_string)?,
            "address": self.address,
        }))
    }
}

impl Webhook {
    fn document(&self) -> Result<Value, Failure> {
        let mut headers = Map::new();
        for given in &self.headers {
            let given = text("--header", given)?;
            let Some((name, value)) = given.split_once(':') else {
                return Err(Failure::Usage(
                    "--header wants NAME: VALUE, such as 'Authorization: Bearer abc123'".into(),
                ));
            };
            headers.insert(name.trim().to_owned(), json!(value.trim()));
        }
        let schema = match self.schema {
            None | Some(Schema::CloudEvents) => "cloudEvents",
            Some(Schema::EventGrid) => "eventGrid",
        };
        Ok(json!({
            "name": self.endpoint.endpoint_name,
            "url": text("--url", &self.url)?,
            "schema": schema,
            "headers": headers,
        }))
    }
}

impl Nats {
    fn document(&self) -> Result<Value, Failure> {
        Ok(json!({
            "name": self.endpoint.endpoint_name,
            "servers": text("--servers", &self.servers)?,
            "subject": self.subject,
            "jetStream": self.jetstream,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_words_of_the_command_line() {
        for kind in Kind::ALL {
            assert_eq!(kind.word(), kind.to_possible_value().unwrap().get_name());
        }
    }

    #[test]
    fn headers_are_split_and_others_are_wrong_usage() {
        let webhook = |header: &str| Webhook {
            endpoint: Named {
                endpoint_name: "hook".into(),
            },
            url: "https://hook.example".into(),
            schema: None,
            headers: vec![header.into()],
        };

        let document = webhook("X-Key: a:b").document().unwrap();

        assert_eq!(document["headers"], json!({ "X-Key": "a:b" }));
        assert_eq!(webhook("X-Key").document().unwrap_err().exit_code(), 2);
    }
}
