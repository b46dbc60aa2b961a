use std::time::Duration;

use super::*;
use crate::events::PartitionId;
use crate::hubs::{Hub, Sku};
use crate::ports::Target;
use crate::routing::{
    AmqpKind, AmqpTarget, Endpoint, EndpointTarget, NatsTarget, Secret, StorageEncoding,
    StorageTarget, WantedEndpoint, WantedEnrichment, WantedRoute, WantedRouting, WebhookSchema,
    WebhookTarget,
};

const S1: Tier = Tier {
    sku: Sku::S1,
    units: 1,
};

fn storage() -> StorageTarget {
    StorageTarget {
        connection: Secret::new("AccountName=store;AccountKey=a2V5"),
        container: "events".to_owned(),
        file_name_format: "{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}/{mm}".to_owned(),
        batch_frequency: Duration::from_secs(300),
        max_chunk_bytes: 314_572_800,
        encoding: StorageEncoding::Avro,
    }
}

fn amqp(kind: AmqpKind, connection: &str) -> EndpointTarget {
    EndpointTarget::Amqp(AmqpTarget {
        kind,
        connection: Secret::new(connection),
        address: "orders".to_owned(),
    })
}

fn webhook(url: &str, headers: &[(&str, &str)]) -> EndpointTarget {
    let headers = headers.iter();
    EndpointTarget::Webhook(WebhookTarget {
        url: Secret::new(url),
        schema: WebhookSchema::CloudEvents,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
            .collect(),
    })
}

fn nats(servers: &str, subject: &str) -> EndpointTarget {
    EndpointTarget::Nats(NatsTarget {
        servers: Secret::new(servers),
        subject: subject.to_owned(),
        jetstream: false,
    })
}

fn endpoint(name: &str, target: EndpointTarget) -> WantedEndpoint {
    WantedEndpoint {
        name: name.to_owned(),
        group: None,
        target,
    }
}

fn route(name: &str, source: &str, condition: &str, endpoints: &[&str]) -> WantedRoute {
    WantedRoute {
        name: name.to_owned(),
        source: source.to_owned(),
        condition: Some(condition.to_owned()),
        endpoints: endpoints.iter().map(|name| (*name).to_owned()).collect(),
        is_enabled: true,
    }
}

fn enrichment(key: &str, value: &str, endpoints: &[&str]) -> WantedEnrichment {
    WantedEnrichment {
        key: key.to_owned(),
        value: value.to_owned(),
        endpoints: endpoints.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn lake() -> WantedRouting {
    WantedRouting {
        endpoints: vec![endpoint("lake", EndpointTarget::Storage(storage()))],
        routes: vec![route("hot", "DeviceMessages", "$body.t > 30", &["Lake"])],
        fallback_is_enabled: true,
        enrichments: vec![enrichment("site", "$twin.tags.site", &["lake", "events"])],
        ..WantedRouting::default()
    }
}

fn settled(wanted: WantedRouting, stands: &RoutingSettings) -> RoutingSettings {
    let settings = wanted.resolve(stands).unwrap();
    settings.check(S1).unwrap();
    settings
}

fn refusal(wanted: WantedRouting, tier: Tier) -> String {
    let refused = wanted
        .resolve(&RoutingSettings::default())
        .and_then(|settings| settings.check(tier));
    refused.unwrap_err().to_string()
}

fn refusal_of_target(target: EndpointTarget) -> String {
    let wanted = WantedRouting {
        endpoints: vec![endpoint("e", target)],
        ..WantedRouting::default()
    };
    refusal(wanted, S1)
}

#[test]
fn what_fits_is_taken() {
    let settings = settled(lake(), &RoutingSettings::default());

    assert_eq!(settings.endpoints.len(), 1);
    assert_eq!(settings.routes[0].source, EventSource::Telemetry);
    assert_eq!(settings.enrichments[0].destinations.len(), 2);
}

#[test]
fn a_route_without_a_condition_is_always_true() {
    let mut wanted = lake();
    for (condition, taken) in [
        (None, "true"),
        (Some("  "), "true"),
        (Some("a='b'"), "a='b'"),
    ] {
        wanted.routes[0].condition = condition.map(str::to_owned);

        let settings = settled(wanted.clone(), &RoutingSettings::default());

        assert_eq!(settings.routes[0].condition, taken);
    }
}

#[test]
fn names_routes_and_enrichments_that_do_not_fit_are_refused() {
    type Spoil = fn(&mut WantedRouting);
    let cases: [(&str, Spoil); 16] = [
        ("can't name an endpoint", |w| {
            w.endpoints[0].name = "a b".to_owned();
        }),
        ("can't name an endpoint", |w| {
            w.endpoints[0].name = "Events".to_owned();
        }),
        ("can't name an endpoint", |w| {
            w.endpoints[0].name = "fileNotifications".to_owned();
        }),
        ("the name LAKE is given twice", |w| {
            w.endpoints
                .push(endpoint("LAKE", webhook("https://hook.example", &[])));
        }),
        ("can't name a route", |w| w.routes[0].name = "x".repeat(65)),
        ("the name HOT is given twice", |w| {
            w.routes
                .push(route("HOT", "devicemessages", "", &["events"]));
        }),
        ("\"Telemetry\" is not a source", |w| {
            w.routes[0].source = "Telemetry".to_owned();
        }),
        ("\"Invalid\" is not a source", |w| {
            w.routes[0].source = "Invalid".to_owned();
        }),
        ("route hot names 0 endpoints", |w| {
            w.routes[0].endpoints.clear()
        }),
        ("route hot names 2 endpoints", |w| {
            w.routes[0].endpoints.push("events".to_owned());
        }),
        ("route hot leads to endpoint \"none\"", |w| {
            w.routes[0].endpoints = vec!["none".to_owned()];
        }),
        ("the condition goes wrong at line 1", |w| {
            w.routes[0].condition = Some("a ==".to_owned());
        }),
        ("a key has 1 to 128", |w| {
            w.enrichments[0].key = "a b".to_owned()
        }),
        ("enrichment site leads to endpoint \"none\"", |w| {
            w.enrichments[0].endpoints = vec!["none".to_owned()];
        }),
        ("names no endpoint", |w| w.enrichments[0].endpoints.clear()),
        ("twice for one endpoint", |w| {
            w.enrichments.push(enrichment("SITE", "x", &["LAKE"]));
        }),
    ];
    for (expected, spoil) in cases {
        let mut wanted = lake();
        spoil(&mut wanted);

        let refusal = refusal(wanted, S1);

        assert!(refusal.contains(expected), "{refusal:?}, not {expected:?}");
    }
}

#[test]
fn an_endpoint_that_a_route_leads_to_cannot_be_left_out() {
    let stands = settled(lake(), &RoutingSettings::default());
    let mut wanted = lake();
    wanted.endpoints.clear();

    let settings = wanted.resolve(&stands).unwrap();
    let refused = settings.check(S1).unwrap_err().of_change(&stands);

    assert_eq!(
        refused.to_string(),
        "route hot leads to endpoint \"Lake\": change or delete it first"
    );
}

#[test]
fn values_of_enrichments_are_text_the_hub_or_a_part_of_a_twin() {
    for (value, fits) in [
        ("plain text", true),
        ("$iothubname", true),
        ("$5", true),
        ("$twin.tags.a.b", true),
        ("$twin.properties.desired.a", true),
        ("$twin.properties.reported.a", true),
        ("", false),
        ("a\nb", false),
        ("$twin", false),
        ("$twin.tags", false),
        ("$twin.tags.", false),
        ("$twin.tags.a..b", false),
        ("$twin.desired.a", false),
        ("$TWIN.tags.a", true),
    ] {
        let mut wanted = lake();
        wanted.enrichments[0].value = value.to_owned();

        let settings = wanted.resolve(&RoutingSettings::default()).unwrap();

        assert_eq!(settings.check(S1).is_ok(), fits, "{value:?}");
    }
}

#[test]
fn tiers_limit_how_many_there_are() {
    let free = Tier {
        sku: Sku::F1,
        units: 1,
    };
    for (tier, routes, endpoints, enrichments) in [(S1, 100, 10, 10), (free, 5, 1, 2)] {
        let some = |routes, endpoints, enrichments| WantedRouting {
            routes: (0..routes)
                .map(|n| route(&format!("r{n}"), "DeviceMessages", "true", &["events"]))
                .collect(),
            endpoints: (0..endpoints)
                .map(|n| endpoint(&format!("e{n}"), webhook("https://hook.example", &[])))
                .collect(),
            enrichments: (0..enrichments)
                .map(|n| enrichment(&format!("k{n}"), "x", &["events"]))
                .collect(),
            ..WantedRouting::default()
        };
        let check = |wanted: WantedRouting| {
            let settings = wanted.resolve(&RoutingSettings::default()).unwrap();
            settings.check(tier)
        };

        assert_eq!(check(some(routes, endpoints, enrichments)), Ok(()));
        assert_eq!(
            check(some(routes + 1, endpoints, enrichments)),
            Err(InvalidRouting::TooManyRoutes { limit: routes })
        );
        assert_eq!(
            check(some(routes, endpoints + 1, enrichments)),
            Err(InvalidRouting::TooManyEndpoints { limit: endpoints })
        );
        assert_eq!(
            check(some(routes, endpoints, enrichments + 1)),
            Err(InvalidRouting::TooManyEnrichments { limit: enrichments })
        );
    }
}

#[test]
fn basic_hubs_have_no_routes_for_what_they_lack() {
    let basic = Tier {
        sku: Sku::B1,
        units: 1,
    };
    for source in EventSource::ALL {
        let wanted = WantedRouting {
            routes: vec![route("r", source.route_source(), "true", &["events"])],
            ..WantedRouting::default()
        };
        let settings = wanted.resolve(&RoutingSettings::default()).unwrap();
        let lacks = [
            EventSource::TwinChange,
            EventSource::JobLifecycle,
            EventSource::DigitalTwinChange,
        ];

        assert_eq!(
            settings.check(basic).is_err(),
            lacks.contains(&source),
            "{source}"
        );
        assert_eq!(settings.check(S1), Ok(()));
    }
}

#[test]
fn storage_that_does_not_fit_is_refused() {
    type Spoil = fn(&mut StorageTarget);
    let cases: [(&str, Spoil); 12] = [
        ("connectionString is a storage", |s| {
            s.connection = Secret::new("ftp://store.example");
        }),
        ("containerName has", |s| s.container.clear()),
        ("containerName has", |s| s.container = "Events".to_owned()),
        ("containerName has", |s| s.container = "a--b".to_owned()),
        ("batchFrequencyInSeconds", |s| {
            s.batch_frequency = Duration::from_secs(59);
        }),
        ("batchFrequencyInSeconds", |s| {
            s.batch_frequency = Duration::from_secs(721);
        }),
        ("maxChunkSizeInBytes", |s| s.max_chunk_bytes = 10_485_759),
        ("maxChunkSizeInBytes", |s| s.max_chunk_bytes = 524_288_001),
        ("lacks {mm}", |s| {
            s.file_name_format = "{iothub}/{partition}/{YYYY}/{MM}/{DD}/{HH}".to_owned();
        }),
        ("something else in braces", |s| {
            s.file_name_format.push_str("{ss}");
        }),
        ("without empty steps", |s| {
            s.file_name_format.insert_str(0, "../")
        }),
        ("without empty steps", |s| s.file_name_format.insert(0, '/')),
    ];
    for (expected, spoil) in cases {
        let mut storage = storage();
        spoil(&mut storage);

        let refusal = refusal_of_target(EndpointTarget::Storage(storage));

        assert!(refusal.contains(expected), "{refusal:?}, not {expected:?}");
    }
}

#[test]
fn other_targets_that_do_not_fit_are_refused() {
    let bus = "Endpoint=sb://bus.example/;SharedAccessKeyName=root";
    for (target, expected) in [
        (
            amqp(AmqpKind::ServiceBusQueue, bus),
            "lacks SharedAccessKey",
        ),
        (amqp(AmqpKind::EventHub, "amqps://bus"), "lacks Endpoint"),
        (
            amqp(
                AmqpKind::EventHub,
                &format!("{bus};SharedAccessKey=a2V5;EntityPath=others"),
            ),
            "EntityPath of connectionString differ",
        ),
        (amqp(AmqpKind::Queue, bus), "connectionString is amqps://"),
        (
            amqp(AmqpKind::Queue, "amqp://me:a/b@bus"),
            "connectionString is amqps://",
        ),
        (webhook("ftp://hook.example", &[]), "url is an https://"),
        (webhook("https://hook example", &[]), "url is an https://"),
        (
            webhook("https://hook.example", &[("a b", "x")]),
            "not the name of a header",
        ),
        (
            webhook("https://hook.example", &[("Host", "x")]),
            "sets the header Host itself",
        ),
        (
            webhook("https://hook.example", &[("X-Key", "a"), ("x-key", "b")]),
            "given twice",
        ),
        (
            webhook("https://hook.example", &[("X-Key", "a\r\nb: c")]),
            "no control characters",
        ),
        (nats("http://one.example", "a"), "servers are nats://"),
        (nats("nats://t/o@one.example", "a"), "servers are nats://"),
        (nats("nats://one.example", "a..b"), "subject has names"),
        (nats("nats://one.example", "a.>"), "subject has names"),
        (nats("nats://one.example", "{device}"), "subject has names"),
    ] {
        let refusal = refusal_of_target(target);

        assert!(refusal.contains(expected), "{refusal:?}, not {expected:?}");
    }
}

#[test]
fn an_endpoint_of_the_same_name_and_kind_is_still_that_one() {
    let stands = settled(lake(), &RoutingSettings::default());
    let mut same = lake();
    same.endpoints[0].name = "LAKE".to_owned();
    let mut other = lake();
    other.endpoints[0].target = webhook("https://hook.example", &[]);

    let (same, other) = (settled(same, &stands), settled(other, &stands));

    assert_eq!(same.endpoints[0].id, stands.endpoints[0].id);
    assert_ne!(other.endpoints[0].id, stands.endpoints[0].id);
}

#[test]
fn a_connection_string_may_name_the_entity() {
    let connection = "Endpoint=sb://bus.example/;SharedAccessKeyName=root;\
                      SharedAccessKey=a2V5;EntityPath=orders";
    let target = AmqpTarget {
        kind: AmqpKind::ServiceBusTopic,
        connection: Secret::new(connection),
        address: String::new(),
    };
    let mut wanted = lake();
    wanted.endpoints = vec![endpoint("lake", EndpointTarget::Amqp(target))];

    let settings = settled(wanted, &RoutingSettings::default());

    let EndpointTarget::Amqp(amqp) = &settings.endpoints[0].target else {
        panic!("it was a topic")
    };
    assert_eq!(amqp.address, "orders");
}

#[test]
fn an_absent_or_masked_secret_is_the_stored_one() {
    let mut wanted = lake();
    let url = "https://hook.example/?code=abc";
    wanted.endpoints = vec![endpoint("lake", webhook(url, &[("X-Key", "key")]))];
    let stands = settled(wanted.clone(), &RoutingSettings::default());
    for (shown, header) in [
        ("", ""),
        ("https://hook.example/?code=****", "****"),
        (url, "key"),
    ] {
        wanted.endpoints[0].target = webhook(shown, &[("x-key", header)]);

        let settings = settled(wanted.clone(), &stands);

        let EndpointTarget::Webhook(webhook) = &settings.endpoints[0].target else {
            panic!("it was a webhook")
        };
        assert_eq!(webhook.url.expose(), url);
        assert_eq!(webhook.headers[0].1.expose(), "key");
    }
}

#[test]
fn a_key_does_not_go_to_another_place_unseen() {
    let mut wanted = lake();
    let url = "https://hook.example/?code=abc";
    wanted.endpoints = vec![endpoint("lake", webhook(url, &[]))];
    let stands = settled(wanted.clone(), &RoutingSettings::default());

    wanted.endpoints[0].target = webhook("https://other.example/?code=****", &[]);
    assert!(matches!(
        wanted.clone().resolve(&stands),
        Err(InvalidRouting::SecretMasked { .. })
    ));
    wanted.endpoints[0].target = webhook(url, &[("X-Key", "")]);
    assert!(matches!(
        wanted.resolve(&stands),
        Err(InvalidRouting::SecretMissing { .. })
    ));
}

#[test]
fn the_encoding_of_a_storage_endpoint_stays() {
    let stands = settled(lake(), &RoutingSettings::default());
    let mut wanted = lake();
    wanted.endpoints[0].target = EndpointTarget::Storage(StorageTarget {
        encoding: StorageEncoding::Json,
        ..storage()
    });

    let refused = wanted.resolve(&stands).unwrap_err();

    assert_eq!(refused, InvalidRouting::EncodingChanged("lake".to_owned()));
}

#[test]
fn kinds_of_which_nothing_is_said_stay() {
    let mut first = lake();
    first
        .endpoints
        .push(endpoint("hook", webhook("https://hook.example", &[])));
    let stands = settled(first, &RoutingSettings::default());
    let mut wanted = lake();
    wanted.untouched_kinds = vec!["webhook"];

    let settings = settled(wanted, &stands);

    assert_eq!(settings, stands);
}

/// Nothing can be written.
struct Nowhere;

impl Targets for Nowhere {
    fn check(&self, _: &EndpointTarget) -> Result<(), String> {
        Err("url: there is no way".to_owned())
    }

    fn open(&self, _: &Hub, endpoint: &Endpoint, _: PartitionId) -> Box<dyn Target> {
        panic!("nobody writes to {}", endpoint.name)
    }
}

#[test]
fn an_endpoint_that_can_not_be_written_is_refused_unless_it_stands() {
    let hook = |url: &str| WantedRouting {
        endpoints: vec![endpoint("hook", webhook(url, &[]))],
        ..WantedRouting::default()
    };
    let stands = settled(hook("https://a.example"), &RoutingSettings::default());
    let with_a_route = WantedRouting {
        routes: vec![route("hot", "DeviceMessages", "true", &["hook"])],
        ..hook("https://a.example")
    };

    let unchanged = settled(with_a_route, &stands).check_targets(&stands, &Nowhere);
    let changed = settled(hook("https://b.example"), &stands).check_targets(&stands, &Nowhere);

    assert_eq!(unchanged, Ok(()));
    assert_eq!(
        changed.unwrap_err().to_string(),
        "endpoint hook: url: there is no way"
    );
}
