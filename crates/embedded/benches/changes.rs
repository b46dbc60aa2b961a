//! What it costs to tell of changes: devices created and twins patched by 64
//! tasks, without a route and with routes that want all of it, told into a log
//! on the disk meanwhile. The rounds alternate.
//!
//! `cargo bench -p twinhub-embedded --bench changes`; the disk is that of the
//! temporary folder.
#![allow(clippy::print_stdout, reason = "a bench reports to a terminal")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;
use twinhub_core::access::{Access, Caller};
use twinhub_core::etag::Precondition;
use twinhub_core::events::EventSource;
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::{DeviceSpec, Registry};
use twinhub_core::ids::{DeviceId, HubName};
use twinhub_core::notifications::{Pump, Teller};
use twinhub_core::ports::OutboxStore as _;
use twinhub_core::presence::PresenceBook;
use twinhub_core::routing::{Destination, Route, RouteName, Router, RoutingAsOf, RoutingSettings};
use twinhub_core::time::{Clock, SystemClock};
use twinhub_core::twins::{TwinPatch, TwinWrite, Twins};
use twinhub_embedded::{Engine, EventSettings, LocalBacklogs, LocalEventLog, LocalSessions};
use twinhub_sas::{SasToken, SigningKey};

const HOST: &str = "plant.example";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TASKS: usize = 64;
const DURATION: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;
const TIER: Tier = Tier {
    sku: Sku::S3,
    units: 1,
};

#[tokio::main]
async fn main() {
    let bench = Arc::new(Bench::open().await);
    let stop = CancellationToken::new();
    let pump = Pump::new(
        bench.engine.clone(),
        bench.router.clone(),
        bench.clock.clone(),
    );
    let pumping = tokio::spawn(Arc::new(pump).run(vec![bench.hub.clone()], stop.clone()));
    for round in 0..ROUNDS {
        for told in [false, true] {
            bench.set_routes(told).await;
            let name = format!("r{round}{told}");
            bench.report("devices created", &name, told, false).await;
            bench.report("twins patched", &name, told, true).await;
            bench.caught_up().await;
        }
    }
    bench.latency().await;
    stop.cancel();
    pumping.await.expect("the pump ends well");
    bench.log.close().await;
    bench.engine.close().await;
}

struct Bench {
    engine: Arc<Engine>,
    log: Arc<LocalEventLog>,
    router: Arc<Router>,
    registry: Registry,
    twins: Twins,
    caller: Caller,
    clock: Arc<dyn Clock>,
    hub: HubName,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let sessions = Arc::new(LocalSessions::new());
        let state = folder.path().join("state");
        let engine = Arc::new(Engine::open(&state, sessions.clone()).expect("it opens"));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let hub = HubName::parse("plant").expect("a valid name");
        let settings = EventSettings {
            partitions: 4,
            retention: DAY,
            max_bytes: 8 << 30,
        };
        let logs = folder.path().join("log");
        let named = [(hub.clone(), settings)];
        let log = Arc::new(LocalEventLog::open(&logs, named.clone()).expect("it opens"));
        let backlogs = Arc::new(LocalBacklogs::new(&logs, named));
        let router = Arc::new(Router::new(log.clone(), backlogs, engine.clone()));
        let hub_settings = HubSettings {
            host_names: vec![HOST.to_owned()],
            tier: TIER,
            modules_per_device: 20,
            event_retention: DAY,
        };
        let hubs = Hubs::open(engine.clone(), vec![(hub.clone(), hub_settings)]).await;
        let hubs = Arc::new(hubs.expect("the state is empty").0);
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        let teller = Teller::new(router.wanted());
        let registry = Registry::new(engine.clone(), sessions, presence.clone(), clock.clone());
        let twins = Twins::new(engine.clone(), presence, clock.clone());
        Bench {
            caller: owner(&hubs, &engine, &clock).await,
            registry: registry.telling(teller.clone()),
            twins: twins.telling(teller),
            engine,
            log,
            router,
            clock,
            hub,
            _folder: folder,
        }
    }

    async fn set_routes(&self, told: bool) {
        let sources = [EventSource::Lifecycle, EventSource::TwinChange];
        let routes = sources.into_iter().filter(|_| told).map(|source| Route {
            name: RouteName::parse(source.name()).expect("letters alone"),
            source,
            condition: "true".to_owned(),
            destination: Destination::BuiltIn,
            is_enabled: true,
        });
        let settings = RoutingSettings {
            routes: routes.collect(),
            ..RoutingSettings::default()
        };
        let routing = RoutingAsOf {
            as_of: 1,
            tier: TIER,
            settings: Arc::new(settings),
        };
        let set = self.router.apply(&self.hub, routing).await;
        set.expect("there is no endpoint to open");
    }

    async fn report(self: &Arc<Self>, what: &str, prefix: &str, told: bool, patches: bool) {
        let until = Instant::now() + DURATION;
        let mut tasks = Vec::new();
        for task in 0..TASKS {
            let (bench, name) = (self.clone(), format!("{prefix}-{task}"));
            tasks.push(tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < until {
                    let started = Instant::now();
                    match patches {
                        false => bench.create(&format!("{name}-{}", times.len())).await,
                        // Of those just created.
                        true => bench.patch(&format!("{name}-{}", times.len() % 50)).await,
                    }
                    times.push(started.elapsed());
                }
                times
            }));
        }
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await.expect("a task ends well"));
        }
        times.sort_unstable();
        let at = |part: usize| times[(times.len() - 1) * part / 1000];
        let rate = times.len() as f64 / DURATION.as_secs_f64();
        let waiting = self.waiting(usize::MAX).await;
        let told = if told { "told" } else { "not told" };
        println!(
            "{what}, {told}: {rate:.0}/s, p50 {:.1?}, p99 {:.1?}, {waiting} events wait at the end",
            at(500),
            at(990)
        );
    }

    async fn create(&self, id: &str) {
        let permit = self.caller.registry_write().expect("the owner may");
        let spec = DeviceSpec::new(device_id(id));
        let put = self.registry.put_device(&permit, spec, &Precondition::None);
        put.await.expect("nobody interferes");
    }

    async fn patch(&self, id: &str) {
        let permit = self.caller.service().expect("the owner may");
        let properties = (0..8).map(|n| (format!("property{n}"), json!(format!("{id:0>21}"))));
        let patch = TwinWrite::Patch(TwinPatch {
            tags: None,
            desired: Some(properties.collect::<Map<_, _>>()),
        });
        let id = device_id(id).into();
        let written = self.twins.write(&permit, &id, &patch, &Precondition::Any);
        written.await.expect("nobody interferes");
    }

    /// From a change's acknowledgement until its event is durable in the log,
    /// while nothing else happens.
    async fn latency(&self) {
        let mut times = Vec::new();
        for number in 0..200 {
            self.create(&format!("alone-{number}")).await;
            let started = Instant::now();
            self.caught_up().await;
            times.push(started.elapsed());
        }
        times.sort_unstable();
        println!(
            "from a change's answer until its event is out of the outbox: p50 {:.1?}, p99 {:.1?}",
            times[100], times[198]
        );
    }

    async fn caught_up(&self) {
        while self.waiting(1).await > 0 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    async fn waiting(&self, limit: usize) -> usize {
        let waiting = self.engine.outbox(&self.hub, 0, limit).await;
        waiting.expect("reads succeed").len()
    }
}

async fn owner(hubs: &Arc<Hubs>, engine: &Arc<Engine>, clock: &Arc<dyn Clock>) -> Caller {
    let no_skew = Duration::ZERO;
    let (store, clock) = (engine.clone(), clock.clone());
    let access = Access::new(hubs.clone(), store, clock, no_skew, String::new());
    let hub = hubs.by_host(HOST).expect("it was just made");
    let policy = hub.policy("iothubowner").expect("a hub begins with it");
    let key = SigningKey::from_base64(policy.keys.primary.expose()).expect("a valid key");
    let token = SasToken::sign(HOST, &key, Some("iothubowner"), u64::from(u32::MAX));
    let admitted = access.admit(&hub, &token, &[]).await;
    admitted.expect("the token is good")
}

fn device_id(id: &str) -> DeviceId {
    DeviceId::parse(id).expect("a valid ID")
}
