//! What is set of routing. Holds keys.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use twinhub_core::events::EventSource;
use twinhub_core::routing::{
    self, AmqpKind, AmqpTarget, Destination, EndpointGroup, EndpointId, EndpointName,
    EndpointTarget, NatsTarget, RouteName, RoutingSettings, Secret, StorageEncoding, StorageTarget,
    WebhookSchema, WebhookTarget,
};

use super::{DocumentRow, FORMAT};
use crate::records::{from_json, to_json};

// None of these derives Debug: endpoints hold keys.

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Routing {
    endpoints: Vec<Endpoint>,
    routes: Vec<Route>,
    fallback_is_enabled: bool,
    enrichments: Vec<Enrichment>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    id: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Group>,
    target: Target,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    subscription_id: String,
    resource_group: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Target {
    Storage {
        connection: String,
        container: String,
        file_name_format: String,
        batch_seconds: u64,
        max_chunk_bytes: u64,
        encoding: Encoding,
    },
    Amqp {
        kind: Amqp,
        connection: String,
        address: String,
    },
    Webhook {
        url: String,
        schema: Schema,
        headers: Vec<(String, String)>,
    },
    Nats {
        servers: String,
        subject: String,
        jetstream: bool,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    Avro,
    AvroDeflate,
    Json,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Amqp {
    ServiceBusQueue,
    ServiceBusTopic,
    EventHub,
    Queue,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Schema {
    CloudEvents,
    EventGrid,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    name: String,
    source: Source,
    condition: String,
    endpoint: String,
    enabled: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    Telemetry,
    ConnectionState,
    Lifecycle,
    TwinChange,
    JobLifecycle,
    DigitalTwinChange,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Enrichment {
    key: String,
    value: String,
    endpoints: Vec<String>,
}

pub(in crate::records) fn encode(settings: &RoutingSettings) -> DocumentRow {
    let doc = Routing {
        endpoints: settings.endpoints.iter().map(Endpoint::of).collect(),
        routes: settings.routes.iter().map(Route::of).collect(),
        fallback_is_enabled: settings.fallback_is_enabled,
        enrichments: settings.enrichments.iter().map(Enrichment::of).collect(),
    };
    DocumentRow {
        format: FORMAT,
        doc: to_json(&doc),
    }
}

pub(in crate::records) fn decode(row: &DocumentRow) -> Option<RoutingSettings> {
    let doc: Routing = from_json(&row.doc)?;
    let endpoints = doc.endpoints.into_iter().map(Endpoint::into_core);
    let routes = doc.routes.into_iter().map(Route::into_core);
    let enrichments = doc.enrichments.into_iter().map(Enrichment::into_core);
    Some(RoutingSettings {
        endpoints: endpoints.collect::<Option<_>>()?,
        routes: routes.collect::<Option<_>>()?,
        fallback_is_enabled: doc.fallback_is_enabled,
        enrichments: enrichments.collect::<Option<_>>()?,
    })
}

impl Endpoint {
    fn of(endpoint: &routing::Endpoint) -> Self {
        Endpoint {
            id: endpoint.id.to_string(),
            name: endpoint.name.as_str().to_owned(),
            group: endpoint.group.as_ref().map(|group| Group {
                subscription_id: group.subscription_id.clone(),
                resource_group: group.resource_group.clone(),
            }),
            target: Target::of(&endpoint.target),
        }
    }

    fn into_core(self) -> Option<routing::Endpoint> {
        Some(routing::Endpoint {
            id: EndpointId::parse(&self.id)?,
            name: EndpointName::parse(&self.name).ok()?,
            group: self.group.map(|group| EndpointGroup {
                subscription_id: group.subscription_id,
                resource_group: group.resource_group,
            }),
            target: self.target.into_core(),
        })
    }
}

impl Target {
    fn of(target: &EndpointTarget) -> Self {
        let exposed = |secret: &Secret| secret.expose().to_owned();
        match target {
            EndpointTarget::Storage(storage) => Target::Storage {
                connection: exposed(&storage.connection),
                container: storage.container.clone(),
                file_name_format: storage.file_name_format.clone(),
                batch_seconds: storage.batch_frequency.as_secs(),
                max_chunk_bytes: storage.max_chunk_bytes,
                encoding: Encoding::of(storage.encoding),
            },
            EndpointTarget::Amqp(amqp) => Target::Amqp {
                kind: Amqp::of(amqp.kind),
                connection: exposed(&amqp.connection),
                address: amqp.address.clone(),
            },
            EndpointTarget::Webhook(webhook) => {
                let headers = webhook.headers.iter();
                Target::Webhook {
                    url: exposed(&webhook.url),
                    schema: Schema::of(webhook.schema),
                    headers: headers
                        .map(|(name, value)| (name.clone(), exposed(value)))
                        .collect(),
                }
            }
            EndpointTarget::Nats(nats) => Target::Nats {
                servers: exposed(&nats.servers),
                subject: nats.subject.clone(),
                jetstream: nats.jetstream,
            },
        }
    }

    fn into_core(self) -> EndpointTarget {
        match self {
            Target::Storage {
                connection,
                container,
                file_name_format,
                batch_seconds,
                max_chunk_bytes,
                encoding,
            } => EndpointTarget::Storage(StorageTarget {
                connection: Secret::new(connection),
                container,
                file_name_format,
                batch_frequency: Duration::from_secs(batch_seconds),
                max_chunk_bytes,
                encoding: encoding.into_core(),
            }),
            Target::Amqp {
                kind,
                connection,
                address,
            } => EndpointTarget::Amqp(AmqpTarget {
                kind: kind.into_core(),
                connection: Secret::new(connection),
                address,
            }),
            Target::Webhook {
                url,
                schema,
                headers,
            } => EndpointTarget::Webhook(WebhookTarget {
                url: Secret::new(url),
                schema: schema.into_core(),
                headers: headers
                    .into_iter()
                    .map(|(name, value)| (name, Secret::new(value)))
                    .collect(),
            }),
            Target::Nats {
                servers,
                subject,
                jetstream,
            } => EndpointTarget::Nats(NatsTarget {
                servers: Secret::new(servers),
                subject,
                jetstream,
            }),
        }
    }
}

macro_rules! alike {
    ($stored:ident, $core:ident: $($name:ident),+) => {
        impl $stored {
            fn of(core: $core) -> Self {
                match core { $($core::$name => $stored::$name),+ }
            }

            fn into_core(self) -> $core {
                match self { $($stored::$name => $core::$name),+ }
            }
        }
    };
}

alike!(Encoding, StorageEncoding: Avro, AvroDeflate, Json);
alike!(Amqp, AmqpKind: ServiceBusQueue, ServiceBusTopic, EventHub, Queue);
alike!(Schema, WebhookSchema: CloudEvents, EventGrid);
alike!(
    Source,
    EventSource: Telemetry,
    ConnectionState,
    Lifecycle,
    TwinChange,
    JobLifecycle,
    DigitalTwinChange
);

impl Route {
    fn of(route: &routing::Route) -> Self {
        Route {
            name: route.name.as_str().to_owned(),
            source: Source::of(route.source),
            condition: route.condition.clone(),
            endpoint: route.destination.as_str().to_owned(),
            enabled: route.is_enabled,
        }
    }

    fn into_core(self) -> Option<routing::Route> {
        Some(routing::Route {
            name: RouteName::parse(&self.name).ok()?,
            source: self.source.into_core(),
            condition: self.condition,
            destination: destination(&self.endpoint)?,
            is_enabled: self.enabled,
        })
    }
}

impl Enrichment {
    fn of(enrichment: &routing::Enrichment) -> Self {
        let destinations = enrichment.destinations.iter();
        Enrichment {
            key: enrichment.key.clone(),
            value: enrichment.value.clone(),
            endpoints: destinations
                .map(|destination| destination.as_str().to_owned())
                .collect(),
        }
    }

    fn into_core(self) -> Option<routing::Enrichment> {
        let destinations = self.endpoints.iter().map(|name| destination(name));
        Some(routing::Enrichment {
            destinations: destinations.collect::<Option<_>>()?,
            key: self.key,
            value: self.value,
        })
    }
}

fn destination(name: &str) -> Option<Destination> {
    if name == Destination::BUILT_IN {
        return Some(Destination::BuiltIn);
    }
    EndpointName::parse(name).ok().map(Destination::Custom)
}
