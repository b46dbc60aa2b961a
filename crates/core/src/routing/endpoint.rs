//! Custom endpoints: where routes lead besides the built-in one.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::secret::Secret;
use super::settings::{Destination, InvalidRoutingName, check_name};

/// A custom endpoint, never the same for two endpoints of one name: what waits
/// for an endpoint goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub Uuid);

impl EndpointId {
    /// A new one.
    pub fn generate() -> Self {
        EndpointId(Uuid::new_v4())
    }

    /// The one that is written so, as `Display` writes it.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(EndpointId)
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A custom endpoint's name within its hub: 1 to 64 letters, digits and
/// `- . _`, none of `events`, `fileNotifications`, `$default`; case does not
/// matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointName(String);

impl EndpointName {
    /// Checks length, characters and that it is not the hub's own.
    pub fn parse(text: &str) -> Result<Self, InvalidRoutingName> {
        check_name(text)?;
        let reserved = [Destination::BUILT_IN, "fileNotifications", "$default"];
        let is_reserved = reserved.iter().any(|own| own.eq_ignore_ascii_case(text));
        (!is_reserved)
            .then(|| EndpointName(text.to_owned()))
            .ok_or(InvalidRoutingName)
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A custom endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Which it is.
    pub id: EndpointId,
    /// Its name.
    pub name: EndpointName,
    /// The subscription and resource group that the operator named, given back
    /// as they are.
    pub group: Option<EndpointGroup>,
    /// What it is.
    pub target: EndpointTarget,
}

/// A subscription and a resource group, which mean nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointGroup {
    /// The subscription.
    pub subscription_id: String,
    /// The resource group.
    pub resource_group: String,
}

/// What an endpoint is, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointTarget {
    /// A container of blobs.
    Storage(StorageTarget),
    /// A queue, topic or event hub that speaks AMQP 1.0.
    Amqp(AmqpTarget),
    /// Somebody who takes HTTP requests.
    Webhook(WebhookTarget),
    /// A subject of NATS.
    Nats(NatsTarget),
}

impl EndpointTarget {
    /// The name of its kind, for metrics and people.
    pub fn kind(&self) -> &'static str {
        match self {
            EndpointTarget::Storage(_) => "storage",
            EndpointTarget::Amqp(amqp) => amqp.kind.name(),
            EndpointTarget::Webhook(_) => "webhook",
            EndpointTarget::Nats(_) => "nats",
        }
    }
}

/// A container of blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageTarget {
    /// The account's connection string, or a container's address with its
    /// signature (https with SAS, or `file://` for a folder of this machine).
    pub connection: Secret,
    /// The container; empty if the address names it.
    pub container: String,
    /// How blobs are named: every one of `{iothub} {partition} {YYYY} {MM}
    /// {DD} {HH} {mm}` occurs.
    pub file_name_format: String,
    /// How long a blob collects events: 60 to 720 seconds.
    pub batch_frequency: Duration,
    /// How large a blob grows: 10,485,760 to 524,288,000 bytes.
    pub max_chunk_bytes: u64,
    /// How events are written.
    pub encoding: StorageEncoding,
}

/// How events are written to blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageEncoding {
    /// An Avro file.
    Avro,
    /// An Avro file whose blocks are compressed.
    AvroDeflate,
    /// One JSON object a line.
    Json,
}

/// A queue, topic or event hub that speaks AMQP 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmqpTarget {
    /// What it is called and how one logs in.
    pub kind: AmqpKind,
    /// `Endpoint=sb://host[:port]/;SharedAccessKeyName=..;SharedAccessKey=..;EntityPath=..`
    /// for queues, topics and event hubs; `amqp[s]://user:password@host[:port]`
    /// for any other broker.
    pub connection: Secret,
    /// The address that is sent to.
    pub address: String,
}

impl AmqpTarget {
    /// The entity that a connection string names, if it does.
    pub fn entity_path(&self) -> Option<&str> {
        let mut parts = self.connection.expose().split(';');
        let is_entity = |name: &str| name.trim().eq_ignore_ascii_case("EntityPath");
        let named = parts.find_map(|part| part.split_once('=').filter(|(name, _)| is_entity(name)));
        named
            .map(|(_, entity)| entity)
            .filter(|entity| !entity.is_empty())
    }
}

/// What an AMQP target is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmqpKind {
    /// A Service Bus queue.
    ServiceBusQueue,
    /// A Service Bus topic.
    ServiceBusTopic,
    /// An event hub.
    EventHub,
    /// An address of any broker.
    Queue,
}

impl AmqpKind {
    /// The name for metrics and people.
    pub fn name(self) -> &'static str {
        match self {
            AmqpKind::ServiceBusQueue => "servicebusqueue",
            AmqpKind::ServiceBusTopic => "servicebustopic",
            AmqpKind::EventHub => "eventhub",
            AmqpKind::Queue => "amqpqueue",
        }
    }
}

/// Somebody who takes HTTP requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookTarget {
    /// The address, which may hold a secret in its query.
    pub url: Secret,
    /// How events are written.
    pub schema: WebhookSchema,
    /// Headers that go with every request.
    pub headers: Vec<(String, Secret)>,
}

/// How events are written for a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookSchema {
    /// CloudEvents 1.0, in batches of structured JSON.
    CloudEvents,
    /// Event Grid's own.
    EventGrid,
}

/// A subject of NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsTarget {
    /// Where the servers are: `nats://` or `tls://` addresses, with a comma
    /// between them; user and password or a token may stand in them.
    pub servers: Secret,
    /// The subject; `{iothub}`, `{deviceid}` and `{moduleid}` stand for what
    /// the event is from.
    pub subject: String,
    /// Whether a stream of JetStream stores what is sent, which acknowledges
    /// it. Without it, sent is delivered.
    pub jetstream: bool,
}
