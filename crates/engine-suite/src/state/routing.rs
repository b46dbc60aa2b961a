//! What is set of a hub's routing.

use std::time::Duration;

use twinhub_core::events::EventSource;
use twinhub_core::ports::{Change, Record, RecordKey, StateStore, Stored};
use twinhub_core::routing::{
    AmqpKind, AmqpTarget, Destination, Endpoint, EndpointGroup, EndpointId, EndpointName,
    EndpointTarget, Enrichment, NatsTarget, Route, RouteName, RoutingSettings, Secret,
    StorageEncoding, StorageTarget, WebhookSchema, WebhookTarget,
};

use crate::Storage;
use crate::fixture::Fixture;

async fn routing(fixture: &Fixture) -> Option<Stored<RoutingSettings>> {
    let store: &dyn StateStore = &*fixture.store;
    store.routing(&fixture.hub).await.unwrap()
}

fn endpoint(name: &str, target: EndpointTarget) -> Endpoint {
    Endpoint {
        id: EndpointId::generate(),
        name: EndpointName::parse(name).unwrap(),
        group: None,
        target,
    }
}

fn storage(name: &str, encoding: StorageEncoding) -> Endpoint {
    let target = EndpointTarget::Storage(StorageTarget {
        connection: Secret::new("AccountName=store;AccountKey=a2V5"),
        container: "events".to_owned(),
        file_name_format: "{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}".to_owned(),
        batch_frequency: Duration::from_secs(61),
        max_chunk_bytes: 10_485_761,
        encoding,
    });
    Endpoint {
        group: Some(EndpointGroup {
            subscription_id: "a subscription".to_owned(),
            resource_group: "a group".to_owned(),
        }),
        ..endpoint(name, target)
    }
}

fn amqp(name: &str, kind: AmqpKind) -> Endpoint {
    let target = EndpointTarget::Amqp(AmqpTarget {
        kind,
        connection: Secret::new("amqps://user:pass@broker.example"),
        address: "orders".to_owned(),
    });
    endpoint(name, target)
}

fn webhook(name: &str, schema: WebhookSchema) -> Endpoint {
    let target = EndpointTarget::Webhook(WebhookTarget {
        url: Secret::new("https://hook.example/?code=secret"),
        schema,
        headers: vec![("X-Key".to_owned(), Secret::new("\"quoted\""))],
    });
    endpoint(name, target)
}

/// Every kind of endpoint and every source.
fn settings() -> RoutingSettings {
    let nats = EndpointTarget::Nats(NatsTarget {
        servers: Secret::new("nats://token@one.example"),
        subject: "hub.{deviceid}".to_owned(),
        jetstream: true,
    });
    let destinations = [
        Destination::BuiltIn,
        Destination::Custom(EndpointName::parse("avro").unwrap()),
    ];
    let route = |(number, source): (usize, EventSource)| Route {
        name: RouteName::parse(&format!("route-{number}")).unwrap(),
        source,
        condition: "$body.at > 'noon'".to_owned(),
        destination: destinations[number % 2].clone(),
        is_enabled: number % 3 != 0,
    };
    RoutingSettings {
        endpoints: vec![
            storage("avro", StorageEncoding::Avro),
            storage("deflate", StorageEncoding::AvroDeflate),
            storage("lines", StorageEncoding::Json),
            amqp("queue", AmqpKind::ServiceBusQueue),
            amqp("topic", AmqpKind::ServiceBusTopic),
            amqp("hub", AmqpKind::EventHub),
            amqp("broker", AmqpKind::Queue),
            webhook("cloud", WebhookSchema::CloudEvents),
            webhook("grid", WebhookSchema::EventGrid),
            endpoint("nats", nats),
        ],
        routes: EventSource::ALL
            .into_iter()
            .enumerate()
            .map(route)
            .collect(),
        fallback_is_enabled: false,
        enrichments: vec![Enrichment {
            key: "site".to_owned(),
            value: "$twin.tags.site".to_owned(),
            destinations: destinations.to_vec(),
        }],
    }
}

/// Also by whoever opens the storage later, secrets included.
pub async fn routing_comes_back_as_it_was_written(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    assert_eq!(routing(&fixture).await, None);
    let written = settings();

    let insert = Change::Insert(Record::Routing(written.clone()));
    fixture.commit(vec![insert]).await;

    let fixture = fixture.reopen().await;
    assert_eq!(routing(&fixture).await.unwrap().value, written);
}

/// So that of two who set it at once, one is refused.
pub async fn routing_is_replaced_at_its_revision(storage: impl Storage) {
    let fixture = Fixture::new(storage).await;
    let insert = Change::Insert(Record::Routing(settings()));
    fixture.commit(vec![insert.clone()]).await;
    let key = RecordKey::Routing;
    assert_eq!(fixture.conflict(vec![insert]).await, key);
    let read = routing(&fixture).await.unwrap().revision;

    let replace = Change::Replace(Record::Routing(RoutingSettings::default()), read);
    fixture.commit(vec![replace.clone()]).await;

    assert_eq!(fixture.conflict(vec![replace]).await, key);
    let now = routing(&fixture).await.unwrap();
    assert_eq!(now.value, RoutingSettings::default());
    let fence = Change::Fence(key.clone(), now.revision);
    fixture.commit(vec![fence]).await;
    let stale = Change::Remove(key.clone(), now.revision);
    assert_eq!(fixture.conflict(vec![stale]).await, key);
    let now = routing(&fixture).await.unwrap().revision;
    fixture.commit(vec![Change::Remove(key, now)]).await;
    assert_eq!(routing(&fixture).await, None);
}
