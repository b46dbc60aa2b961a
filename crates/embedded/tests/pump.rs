//! What changes tell, from the state into the logs: all of it, once, in order.
#![allow(
    clippy::unwrap_used,
    reason = "a failure is a panic, in helpers as well"
)]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use twinhub_core::access::{Access, Caller};
use twinhub_core::etag::Precondition;
use twinhub_core::events::{Event, EventSource};
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{DeviceSpec, ModuleSpec, Registry, WhichKeys};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::messages::{Message, SystemProperty};
use twinhub_core::notifications::{NewEvent, Pump, Teller};
use twinhub_core::ports::{
    EventLog as _, LogError, OutboxStore as _, Sessions as _, StateStore as _, UnitOfWork,
};
use twinhub_core::presence::PresenceBook;
use twinhub_core::routing::{
    Destination, Endpoint, EndpointId, EndpointName, EndpointTarget, NatsTarget, Route, RouteName,
    Router, RoutingAsOf, RoutingSettings, Secret,
};
use twinhub_core::time::{Clock, SystemClock, Timestamp};
use twinhub_core::transfer::lines;
use twinhub_core::twins::{TwinPatch, TwinWrite, Twins, WriteTwinError};
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_memory_log::{MemoryBacklogs, MemoryLog};
use twinhub_sas::{SasToken, SigningKey};

const HOST: &str = "plant.example";
const TIER: Tier = Tier {
    sku: Sku::S1,
    units: 1,
};
const ANY: Precondition = Precondition::Any;
const NEW: Precondition = Precondition::None;

/// A hub whose log and backlogs are in memory.
struct Plant {
    engine: Arc<Engine>,
    sessions: Arc<LocalSessions>,
    router: Arc<Router>,
    log: MemoryLog,
    backlogs: Arc<MemoryBacklogs>,
    registry: Registry,
    twins: Twins,
    caller: Caller,
    clock: Arc<dyn Clock>,
    hub: HubName,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Plant {
    async fn new(routes: &[(EventSource, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sessions = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open(folder.path(), sessions.clone()).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let hub = HubName::parse("plant").unwrap();
        let settings = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: TIER,
            modules_per_device: 20,
            event_retention: Duration::from_secs(24 * 3600),
        };
        let hubs = Hubs::open(engine.clone(), vec![(hub.clone(), settings)]).await;
        let hubs = Arc::new(hubs.unwrap().0);
        let caller = owner(&hubs, &engine, &clock).await;
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        let log = MemoryLog::of([hub.clone()], 2);
        let backlogs = Arc::new(MemoryBacklogs::new(2));
        let router = Arc::new(Router::new(
            Arc::new(log.clone()),
            backlogs.clone(),
            engine.clone(),
        ));
        let routing = RoutingAsOf {
            as_of: 1,
            tier: TIER,
            settings: Arc::new(routing(routes)),
        };
        router.apply(&hub, routing).await.unwrap();
        let teller = Teller::new(router.wanted());
        let registry = Registry::new(
            engine.clone(),
            sessions.clone(),
            presence.clone(),
            clock.clone(),
        );
        let twins = Twins::new(engine.clone(), presence, clock.clone());
        Plant {
            registry: registry.telling(teller.clone()),
            twins: twins.telling(teller),
            engine,
            sessions,
            router,
            log,
            backlogs,
            caller,
            clock,
            hub,
            stop: CancellationToken::new(),
            _folder: folder,
        }
    }

    /// Both sources, to the built-in endpoint.
    async fn telling_all() -> Self {
        let to = Destination::BUILT_IN;
        Plant::new(&[(EventSource::Lifecycle, to), (EventSource::TwinChange, to)]).await
    }

    fn start_pump(&self) {
        let pump = Pump::new(self.engine.clone(), self.router.clone(), self.clock.clone());
        tokio::spawn(Arc::new(pump).run(vec![self.hub.clone()], self.stop.clone()));
    }

    /// Waits until the outbox is empty.
    async fn pumped(&self) {
        let empty = async {
            while !self.outbox().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), empty)
            .await
            .unwrap();
    }

    /// What waits, by number.
    async fn outbox(&self) -> Vec<u64> {
        let waiting = self.engine.outbox(&self.hub, 0, usize::MAX).await.unwrap();
        waiting.iter().map(|event| event.number).collect()
    }

    async fn create(&self, id: &str) {
        let spec = DeviceSpec::new(device_id(id));
        self.put(spec, &NEW).await;
    }

    async fn create_edge(&self, id: &str) {
        let mut spec = DeviceSpec::new(device_id(id));
        spec.edge = true;
        self.put(spec, &NEW).await;
    }

    async fn put(&self, spec: DeviceSpec, if_match: &Precondition) {
        let permit = self.caller.registry_write().unwrap();
        let put = self.registry.put_device(&permit, spec, if_match);
        put.await.unwrap();
    }

    async fn put_module(&self, device: &str, id: &str, by: Option<&str>, if_match: &Precondition) {
        let permit = self.caller.modules_write(&device_id(device)).unwrap();
        let mut spec = ModuleSpec::new(device_id(device), ModuleId::parse(id).unwrap());
        spec.managed_by = by.map(str::to_owned);
        let put = self.registry.put_module(&permit, spec, if_match);
        put.await.unwrap();
    }

    async fn delete(&self, id: &str) {
        let permit = self.caller.registry_write().unwrap();
        let id = device_id(id);
        let deleted = self.registry.delete_device(&permit, &id, &ANY);
        deleted.await.unwrap();
    }

    async fn desire(&self, id: &str, desired: Value) {
        self.try_desire(id, desired).await.unwrap();
    }

    async fn try_desire(&self, id: &str, desired: Value) -> Result<(), WriteTwinError> {
        let patch = TwinPatch {
            tags: None,
            desired: desired.as_object().cloned(),
        };
        let permit = self.caller.service().unwrap();
        let (id, write) = (device_id(id).into(), TwinWrite::Patch(patch));
        let written = self.twins.write(&permit, &id, &write, &ANY).await;
        written.map(drop)
    }

    /// Puts as many events into the outbox as there is room for.
    async fn fill_outbox(&self) {
        let event = NewEvent {
            source: EventSource::TwinChange,
            identity: device_id("pump-8").into(),
            generation: Timestamp::NEVER,
            message: Message::default(),
            at: self.clock.now(),
        };
        let events = vec![event; 100_000];
        let work = UnitOfWork::new(self.hub.clone(), Vec::new()).with_events(events);
        self.engine.commit(work).await.unwrap();
    }

    /// Puts numbered events into the outbox, a unit of work each.
    async fn tell(&self, device: &str, numbers: std::ops::Range<u32>) {
        for number in numbers {
            let event = NewEvent {
                source: EventSource::TwinChange,
                identity: device_id(device).into(),
                generation: Timestamp::NEVER,
                message: Message {
                    body: number.to_string().into_bytes().into(),
                    ..Message::default()
                },
                at: self.clock.now(),
            };
            let work = UnitOfWork::new(self.hub.clone(), Vec::new()).with_events(vec![event]);
            self.engine.commit(work).await.unwrap();
        }
    }

    /// An event of the outbox that a log got just before a crash.
    async fn stored_already(&self, log: &MemoryLog, number: u64) {
        let waiting = self.engine.outbox(&self.hub, number - 1, 1).await.unwrap();
        let event = &waiting[0].event;
        let mut producer = log.producer(&self.hub, &event.origin()).unwrap();
        let id = format!("{number:010x}");
        let message = twinhub_core::messages::MessageRef {
            system: &[(SystemProperty::CorrelationId, id.into())],
            application: &[],
            body: &event.message.body,
        };
        producer.append(&message, event.at).unwrap();
        producer.hand_over();
    }
}

async fn owner(hubs: &Arc<Hubs>, engine: &Arc<Engine>, clock: &Arc<dyn Clock>) -> Caller {
    let access = Access::new(
        hubs.clone(),
        engine.clone(),
        clock.clone(),
        Duration::ZERO,
        String::new(),
    );
    let hub = hubs.by_host(HOST).unwrap();
    let key = &hub.policy("iothubowner").unwrap().keys.primary;
    let key = SigningKey::from_base64(key.expose()).unwrap();
    let token = SasToken::sign(HOST, &key, Some("iothubowner"), u64::from(u32::MAX));
    access.admit(&hub, &token, &[]).await.unwrap()
}

fn routing(routes: &[(EventSource, &str)]) -> RoutingSettings {
    let mut settings = RoutingSettings::default();
    for (number, (source, endpoint)) in routes.iter().enumerate() {
        let destination = match *endpoint {
            Destination::BUILT_IN => Destination::BuiltIn,
            name => Destination::Custom(EndpointName::parse(name).unwrap()),
        };
        if let Destination::Custom(name) = &destination {
            settings.endpoints.push(Endpoint {
                id: EndpointId::generate(),
                name: name.clone(),
                group: None,
                target: EndpointTarget::Nats(NatsTarget {
                    servers: Secret::new("nats://127.0.0.1".to_owned()),
                    subject: "events".to_owned(),
                    jetstream: false,
                }),
            });
        }
        settings.routes.push(Route {
            name: RouteName::parse(&format!("route-{number}")).unwrap(),
            source: *source,
            condition: "true".to_owned(),
            destination,
            is_enabled: true,
        });
    }
    settings
}

fn device_id(text: &str) -> DeviceId {
    DeviceId::parse(text).unwrap()
}

/// An event as `operation identity`.
fn told(event: &Event) -> String {
    let mut application = event.message.application.iter();
    let operation = application.find(|(name, _)| &**name == "opType").unwrap();
    let id = &event.origin.identity;
    format!("{} {id}", operation.1.as_deref().unwrap())
}

fn all_told(log: &MemoryLog) -> Vec<String> {
    log.events().iter().map(told).collect()
}

fn bodies(log: &MemoryLog) -> Vec<String> {
    let events = log.events().into_iter();
    events
        .map(|event| String::from_utf8(event.message.body.to_vec()).unwrap())
        .collect()
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn changes_are_told_once_in_their_order() {
    let plant = Plant::telling_all().await;
    plant.start_pump();

    plant.create("pump-7").await;
    plant.put_module("pump-7", "sensor", None, &NEW).await;
    plant.desire("pump-7", json!({"rate": 40})).await;
    plant.put_module("pump-7", "sensor", None, &ANY).await;
    plant.delete("pump-7").await;
    plant.pumped().await;

    let mut expected = vec![
        "createDeviceIdentity pump-7",
        "createDeviceIdentity pump-7/sensor",
        "updateTwin pump-7",
        "updateDeviceIdentity pump-7/sensor",
        "deleteDeviceIdentity pump-7/sensor",
        "deleteDeviceIdentity pump-7",
    ];
    let mut found = all_told(&plant.log);
    let of_module = |event: &&String| event.ends_with("sensor");
    let of_module: Vec<_> = found.iter().filter(of_module).cloned().collect();
    assert_eq!(of_module, [expected[1], expected[3], expected[4]]);
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    let events = plant.log.events();
    let ids = events
        .iter()
        .map(|event| event.message.system(SystemProperty::CorrelationId).unwrap());
    let ids: std::collections::HashSet<_> = ids.collect();
    assert_eq!(ids.len(), expected.len());
}

#[tokio::test]
async fn a_deletion_is_told_with_what_was_there_last() {
    let plant = Plant::telling_all().await;
    plant.create("pump-7").await;
    plant.desire("pump-7", json!({"rate": 40})).await;

    plant.delete("pump-7").await;
    plant.start_pump();
    plant.pumped().await;

    let events = plant.log.events();
    let last = &events.last().unwrap().message.body;
    let body: Value = serde_json::from_slice(last).unwrap();
    assert_eq!(body["properties"]["desired"]["rate"], 40);
    assert_eq!(body["version"], 2);
}

#[tokio::test]
async fn nothing_is_kept_that_no_route_is_about() {
    let plant = Plant::new(&[(EventSource::JobLifecycle, Destination::BUILT_IN)]).await;

    plant.create("pump-7").await;
    plant.desire("pump-7", json!({"rate": 40})).await;
    plant.delete("pump-7").await;

    assert!(plant.outbox().await.is_empty());
}

#[tokio::test]
async fn a_route_about_one_source_tells_nothing_of_the_other() {
    let plant = Plant::new(&[(EventSource::TwinChange, Destination::BUILT_IN)]).await;
    plant.start_pump();

    plant.create("pump-7").await;
    plant.desire("pump-7", json!({"rate": 40})).await;
    plant.pumped().await;

    assert_eq!(all_told(&plant.log), ["updateTwin pump-7"]);
}

#[tokio::test]
async fn modules_of_the_edge_runtime_are_told_of_while_it_is_connected() {
    let plant = Plant::telling_all().await;
    plant.start_pump();
    plant.create_edge("edge").await;
    plant
        .put_module("edge", "early", Some("iotEdge"), &NEW)
        .await;

    let agent = IdentityId::module(device_id("edge"), ModuleId::edge_agent());
    let _connected = plant.sessions.open(&plant.hub, &agent, None);
    plant
        .put_module("edge", "late", Some("iotEdge"), &NEW)
        .await;
    plant
        .put_module("edge", "late", Some("iotEdge"), &ANY)
        .await;
    plant.put_module("edge", "own", None, &NEW).await;
    plant.pumped().await;

    let mut found = all_told(&plant.log);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "createDeviceIdentity edge",
            "createDeviceIdentity edge/late",
            "createDeviceIdentity edge/own"
        ]
    );
}

#[tokio::test]
async fn losing_the_edge_capability_tells_that_system_modules_are_gone() {
    let plant = Plant::telling_all().await;
    plant.create_edge("edge").await;

    plant.put(DeviceSpec::new(device_id("edge")), &ANY).await;
    plant.start_pump();
    plant.pumped().await;

    let mut found = all_told(&plant.log);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "createDeviceIdentity edge",
            "deleteDeviceIdentity edge/$edgeAgent",
            "deleteDeviceIdentity edge/$edgeHub"
        ]
    );
}

#[tokio::test]
async fn new_keys_of_a_module_are_an_update_and_those_of_a_device_are_not() {
    let plant = Plant::telling_all().await;
    plant.create("pump-7").await;
    plant.put_module("pump-7", "sensor", None, &NEW).await;
    plant.start_pump();
    plant.pumped().await;
    let before = plant.log.events().len();

    let sensor = IdentityId::module(device_id("pump-7"), ModuleId::parse("sensor").unwrap());
    for id in [device_id("pump-7").into(), sensor] {
        let permit = plant.caller.registry_write().unwrap();
        let keys = plant
            .registry
            .regenerate_keys(&permit, &id, WhichKeys::Both);
        keys.await.unwrap();
    }
    plant.pumped().await;

    let events = all_told(&plant.log);
    assert_eq!(events[before..], ["updateDeviceIdentity pump-7/sensor"]);
}

#[tokio::test]
async fn an_import_over_a_twin_tells_the_whole_of_it() {
    let plant = Plant::telling_all().await;
    plant.create("pump-7").await;
    plant.start_pump();
    plant.pumped().await;
    let permit = plant.caller.registry_write().unwrap();

    for (number, mode) in ["updateTwin", "createOrUpdate"].into_iter().enumerate() {
        let line = json!({
            "id": "pump-7", "status": "enabled", "importMode": mode,
            "properties": {"reported": {"number": number}}
        });
        let item = lines::parse(line.to_string().as_bytes()).unwrap();
        let failed = plant.registry.import(&permit, vec![item]).await;
        plant.pumped().await;

        assert!(failed.is_empty(), "{failed:?}");
        let events = plant.log.events();
        assert_eq!(events.len(), number + 2, "{mode}");
        let event = events.last().unwrap();
        assert_eq!(told(event), "replaceTwin pump-7");
        let body: Value = serde_json::from_slice(&event.message.body).unwrap();
        assert_eq!(body["deviceId"], "pump-7");
        assert_eq!(body["properties"]["reported"]["number"], number);
    }
}

#[tokio::test]
async fn updates_of_modules_are_told_unless_that_is_turned_off() {
    let mut plant = Plant::telling_all().await;
    let teller = Teller::new(plant.router.wanted()).module_updates(false);
    plant.registry = plant.registry.telling(teller);
    plant.start_pump();

    plant.create("pump-7").await;
    plant.put_module("pump-7", "sensor", None, &NEW).await;
    plant.put_module("pump-7", "sensor", None, &ANY).await;
    plant.pumped().await;

    assert_eq!(all_told(&plant.log).len(), 2);
}

#[tokio::test]
async fn what_the_log_has_no_room_for_waits_and_keeps_its_order() {
    let plant = Plant::telling_all().await;
    plant.log.break_with(LogError::Full);
    plant.start_pump();
    plant.tell("pump-7", 0..20).await;
    let tries = plant.log.producers();
    while plant.log.producers() < tries + 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(plant.outbox().await.len(), 20);

    plant.log.forget_waiting();
    plant.log.go_on();
    plant.tell("pump-7", 20..25).await;
    plant.pumped().await;

    assert_eq!(bodies(&plant.log), numbers(0..25));
}

#[tokio::test]
async fn a_log_that_takes_nothing_ends_changes_that_make_events_until_it_does_again() {
    let plant = Plant::telling_all().await;
    plant.create("pump-7").await;
    plant.log.break_with(LogError::Full);
    plant.start_pump();
    plant.fill_outbox().await;
    let before = plant.outbox().await.len();

    let refused = plant.try_desire("pump-7", json!({"rate": 40})).await;

    assert!(matches!(refused, Err(WriteTwinError::Store(error)) if error.certainly_not_written()));
    assert_eq!(plant.outbox().await.len(), before);
    plant.log.forget_waiting();
    plant.log.go_on();
    let taken_again = async {
        while plant
            .try_desire("pump-7", json!({"rate": 41}))
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), taken_again)
        .await
        .unwrap();
}

#[tokio::test]
async fn more_than_has_room_at_once_comes_through() {
    let plant = Plant::telling_all().await;
    plant.log.has_room_for(3);
    plant.tell("pump-7", 0..50).await;

    plant.start_pump();
    plant.pumped().await;

    assert_eq!(bodies(&plant.log), numbers(0..50));
}

#[tokio::test]
async fn what_was_stored_just_before_a_crash_is_not_stored_again() {
    let plant = Plant::telling_all().await;
    plant.tell("pump-7", 0..5).await;
    let waiting = plant.outbox().await;
    plant.stored_already(&plant.log, waiting[0]).await;
    plant.stored_already(&plant.log, waiting[1]).await;

    plant.start_pump();
    plant.pumped().await;
    plant.tell("pump-7", 5..7).await;
    plant.pumped().await;

    assert_eq!(bodies(&plant.log), numbers(0..7));
}

#[tokio::test]
async fn after_a_crash_an_event_is_stored_where_it_is_missing() {
    let routes = [
        (EventSource::TwinChange, Destination::BUILT_IN),
        (EventSource::TwinChange, "bus"),
    ];
    let plant = Plant::new(&routes).await;
    plant.tell("pump-7", 0..3).await;
    let waiting = plant.outbox().await;
    plant.stored_already(&plant.log, waiting[0]).await;
    plant.stored_already(&plant.log, waiting[1]).await;
    let backlog = plant
        .backlogs
        .of(&plant.hub, plant.endpoint().await)
        .unwrap();
    plant.stored_already(backlog.memory(), waiting[0]).await;

    plant.start_pump();
    plant.pumped().await;

    assert_eq!(bodies(&plant.log), numbers(0..3));
    assert_eq!(bodies(backlog.memory()), numbers(0..3));
}

#[tokio::test]
async fn what_one_log_has_is_not_stored_there_again_while_another_refuses() {
    let routes = [
        (EventSource::TwinChange, Destination::BUILT_IN),
        (EventSource::TwinChange, "bus"),
    ];
    let plant = Plant::new(&routes).await;
    let backlog = plant
        .backlogs
        .of(&plant.hub, plant.endpoint().await)
        .unwrap();
    backlog.memory().break_with(LogError::Full);
    plant.start_pump();
    plant.tell("pump-7", 0..3).await;
    while backlog.memory().producers() < 4 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    backlog.memory().forget_waiting();
    backlog.memory().go_on();
    plant.pumped().await;

    assert_eq!(bodies(&plant.log), numbers(0..3));
    assert_eq!(bodies(backlog.memory()), numbers(0..3));
}

impl Plant {
    /// The one endpoint.
    async fn endpoint(&self) -> EndpointId {
        use twinhub_core::ports::Backlogs as _;
        let endpoints = self.backlogs.endpoints(&self.hub).await.unwrap();
        endpoints[0]
    }
}

#[tokio::test]
async fn what_waits_is_moved_before_the_pump_stops() {
    let plant = Plant::telling_all().await;
    plant.tell("pump-7", 0..300).await;
    plant.stop.cancel();

    let pump = Pump::new(
        plant.engine.clone(),
        plant.router.clone(),
        plant.clock.clone(),
    );
    Arc::new(pump)
        .run(vec![plant.hub.clone()], plant.stop.clone())
        .await;

    assert_eq!(bodies(&plant.log), numbers(0..300));
    assert!(plant.outbox().await.is_empty());
}

#[tokio::test]
async fn an_event_can_be_read_some_moments_after_its_change() {
    let plant = Plant::telling_all().await;
    plant.start_pump();
    plant.create("warm").await;
    plant.pumped().await;

    let begun = std::time::Instant::now();
    for number in 0..20 {
        plant.create(&format!("pump-{number}")).await;
        plant.pumped().await;
    }

    // Generous: machines that test are slow. Polling would take longer.
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(plant.log.events().len(), 21);
}
