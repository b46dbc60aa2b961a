//! The hub's rules, put together over the embedded engine.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use twinhub_blobs::Stores;
use twinhub_core::access::Access;
use twinhub_core::c2d::CloudToDevice;
use twinhub_core::connection_events::ConnectionEvents;
use twinhub_core::connections::Connections;
use twinhub_core::faults::Faults;
use twinhub_core::hubs::Hubs;
use twinhub_core::identities::Registry;
use twinhub_core::methods::Methods;
use twinhub_core::ports::{EndReason, Sessions, StateStore};
use twinhub_core::presence::PresenceBook;
use twinhub_core::query::Queries;
use twinhub_core::stored_sessions::StoredSessions;
use twinhub_core::telemetry::Telemetry;
use twinhub_core::time::{Clock, SystemClock, Timestamp};
use twinhub_core::traffic::History;
use twinhub_core::transfer::Transfers;
use twinhub_core::twins::Twins;
use twinhub_embedded::{Engine, LocalSessions};
use twinhub_sas::ConnectionString;

use crate::backup::{self, HubBackups};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::operator_token::OperatorToken;
use crate::running::RunningHub;

use self::hub::{hub_of, refuse_other_hubs};
pub use self::logs::Logs;
use self::routing::{Routing, naming};

mod hub;
mod logs;
mod routing;

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
    pub logs: Logs,
    pub routing: Routing,
    pub telemetry: Arc<Telemetry>,
    pub history: Arc<History>,
    pub started: Timestamp,
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
        let logs = Logs::open(config, data_dir).await?;
        let (hubs, made) = Hubs::open(store.clone(), vec![hub_of(config)?])
            .await
            .context("could not load the hub")?;
        let hubs = Arc::new(hubs);
        let presence = Arc::new(PresenceBook::new(clock.clone()));
        let containers = Arc::new(Stores::new(config.outgoing.blobs(data_dir)?));
        let routing = Routing::open(
            config,
            &logs,
            hubs.clone(),
            store.clone(),
            containers.clone(),
            clock.clone(),
        )
        .await?;
        let token = operator_token
            .read()?
            .context("the operator token has vanished")?;
        let teller = routing.teller(config);
        let registry = Registry::new(
            store.clone(),
            sessions.clone(),
            presence.clone(),
            clock.clone(),
        );
        let registry = Arc::new(registry.telling(teller.clone()));
        let connection_events =
            ConnectionEvents::new(routing.router.clone(), sessions.clone(), clock.clone());
        let twins = Twins::new(store.clone(), presence.clone(), clock.clone());
        let transfers = Arc::new(Transfers::new(
            store.clone(),
            engine.clone(),
            containers,
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
            twins: Arc::new(twins.telling(teller)),
            queries: Arc::new(Queries::new(engine.clone(), presence.clone())),
            cloud_to_device: Arc::new(CloudToDevice::new(
                store.clone(),
                clock.clone(),
                config.cloud_to_device.settings(),
            )),
            methods: Arc::new(Methods::new(store.clone(), sessions.clone())),
            connections: Arc::new(Connections::new(sessions.clone(), presence.clone())),
            telemetry: Arc::new(Telemetry::new(routing.router.clone(), clock.clone())),
            faults: Arc::new(Faults::new(config.fault_injection, clock.clone())),
            connection_events: Arc::new(connection_events.naming(naming(config))),
            stored_sessions: Arc::new(StoredSessions::new(store.clone())),
            history: Arc::new(History::new(hubs.clone(), sessions.clone(), clock.clone())),
            started: clock.now(),
            logs,
            routing,
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

    /// What makes backups of the hub.
    pub fn backups(&self, hub: &str, data_dir: &DataDir) -> Arc<HubBackups> {
        let source = backup::take::Source {
            hub: hub.to_owned(),
            engine: self.engine.clone(),
            events: self.logs.events.clone(),
            backlogs: self.logs.backlogs.clone(),
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
        self.logs.close().await;
        self.engine.close().await;
    }
}
