#![allow(clippy::unwrap_used, reason = "tests fail that way")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::events::{Event, Origin};
use crate::ids::{DeviceId, IdentityId};
use crate::messages::{Message, SystemProperty};
use crate::routing::{
    Endpoint, EndpointName, EndpointTarget, Enrichment, NatsTarget, RouteName, Secret,
};
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_ticks(638_000_000_000_000_000);
const ENDPOINTS: [&str; 3] = ["a", "B", "c"];

fn endpoint(name: &str) -> Endpoint {
    Endpoint {
        id: EndpointId::generate(),
        name: EndpointName::parse(name).unwrap(),
        group: None,
        target: EndpointTarget::Nats(NatsTarget {
            servers: Secret::new("nats://127.0.0.1".to_owned()),
            subject: "events".to_owned(),
            jetstream: false,
        }),
    }
}

fn destination(name: &str) -> Destination {
    match name {
        Destination::BUILT_IN => Destination::BuiltIn,
        name => Destination::Custom(EndpointName::parse(name).unwrap()),
    }
}

fn route() -> impl Strategy<Value = Route> {
    let conditions = vec![
        "true",
        "level = 'high'",
        "level <> 'high'",
        "$body.level > 5",
        "$body.level <= 5",
        "NOT is_defined($body.alarm.kind)",
        "$twin.tags.site = 'north'",
        "false",
    ];
    (
        prop::sample::select(vec![EventSource::Telemetry, EventSource::TwinChange]),
        prop::sample::select(conditions),
        prop::sample::select(vec!["events", "a", "b", "C"]),
        prop::bool::weighted(0.8),
    )
        .prop_map(|(source, condition, to, is_enabled)| Route {
            name: RouteName::parse("r").unwrap(),
            source,
            condition: condition.to_owned(),
            destination: destination(to),
            is_enabled,
        })
}

fn settings() -> impl Strategy<Value = RoutingSettings> {
    let routes = prop::collection::vec(route(), 0..8);
    (routes, any::<bool>()).prop_map(|(routes, fallback_is_enabled)| RoutingSettings {
        endpoints: ENDPOINTS.map(endpoint).into(),
        routes,
        fallback_is_enabled,
        enrichments: Vec::new(),
    })
}

fn event() -> impl Strategy<Value = Event> {
    let bodies = vec![
        r#"{"level": 7}"#,
        r#"{"level": 2, "alarm": {"kind": "fire"}}"#,
        "no json",
    ];
    (
        prop::sample::select(vec![EventSource::Telemetry, EventSource::TwinChange]),
        prop::sample::select(vec!["high", "low"]),
        prop::sample::select(bodies),
    )
        .prop_map(|(source, level, body)| Event {
            sequence_number: 0,
            offset: 0,
            enqueued: NOW,
            origin: Origin {
                identity: pump(),
                generation: NOW,
                auth_method: None,
                model_id: None,
                source,
            },
            message: Message {
                system: vec![
                    (SystemProperty::ContentType, "application/json".into()),
                    (SystemProperty::ContentEncoding, "utf-8".into()),
                ],
                application: vec![("level".into(), Some(level.into()))],
                body: body.into(),
            },
        })
}

fn pump() -> IdentityId {
    IdentityId::Device(DeviceId::parse("pump-7").unwrap())
}

fn twin() -> Twin {
    let mut twin = Twin::new(pump(), NOW);
    twin.tags.insert("site".to_owned(), json!("north"));
    twin
}

fn compile(settings: &RoutingSettings) -> RoutingTable {
    RoutingTable::compile(&HubName::parse("plant").unwrap(), true, settings)
}

/// The endpoints of every route that matches, each asked by itself.
fn naive(settings: &RoutingSettings, event: &Event, twin: &Twin) -> BTreeSet<String> {
    let matches = |route: &&Route| {
        let condition = Condition::compile(&route.condition).unwrap();
        let subject = EventSubject::new(event.into(), Some(twin));
        route.is_enabled
            && route.source == event.origin.source
            && condition.evaluate(&subject) == Ok(Outcome::True)
    };
    let matching = settings.routes.iter().filter(matches);
    let mut names: BTreeSet<_> = matching
        .map(|route| route.destination.as_str().to_lowercase())
        .collect();
    let falls_back =
        settings.fallback_is_enabled || settings.routes.iter().all(|route| !route.is_enabled);
    if names.is_empty() && event.origin.source == EventSource::Telemetry && falls_back {
        names.insert("events".to_owned());
    }
    names
}

fn names(destinations: Destinations) -> BTreeSet<String> {
    let name = |place: Option<usize>| place.map_or("events", |place| ENDPOINTS[place]);
    destinations
        .each()
        .map(|place| name(place).to_lowercase())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn an_event_goes_where_each_matching_route_leads(settings in settings(), event in event()) {
        let (table, twin) = (compile(&settings), twin());

        let routed = table.route((&event).into(), Some(&twin));

        prop_assert_eq!(names(routed.destinations), naive(&settings, &event, &twin));
        let source = table.of(event.origin.source);
        if source.is_plain() {
            prop_assert_eq!(routed.destinations, Destinations::BUILT_IN);
            prop_assert_eq!(routed.by_fallback, source.is_all_by_fallback());
        }
    }

    #[test]
    fn without_reading_twins_the_twin_makes_no_difference(settings in settings(), event in event()) {
        let (table, twin) = (compile(&settings), twin());
        prop_assume!(!table.reads_twin(event.origin.source));

        let with = table.route((&event).into(), Some(&twin));
        let without = table.route((&event).into(), None);

        prop_assert_eq!(with, without);
    }
}

#[test]
fn a_condition_that_several_routes_have_is_asked_once() {
    let to = |name: &str| Route {
        name: RouteName::parse("r").unwrap(),
        source: EventSource::Telemetry,
        condition: "$body.level > 5".to_owned(),
        destination: destination(name),
        is_enabled: true,
    };
    let settings = RoutingSettings {
        endpoints: ENDPOINTS.map(endpoint).into(),
        routes: vec![to("a"), to("b"), to("a")],
        ..RoutingSettings::default()
    };

    let table = compile(&settings);

    let [(_, destinations)] = &table.of(EventSource::Telemetry).conditional[..] else {
        panic!("{table:?}");
    };
    assert_eq!(
        names(*destinations),
        BTreeSet::from(["a", "b"].map(str::to_owned))
    );
}

#[test]
fn stamps_part_destinations_into_those_that_get_the_same_copy() {
    let stamp = |key: &str, to: &[&str]| Enrichment {
        key: key.to_owned(),
        value: "x".to_owned(),
        destinations: to.iter().map(|name| destination(name)).collect(),
    };
    let settings = RoutingSettings {
        endpoints: ENDPOINTS.map(endpoint).into(),
        enrichments: vec![stamp("one", &["a", "b"]), stamp("two", &["b", "events"])],
        ..RoutingSettings::default()
    };

    let table = compile(&settings);

    let of = |source| {
        let copies = table.of(source).copies().iter();
        let all = [Destinations::BUILT_IN]
            .into_iter()
            .chain((0..3).map(Destinations::custom))
            .fold(Destinations::NONE, Destinations::and);
        let mut groups: Vec<_> = copies
            .map(|copies| (names(copies.destinations.among(all)), copies.is_plain()))
            .collect();
        groups.sort();
        groups
    };
    let group = |names: &[&str], is_plain| {
        let names: BTreeSet<_> = names.iter().map(|name| (*name).to_owned()).collect();
        (names, is_plain)
    };
    assert_eq!(
        of(EventSource::Telemetry),
        [
            group(&["a"], false),
            group(&["b"], false),
            group(&["c"], true),
            group(&["events"], false),
        ],
    );
    assert_eq!(
        of(EventSource::DigitalTwinChange),
        [group(&["a", "b", "c", "events"], true)],
    );
}
