//! The configured hub.

use std::time::Duration;

use anyhow::Context as _;
use twinhub_core::hubs::{HubSettings, Sku, Tier};
use twinhub_core::ids::HubName;
use twinhub_core::ports::StateStore;

use crate::config::{self, Config};

/// A changed name would start with an empty hub, beside one that nobody serves.
pub async fn refuse_other_hubs(store: &dyn StateStore, config: &Config) -> anyhow::Result<()> {
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
pub fn hub_of(config: &Config) -> anyhow::Result<(HubName, HubSettings)> {
    let name = HubName::parse(&config.hub.name)?;
    let mut host_names = config.hostname.clone();
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let listening = config.listen.iter().map(ToString::to_string);
    for name in local.into_iter().chain(listening) {
        if !host_names.contains(&name) {
            host_names.push(name);
        }
    }
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

/// How long events are kept.
pub fn event_retention(config: &Config) -> Duration {
    const DAY: u64 = 24 * 60 * 60;
    Duration::from_secs(DAY * u64::from(config.hub.retention_days))
}
