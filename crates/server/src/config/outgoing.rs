//! What operators can set about connections that the hub opens by itself: to
//! the containers of imports and exports, and of storage endpoints.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use twinhub_blobs::{Authorities, BlobSettings, HostPattern};

use super::validate::Invalid;

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
    /// As the containers take it; reads the file.
    pub fn blobs(&self) -> anyhow::Result<BlobSettings> {
        let authorities = match &self.ca_file {
            None => Authorities::default(),
            Some(path) => {
                let read = || {
                    let pem = fs::read(path)?;
                    anyhow::Ok(Authorities::from_pem(&pem)?)
                };
                let problem = || format!("could not use `outgoing.ca_file`, {}", path.display());
                read().with_context(problem)?
            }
        };
        let hosts = self.hosts.iter().map(|host| HostPattern::parse(host));
        Ok(BlobSettings {
            allow_http: self.allow_http,
            hosts: hosts.collect::<Result<_, _>>()?,
            authorities,
        })
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
