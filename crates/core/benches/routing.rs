//! What ten conditions on an event cost, with a JSON body of some 300 bytes:
//! asked one by one, and as a hub's routes.

use divan::{Bencher, black_box, counter::ItemsCount};
use twinhub_core::events::{Event, EventSource, Origin};
use twinhub_core::ids::{DeviceId, HubName, IdentityId};
use twinhub_core::messages::{Message, SystemProperty};
use twinhub_core::routing::{
    Condition, Destination, EventSubject, Outcome, Route, RouteName, RoutingSettings, RoutingTable,
};
use twinhub_core::time::Timestamp;

fn main() {
    divan::main();
}

const ON_BODIES: [&str; 10] = [
    "$body.weather.temperature > 40",
    "$body.weather.humidity < 10",
    "$body.weather.location.city = 'Oslo'",
    "$body.alarm.level >= 3 AND $body.alarm.kind = 'fire'",
    "is_defined($body.door)",
    "starts_with($body.firmware, '2.')",
    "$body.readings[0] - $body.readings[3] > 5",
    "NOT $body.healthy",
    "level = 'critical' AND $body.weather.temperature > 20",
    "$body.battery.charge / $body.battery.capacity < 0.2",
];

const ON_PROPERTIES: [&str; 10] = [
    "level = 'critical'",
    "level = 'warning' AND hall = '7'",
    "hall <> '7'",
    "$contentType = 'text/plain'",
    "$connectionDeviceId = 'pump-8'",
    "starts_with(level, 'c')",
    "as_number(hall) > 10",
    "is_defined(door)",
    "(none ?? level) = 'x' OR hall = '8'",
    "NOT (level = 'info')",
];

const BODY: &[u8] = br#"{"weather":{"temperature":21.5,"humidity":43,"pressure":1013.2,"location":{"city":"Bergen","hall":"north","floor":2}},"alarm":{"level":0,"kind":"none"},"firmware":"2.11.4","readings":[20.1,20.4,21.0,21.5],"healthy":true,"battery":{"charge":2100,"capacity":3000},"note":"nothing to see"}"#;

fn event() -> Event {
    let device = DeviceId::parse("pump-7").expect("the ID is valid");
    Event {
        sequence_number: 1,
        offset: 1,
        enqueued: Timestamp::from_unix_seconds(1_800_000_000),
        origin: Origin {
            identity: IdentityId::Device(device),
            generation: Timestamp::from_unix_seconds(1_700_000_000),
            auth_method: None,
            model_id: None,
            source: EventSource::Telemetry,
        },
        message: Message {
            system: vec![
                (SystemProperty::ContentType, "application/json".into()),
                (SystemProperty::ContentEncoding, "utf-8".into()),
            ],
            application: vec![
                ("level".into(), Some("info".into())),
                ("hall".into(), Some("7".into())),
            ],
            body: BODY.into(),
        },
    }
}

fn compile(conditions: [&str; 10]) -> [Condition; 10] {
    conditions
        .map(|text| Condition::compile(text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

fn matched(conditions: &[Condition], event: &Event) -> usize {
    let subject = EventSubject::new(event.into(), None);
    let mut matched = 0;
    for condition in conditions {
        matched += usize::from(condition.evaluate(&subject) == Ok(Outcome::True));
    }
    matched
}

fn routes(conditions: [&str; 10]) -> RoutingTable {
    let routes = (0..).zip(conditions).map(|(number, condition)| Route {
        name: RouteName::parse(&format!("route-{number}")).expect("the name is valid"),
        source: EventSource::Telemetry,
        condition: condition.to_owned(),
        destination: Destination::BuiltIn,
        is_enabled: true,
    });
    let settings = RoutingSettings {
        routes: routes.collect(),
        ..RoutingSettings::default()
    };
    let hub = HubName::parse("plant").expect("the name is valid");
    RoutingTable::compile(&hub, true, &settings)
}

#[divan::bench]
fn ten_routes_on_a_body(bencher: Bencher) {
    let (table, event) = (routes(ON_BODIES), event());
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| black_box(&table).route(black_box(&event).into(), None));
}

#[divan::bench]
fn ten_routes_on_properties(bencher: Bencher) {
    let (table, event) = (routes(ON_PROPERTIES), event());
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| black_box(&table).route(black_box(&event).into(), None));
}

#[divan::bench]
fn ten_on_a_body(bencher: Bencher) {
    let (conditions, event) = (compile(ON_BODIES), event());
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| matched(black_box(&conditions), black_box(&event)));
}

#[divan::bench]
fn ten_on_properties(bencher: Bencher) {
    let (conditions, event) = (compile(ON_PROPERTIES), event());
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| matched(black_box(&conditions), black_box(&event)));
}

#[divan::bench]
fn compiling_one(bencher: Bencher) {
    bencher.bench_local(|| Condition::compile(black_box(ON_BODIES[3])));
}
