//! What a running hub tells in its data folder.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::Deserialize;

/// The parts of `running.json` that are of use here.
#[derive(Debug, Clone, Deserialize)]
pub struct Running {
    /// The hub's process.
    pub pid: u32,
    /// The hub's name.
    pub hub: String,
    /// The names that it answers to.
    pub hostnames: Vec<String>,
    /// An address of this machine that it listens on.
    pub address: IpAddr,
    /// Its ports.
    pub ports: Ports,
    /// The certificates to trust.
    pub ca: PathBuf,
}

/// The ports that a hub has bound.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Ports {
    /// HTTPS.
    pub https: u16,
    /// MQTT over TLS.
    pub mqtts: u16,
    /// AMQP over TLS.
    pub amqps: u16,
}

impl Running {
    /// The hub that runs on `data_dir`.
    pub fn read(data_dir: &Path) -> anyhow::Result<Self> {
        let file = data_dir.join("running.json");
        let text = fs::read(&file)
            .with_context(|| format!("no hub runs on {}: start one", data_dir.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not what a hub writes", file.display()))
    }
}
