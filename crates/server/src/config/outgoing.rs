//! What operators can set about connections that the hub opens by itself: to
//! the containers of imports and exports, and to custom endpoints.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use twinhub_blobs::{Authorities, BlobSettings, HostPattern};

use super::validate::Invalid;
use crate::data_dir::DataDir;

/// Connections that the hub opens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outgoing {
    /// PEM file with authorities that are trusted besides the system's. A
    /// relative path in `twinhub.toml` starts at the data folder.
    #[serde(deserialize_with = "super::path_beside_its_source")]
    pub ca_file: Option<PathBuf>,
    /// Whether addresses with their signatures may go over http. To this
    /// machine they may.
    pub allow_http: bool,
    /// The hosts that back ends may have the hub connect to, as names or
    /// `*.name`; any, if there is none.
    #[serde(deserialize_with = "super::one_or_many::deserialize")]
    pub hosts: Vec<String>,
}

impl Outgoing {
    /// As the containers take it; reads the file. What waits for a slow
    /// container is kept in the data folder, which is none itself.
    pub fn blobs(&self, data_dir: &DataDir) -> anyhow::Result<BlobSettings> {
        let authorities = self.with_authorities(Authorities::default(), |_, pem| {
            Ok(Authorities::from_pem(pem)?)
        })?;
        let hosts = self.hosts.iter().map(|host| HostPattern::parse(host));
        Ok(BlobSettings {
            allow_http: self.allow_http,
            hosts: hosts.collect::<Result<_, _>>()?,
            authorities,
            spool: Some(data_dir.state()),
            own_folder: Some(data_dir.root().to_owned()),
        })
    }

    /// Adds the file's certificates, if there is a file, to who goes without.
    pub fn with_authorities<T>(
        &self,
        without: T,
        add: impl FnOnce(T, &[u8]) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let Some(path) = &self.ca_file else {
            return Ok(without);
        };
        let problem = || format!("could not use `outgoing.ca_file`, {}", path.display());
        let pem = fs::read(path).with_context(problem)?;
        add(without, &pem).with_context(problem)
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        for host in &self.hosts {
            if let Err(error) = HostPattern::parse(host) {
                return Err(Invalid {
                    key: "outgoing.hosts",
                    problem: format!("holds {host:?}: {error}"),
                });
            }
        }
        Ok(())
    }
}
