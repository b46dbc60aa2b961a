//! The hub's rules, put together over the embedded engine.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use twinhub_blobs::{BlobSettings, Stores};
use twinhub_core::access::Access;
use twinhub_core::c2d::CloudToDevice;
use twinhub_core::connection_events::ConnectionEvents;
use twinhub_core::connections::Connections;
use twinhub_core::faults::Faults;
use twinhub_core::hubs::{HubSettings, Hubs, Sku, Tier};
use twinhub_core::identities::Registry;
use twinhub_core::ids::HubName;
use twinhub_core::methods::Methods;
use twinhub_core::ports::{EndReason, EventLog, Sessions, StateStore};
use twinhub_core::presence::PresenceBook;
use twinhub_core::query::Queries;
use twinhub_core::routing::Router;
use twinhub_core::stored_sessions::StoredSessions;
use twinhub_core::telemetry::Telemetry;
use twinhub_core::time::{Clock, SystemClock};
use twinhub_core::transfer::Transfers;
use twinhub_core::twins::Twins;
use twinhub_embedded::{Engine, EventSettings, LocalBacklogs, LocalEventLog, LocalSessions};
use twinhub_sas::ConnectionString;

use crate::backup::{self, HubBackups};
use crate::config::{self, Config};
use crate::data_dir::DataDir;
use crate::operator_token::OperatorToken;
use crate::running::RunningHub;

/// How often old events are dropped.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// Everything that gateways call.
pub struct Core {
    /// Whether this start made the hub.
    pub is_new: bool,
    pub hubs: Arc<Hubs>,
    pub access: Arc<Access>,
    pub registry: Arc<Registry>,
    pub twins: Arc<Twins>,
    pub queries: Arc<Queries>,
    pub cloud_to_device: Arc<CloudToDevice>,
    pub connections: Arc<Connections>,
    pub methods: Arc<Methods>,
    pub transfers: Arc<Transfers>,
    pub stored_sessions: Arc<StoredSessions>,
    pub faults: Arc<Faults>,
    pub connection_events: Arc<ConnectionEvents>,
    pub event_log: Arc<LocalEventLog>,
    pub backlogs: Arc<LocalBacklogs>,
    pub router: Arc<Router>,
    pub telemetry: Arc<Telemetry>,
    pub clock: Arc<dyn Clock>,
    presence: Arc<PresenceBook>,
    sessions: Arc<dyn Sessions>,
    store: Arc<dyn StateStore>,
    engine: Arc<Engine>,
}

impl Core {
    /// Opens the state and loads the hub.
    pub async fn open(
        config: &Config,
        data_dir: &DataDir,
        operator_token: &OperatorToken,
    ) -> anyhow::Result<Arc<Self>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let sessions: Arc<dyn Sessions> = Arc::new(LocalSessions::new());
        let engine = Arc::new(Engine::open(&data_dir.state(), sessions.clone())?);
        let store: Arc<dyn StateStore> = engine.clone();
        refuse_other_hubs(&*store, config).await?;
        let event_log = open_event_log(config, data_dir).await?;
        let backlogs = Arc::new(backlogs(config, data_dir)?);
        let (hubs, made) = Hubs::open(store.clone(), vec![hub_of(config)?])
            .await
            .context("could not load the hub")?;
        let hubs = Arc::new(hubs);
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        let events: Arc<dyn EventLog> = event_log.clone();
        let router = Arc::new(Router::new(events, backlogs.clone(), store.clone()));
        for hub in hubs.all() {
            let applied = router.apply(&hub).await;
            applied.context("could not put the hub's routes in force")?;
        }
        let token = operator_token
            .read()?
            .context("the operator token has vanished")?;
        let registry = Arc::new(Registry::new(
            store.clone(),
            sessions.clone(),
            presence.clone(),
            clock.clone(),
        ));
        let transfers = Arc::new(Transfers::new(
            store.clone(),
            engine.clone(),
            Arc::new(Stores::new(BlobSettings::default())),
            registry.clone(),
            clock.clone(),
        ));
        transfers
            .recover()
            .await
            .context("could not look after imports and exports")?;
        let skew = Duration::from_secs(config.sas.clock_skew_seconds.into());
        Ok(Arc::new(Core {
            is_new: !made.is_empty(),
            access: Arc::new(Access::new(
                hubs.clone(),
                store.clone(),
                clock.clone(),
                skew,
                token,
            )),
            registry,
            transfers,
            twins: Arc::new(Twins::new(store.clone(), presence.clone(), clock.clone())),
            queries: Arc::new(Queries::new(engine.clone(), presence.clone())),
            cloud_to_device: Arc::new(CloudToDevice::new(
                store.clone(),
                clock.clone(),
                config.cloud_to_device.settings(),
            )),
            methods: Arc::new(Methods::new(store.clone(), sessions.clone())),
            connections: Arc::new(Connections::new(sessions.clone(), presence.clone())),
            telemetry: Arc::new(Telemetry::new(router.clone(), clock.clone())),
            faults: Arc::new(Faults::new(config.fault_injection, clock.clone())),
            connection_events: Arc::new(ConnectionEvents::new(
                router.clone(),
                sessions.clone(),
                clock.clone(),
            )),
            stored_sessions: Arc::new(StoredSessions::new(store.clone())),
            event_log,
            backlogs,
            router,
            hubs,
            presence,
            sessions,
            clock,
            store,
            engine,
        }))
    }

    /// Writes presence behind until `shutdown`.
    pub async fn write_presence_behind(self: Arc<Self>, shutdown: CancellationToken) {
        self.presence.run(self.store.clone(), shutdown).await;
    }

    /// Follows changes of routes until `shutdown`.
    pub async fn follow_routes(self: Arc<Self>, shutdown: CancellationToken) {
        self.router.clone().run(self.hubs.clone(), shutdown).await;
    }

    /// Drops old events until `shutdown`.
    pub async fn drop_old_events(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            self.event_log.retain(self.clock.now()).await;
            self.backlogs.retain(self.clock.now()).await;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(RETENTION_EVERY) => {}
            }
        }
    }

    /// What makes backups of the hub.
    pub fn backups(&self, hub: &str, data_dir: &DataDir) -> Arc<HubBackups> {
        let source = backup::take::Source {
            hub: hub.to_owned(),
            engine: self.engine.clone(),
            events: self.event_log.clone(),
            backlogs: self.backlogs.clone(),
            presence: self.presence.clone(),
            data_dir: data_dir.clone(),
        };
        Arc::new(HubBackups::new(source, self.clock.clone()))
    }

    /// The connection string of `iothubowner`, unless somebody removed it.
    pub fn owner_connection_string(&self, running: &RunningHub) -> Option<String> {
        let hub = self.hubs.by_name(&running.hub)?;
        let owner = hub.policy("iothubowner")?;
        let host = crate::cli::service_hostname(running);
        let key = owner.keys.primary.expose();
        ConnectionString::for_policy(&host, owner.name.as_str(), key)
            .ok()
            .map(|owner| owner.to_string())
    }

    /// Ends what sessions are left, writes what is behind, closes events and
    /// state.
    pub async fn close(&self) {
        self.sessions.end_all(EndReason::ShuttingDown);
        self.transfers.close().await;
        if let Err(error) = self.presence.write_behind(&*self.store).await {
            tracing::warn!(%error, "could not write the last activity");
        }
        self.event_log.close().await;
        self.backlogs.close().await;
        self.engine.close().await;
    }
}

/// Where the events are, which may take a moment to read after a crash.
async fn open_event_log(config: &Config, data_dir: &DataDir) -> anyhow::Result<Arc<LocalEventLog>> {
    let settings = event_settings(config, config.hub.max_log_gb);
    let hub = HubName::parse(&config.hub.name)?;
    let folder = data_dir.log();
    let opened =
        tokio::task::spawn_blocking(move || LocalEventLog::open(&folder, [(hub, settings)]));
    Ok(Arc::new(opened.await??))
}

/// What waits for custom endpoints: opened as the hub needs it.
fn backlogs(config: &Config, data_dir: &DataDir) -> anyhow::Result<LocalBacklogs> {
    let settings = event_settings(config, config.hub.max_backlog_gb);
    let hub = HubName::parse(&config.hub.name)?;
    Ok(LocalBacklogs::new(&data_dir.log(), [(hub, settings)]))
}

fn event_settings(config: &Config, max_gigabytes: u32) -> EventSettings {
    EventSettings {
        partitions: config.hub.partitions,
        retention: event_retention(config),
        max_bytes: u64::from(max_gigabytes) * 1_000_000_000,
    }
}

fn event_retention(config: &Config) -> Duration {
    const DAY: u64 = 24 * 60 * 60;
    Duration::from_secs(DAY * u64::from(config.hub.retention_days))
}

/// A changed name would start with an empty hub, beside one that nobody serves.
async fn refuse_other_hubs(store: &dyn StateStore, config: &Config) -> anyhow::Result<()> {
    let configured = &config.hub.name;
    let stored = store.hubs().await.context("could not list the hubs")?;
    match stored.iter().find(|hub| hub.as_str() != configured) {
        None => Ok(()),
        Some(other) => anyhow::bail!(
            "the data folder holds the hub {other}, and [hub] name is {configured}: a hub can't be \
             renamed. Set name back to {other}, or start {configured} with a --data-dir of its own"
        ),
    }
}

/// The configured hub. It answers to every name and address that it is
/// reached by; the first is its own for others.
fn hub_of(config: &Config) -> anyhow::Result<(HubName, HubSettings)> {
    let name = HubName::parse(&config.hub.name)?;
    let mut host_names = config.hostname.clone();
    host_names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    host_names.extend(config.listen.iter().map(ToString::to_string));
    let settings = HubSettings {
        host_names,
        tier: Tier {
            sku: sku_of(config.hub.sku),
            units: config.hub.units,
        },
        modules_per_device: usize::try_from(config.limits.modules_per_device)
            .context("limits.modules_per_device is too large")?,
        event_retention: event_retention(config),
    };
    Ok((name, settings))
}

fn sku_of(sku: config::Sku) -> Sku {
    match sku {
        config::Sku::F1 => Sku::F1,
        config::Sku::B1 => Sku::B1,
        config::Sku::B2 => Sku::B2,
        config::Sku::B3 => Sku::B3,
        config::Sku::S1 => Sku::S1,
        config::Sku::S2 => Sku::S2,
        config::Sku::S3 => Sku::S3,
    }
}
