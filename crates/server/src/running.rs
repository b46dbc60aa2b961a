//! Where the running hub listens, told to commands through the data folder.
//!
//! The file is there while the hub runs. After a kill it stays behind until
//! the next start: a reader learns that from the connection being refused.

use std::{fs, io, net::IpAddr, path::PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::{config::Ports, data_dir::DataDir, private_file};

/// What a command needs to reach the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningHub {
    /// The process.
    pub pid: u32,
    /// The hub's name.
    pub hub: String,
    /// The host names of its connection strings, the preferred one first.
    pub hostnames: Vec<String>,
    /// An address of this machine that the hub listens on.
    pub address: IpAddr,
    /// The ports that it has bound.
    pub ports: Ports,
    /// The certificates that clients have to trust: the local CA, or the
    /// operator's own chain.
    pub ca: PathBuf,
}

/// Keeps `running.json` in place; removes it when dropped.
#[derive(Debug)]
pub struct RunningNotice {
    file: PathBuf,
}

impl RunningHub {
    /// The host name that printed connection strings carry.
    pub fn hostname(&self) -> &str {
        self.hostnames.first().map_or("localhost", String::as_str)
    }

    /// The address of the portal.
    pub fn portal(&self) -> String {
        match self.ports.https {
            443 => format!("https://{}/portal", self.hostname()),
            port => format!("https://{}:{port}/portal", self.hostname()),
        }
    }

    /// Tells commands about the hub until the returned notice is dropped.
    pub fn announce(&self, data_dir: &DataDir) -> anyhow::Result<RunningNotice> {
        let file = data_dir.running_file();
        let text = serde_json::to_vec_pretty(self)?;
        private_file::write(&file, &text)
            .with_context(|| format!("could not write {}", file.display()))?;
        Ok(RunningNotice { file })
    }

    /// The hub that runs on `data_dir`, or was killed there.
    pub fn read(data_dir: &DataDir) -> anyhow::Result<Option<Self>> {
        let file = data_dir.running_file();
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| {
                    format!(
                        "could not read {}: only the owner of the data folder can",
                        file.display()
                    )
                });
            }
        };
        serde_json::from_slice(&text)
            .map(Some)
            .with_context(|| format!("{} is not what a hub writes", file.display()))
    }
}

/// The address under which this machine reaches a hub that listens on `bound`.
pub fn reachable(bound: IpAddr) -> IpAddr {
    match bound {
        IpAddr::V4(address) if address.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

impl Drop for RunningNotice {
    fn drop(&mut self) {
        if let Err(error) = private_file::remove_if_present(&self.file) {
            tracing::warn!(%error, file = %self.file.display(), "could not remove the notice of the running hub");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_announced_while_it_runs_and_forgotten_when_it_stops() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::at(dir.path());
        let hub = RunningHub {
            pid: 7,
            hub: "localhost".into(),
            hostnames: vec!["hub.plant.example".into()],
            address: "::1".parse().unwrap(),
            ports: Ports::default(),
            ca: "/x/ca.pem".into(),
        };

        let notice = hub.announce(&data_dir).unwrap();
        let while_running = RunningHub::read(&data_dir).unwrap();
        drop(notice);

        assert_eq!(while_running, Some(hub));
        assert_eq!(RunningHub::read(&data_dir).unwrap(), None);
    }
}
