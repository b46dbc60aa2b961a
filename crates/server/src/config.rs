//! What an operator can set, from the strongest source to the weakest: the
//! command line, `TWINHUB_*` variables, `twinhub.toml` in the data folder,
//! the defaults.
//!
//! All of it is read and checked before a port opens. A key that nobody knows
//! is refused with the nearest one that exists. No other module reads the
//! environment.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format, Serialized, Toml},
    value::{Dict, Map, magic::RelativePathBuf},
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::data_dir::DataDir;

mod cloud_to_device;
mod environment;
mod error;
mod idle;
mod one_or_many;
mod outgoing;
mod settings;
mod validate;

pub use cloud_to_device::CloudToDevice;
pub use environment::Environment;
pub use error::ConfigError;
pub use outgoing::Outgoing;

/// The whole configuration of a hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names of the hub, the preferred one first. They go into the certificate,
    /// and the first into every connection string that is printed.
    #[serde(deserialize_with = "one_or_many::deserialize")]
    pub hostname: Vec<String>,
    /// Addresses to listen on.
    #[serde(deserialize_with = "one_or_many::deserialize")]
    pub listen: Vec<IpAddr>,
    /// Filter for log lines: a level, or targets with levels.
    pub log: String,
    /// Refuse what exceeds the tier's rates and daily quota. No effect yet.
    pub throttling: bool,
    /// Let messages ask for faults of their own connection, for tests.
    pub fault_injection: bool,
    /// Where each protocol listens.
    pub ports: Ports,
    /// The operator's own certificate.
    pub tls: Tls,
    /// The hub that is served.
    pub hub: Hub,
    /// Counts that the hub enforces.
    pub limits: Limits,
    /// How tokens are checked.
    pub sas: Sas,
    /// Messages to devices and modules.
    pub cloud_to_device: CloudToDevice,
    /// Connections that the hub opens.
    pub outgoing: Outgoing,
}

/// Where each protocol listens; 0 takes any free port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    /// HTTPS, and MQTT and AMQP over WebSocket.
    pub https: u16,
    /// MQTT over TLS.
    pub mqtts: u16,
    /// AMQP over TLS. Accepted, but nothing listens there in this version.
    pub amqps: u16,
}

/// The operator's own certificate, instead of one from the local CA.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file: the server's certificate, then its intermediates. A relative
    /// path in `twinhub.toml` starts at the data folder.
    #[serde(default, deserialize_with = "path_beside_its_source")]
    pub cert: Option<PathBuf>,
    /// PEM file with its private key.
    #[serde(default, deserialize_with = "path_beside_its_source")]
    pub key: Option<PathBuf>,
}

/// The hub that is served, made at the first start under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// Its name in the management API, and its Event Hubs entity path.
    pub name: String,
    /// Its tier, which sets sizes, counts and (when throttled) rates.
    pub sku: Sku,
    /// How many units of the tier.
    pub units: u32,
    /// Partitions of the built-in endpoint; fixed once the hub exists.
    pub partitions: u16,
    /// How long the built-in endpoint keeps events.
    pub retention_days: u16,
    /// How many gigabytes of events are kept; of more the oldest go before
    /// their time.
    pub max_log_gb: u32,
    /// How many gigabytes of events may wait for each custom endpoint; of more
    /// the oldest go, though they are not delivered.
    pub max_backlog_gb: u32,
    /// How events name operations on modules.
    pub module_event_names: ModuleEventNames,
    /// Whether updates of modules make lifecycle events.
    pub module_update_events: bool,
}

/// How events name operations on modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleEventNames {
    /// `createDeviceIdentity`, `deviceConnected`.
    AsDevices,
    /// `createModuleIdentity`, `moduleConnected`.
    AsModules,
}

/// A tier, by Azure's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say all there is to say")]
pub enum Sku {
    F1,
    B1,
    B2,
    B3,
    S1,
    S2,
    S3,
}

/// Counts that the hub enforces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Modules per device; the edge system modules don't count.
    pub modules_per_device: u32,
}

/// How tokens are checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sas {
    /// How long past its expiry a token is still taken, for clocks that differ.
    pub clock_skew_seconds: u32,
}

/// A configuration and what the operator should hear about it.
#[derive(Debug)]
pub struct Loaded {
    /// Checked and complete.
    pub config: Config,
    /// Sentences for standard error: settings that were passed over, or
    /// that nothing obeys yet.
    pub notices: Vec<String>,
}

/// What the command line sets; the rest is left to the other sources.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Overrides {
    /// `--hostname`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hostname: Vec<String>,
    /// `--listen`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<IpAddr>,
    /// `--log`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// `--https-port` and its like
    pub ports: PortOverrides,
    /// `--tls-cert` and `--tls-key`
    pub tls: TlsOverrides,
}

/// Ports that the command line sets.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PortOverrides {
    /// `--https-port`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https: Option<u16>,
    /// `--mqtts-port`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mqtts: Option<u16>,
    /// `--amqps-port`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amqps: Option<u16>,
}

/// Certificate files that the command line sets.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TlsOverrides {
    /// `--tls-cert`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// `--tls-key`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

const COMMAND_LINE: &str = "command line";

/// Reads all sources and checks the outcome.
pub fn load(
    data_dir: &DataDir,
    environment: &Environment,
    overrides: &Overrides,
) -> Result<Loaded, ConfigError> {
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    let file = data_dir.config_file();
    if !matches!(file.try_exists(), Ok(false)) {
        figment = figment.merge(Toml::file_exact(file));
    }
    let figment = figment
        .merge(environment.settings())
        .merge(CommandLine(overrides));

    if let Ok(cluster) = figment.find_value("cluster") {
        let place = error::place_of(figment.get_metadata(cluster.tag()), "cluster");
        return Err(ConfigError::ClusterNotAvailable { place });
    }
    let mut config: Config = figment.extract().map_err(ConfigError::from_figment)?;
    for name in &mut config.hostname {
        name.make_ascii_lowercase();
    }
    validate::check(&config).map_err(|invalid| ConfigError::BadValue {
        place: error::place_of(figment.find_metadata(invalid.key), invalid.key),
        key: invalid.key.to_owned(),
        problem: invalid.problem,
    })?;
    let mut notices = environment.misspelt_settings();
    notices.extend(idle::notices(&config));
    Ok(Loaded { config, notices })
}

impl Config {
    /// The host name that printed connection strings carry.
    pub fn preferred_hostname(&self) -> &str {
        self.hostname.first().map_or("localhost", String::as_str)
    }

    /// Whether the addresses are the default ones, of which ::1 may be missing.
    pub fn listens_by_default(&self) -> bool {
        self.listen == Self::default().listen
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hostname: vec!["localhost".to_owned()],
            listen: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            log: "info".to_owned(),
            throttling: false,
            fault_injection: false,
            ports: Ports::default(),
            tls: Tls::default(),
            hub: Hub {
                name: "localhost".to_owned(),
                sku: Sku::S3,
                units: 1,
                partitions: 4,
                retention_days: 1,
                max_log_gb: 20,
                max_backlog_gb: 5,
                module_event_names: ModuleEventNames::AsDevices,
                module_update_events: true,
            },
            limits: Limits {
                modules_per_device: 20,
            },
            sas: Sas {
                clock_skew_seconds: 0,
            },
            cloud_to_device: CloudToDevice::default(),
            outgoing: Outgoing::default(),
        }
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            https: 443,
            mqtts: 8883,
            amqps: 5671,
        }
    }
}

fn path_beside_its_source<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    let path = Option::<RelativePathBuf>::deserialize(deserializer)?;
    Ok(path.map(|path| path.relative()))
}

struct CommandLine<'a>(&'a Overrides);

impl Provider for CommandLine<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(COMMAND_LINE)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Serialized::defaults(self.0).data()
    }
}

#[cfg(test)]
mod tests;
