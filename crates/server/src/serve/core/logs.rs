//! The logs of events: the hub's own, and those of what waits for custom
//! endpoints.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use twinhub_core::ids::HubName;
use twinhub_core::time::Clock;
use twinhub_embedded::{EventSettings, LocalBacklogs, LocalEventLog};

use super::hub::event_retention;
use crate::config::Config;
use crate::data_dir::DataDir;

/// How often old events are dropped.
const RETENTION_EVERY: Duration = Duration::from_secs(60);

/// The logs of this process.
#[derive(Clone)]
pub struct Logs {
    pub events: Arc<LocalEventLog>,
    pub backlogs: Arc<LocalBacklogs>,
}

impl Logs {
    /// Opens the hub's own, which may take a moment after a crash. Backlogs are
    /// opened as they are needed.
    pub async fn open(config: &Config, data_dir: &DataDir) -> anyhow::Result<Self> {
        let hub = HubName::parse(&config.hub.name)?;
        let settings = event_settings(config, config.hub.max_log_gb);
        let (folder, name) = (data_dir.log(), hub.clone());
        let opened =
            tokio::task::spawn_blocking(move || LocalEventLog::open(&folder, [(name, settings)]));
        let settings = event_settings(config, config.hub.max_backlog_gb);
        Ok(Logs {
            events: Arc::new(opened.await??),
            backlogs: Arc::new(LocalBacklogs::new(&data_dir.log(), [(hub, settings)])),
        })
    }

    /// Why events are refused, while they are.
    pub fn refusing(&self) -> Option<String> {
        let refusing = self.events.refusing();
        let refusing = refusing.or_else(|| self.backlogs.refusing());
        refusing.map(|error| error.to_string())
    }

    /// Drops old events until `shutdown`.
    pub async fn drop_old_events(self, clock: Arc<dyn Clock>, shutdown: CancellationToken) {
        loop {
            self.events.retain(clock.now()).await;
            self.backlogs.retain(clock.now()).await;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(RETENTION_EVERY) => {}
            }
        }
    }

    /// Writes what was handed over; takes nothing from then on.
    pub async fn close(&self) {
        self.events.close().await;
        self.backlogs.close().await;
    }
}

fn event_settings(config: &Config, max_gigabytes: u32) -> EventSettings {
    EventSettings {
        partitions: config.hub.partitions,
        retention: event_retention(config),
        max_bytes: u64::from(max_gigabytes) * 1_000_000_000,
    }
}
