//! Addresses of containers.
//!
//! `https://ACCOUNT.blob.core.windows.net/CONTAINER?SIGNATURE` as Azure gives
//! it, the same with the account in the path as emulators and own servers
//! have it, and `file:///FOLDER` for the operator.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, RetryConfig};
use twinhub_core::ports::{Container, ContainerAddress, ContainerError, Containers, OpenedFor};
use url::{Host, Url};

use crate::client::{Authorities, NoDetours, TimeLimits};
use crate::container::{AzureStores, StoredContainer};
use crate::folder::Folder;
use crate::hosts::HostPattern;

/// More than there is time for: what fails is repeated until time is up.
const RETRIES: usize = 100;

/// Which addresses are taken, and who is trusted there.
#[derive(Debug, Clone, Default)]
pub struct BlobSettings {
    /// Whether signatures may be sent in the clear. To this machine they may.
    pub allow_http: bool,
    /// The hosts that addresses of back ends may name; any, if there is none.
    pub hosts: Vec<HostPattern>,
    /// Whose certificates are taken besides those that the system trusts.
    pub authorities: Authorities,
    /// Where blocks wait for containers that are slower than whoever writes.
    /// Without it whoever writes waits.
    pub spool: Option<PathBuf>,
    /// The hub's own folder, in which no blob can be.
    pub own_folder: Option<PathBuf>,
}

/// Containers by their addresses.
#[derive(Debug, Default)]
pub struct Stores {
    settings: BlobSettings,
    limits: TimeLimits,
}

impl Stores {
    /// Containers at addresses that the settings allow.
    pub fn new(settings: BlobSettings) -> Self {
        let limits = TimeLimits::default();
        Stores { settings, limits }
    }

    /// The same with other limits.
    #[must_use]
    pub fn within(self, limits: TimeLimits) -> Self {
        Stores { limits, ..self }
    }
}

impl Containers for Stores {
    fn open(
        &self,
        address: &ContainerAddress,
        by: OpenedFor,
    ) -> Result<Arc<dyn Container>, ContainerError> {
        let url = Url::parse(address.expose())
            .map_err(|error| refused(format!("it is not a URI: {error}")))?;
        let container = match (url.scheme(), by) {
            ("https" | "http", by) => {
                self.check_host(&url, by)?;
                let spool = self.settings.spool.clone();
                StoredContainer::azure(self.azure(&url)?, spool)
            }
            ("file", OpenedFor::Operator) => self.folder(&url)?,
            ("file", OpenedFor::BackEnd) => {
                return Err(refused("folders of the hub's machine are for its operator"));
            }
            _ => return Err(refused("it must begin with https://")),
        };
        Ok(Arc::new(container))
    }
}

impl Stores {
    /// Back ends get the hub to ask whom they name: others of its network
    /// might take the hub's word for more than a back end's.
    fn check_host(&self, url: &Url, by: OpenedFor) -> Result<(), ContainerError> {
        let hosts = &self.settings.hosts;
        let host = url.host_str().unwrap_or_default();
        match by {
            OpenedFor::Operator => Ok(()),
            OpenedFor::BackEnd if hosts.is_empty() && is_link_local(url) => Err(refused(
                "a host of its own network segment has to be allowed by the hub's operator",
            )),
            OpenedFor::BackEnd if hosts.is_empty() => Ok(()),
            OpenedFor::BackEnd if hosts.iter().any(|hosts| hosts.matches(host)) => Ok(()),
            OpenedFor::BackEnd => Err(refused("the hub's operator does not allow its host")),
        }
    }

    fn azure(&self, url: &Url) -> Result<AzureStores, ContainerError> {
        let in_the_clear = url.scheme() == "http";
        if in_the_clear && !self.settings.allow_http && !is_loopback(url) {
            return Err(refused(
                "http would send its signature in the clear, use https",
            ));
        }
        let Parts {
            account,
            endpoint,
            container,
        } = Parts::of(url)?;
        let signature = url.query().unwrap_or_default();
        if !signature.split('&').any(|part| part.starts_with("sig=")) {
            return Err(refused("it has no shared access signature"));
        }
        // Their texts may hold the address.
        let unusable = || refused("its shared access signature can't be used");
        let connector = NoDetours {
            in_the_clear,
            authorities: self.settings.authorities.clone(),
            limits: self.limits,
        };
        let client = connector.client().map_err(|_| unusable())?;
        let store = |again_for: Duration| -> Result<Arc<dyn ObjectStore>, ContainerError> {
            let retry = RetryConfig {
                max_retries: RETRIES,
                retry_timeout: again_for,
                ..RetryConfig::default()
            };
            let store = MicrosoftAzureBuilder::new()
                .with_account(account.as_str())
                .with_endpoint(endpoint.clone())
                .with_container_name(container.as_str())
                .with_config(AzureConfigKey::SasKey, signature)
                .with_http_connector(client.clone())
                .with_retry(retry)
                .build()
                .map_err(|_| unusable())?;
            Ok(Arc::new(store))
        };
        Ok(AzureStores {
            patient: store(self.limits.again_for)?,
            brief: store(self.limits.briefly)?,
        })
    }

    fn folder(&self, url: &Url) -> Result<StoredContainer, ContainerError> {
        let path = url
            .to_file_path()
            .map_err(|()| refused("it must be the absolute path of a folder"))?;
        let folder = Folder::new(path.clone(), self.settings.own_folder.clone());
        if folder.is_own() {
            return Err(refused(
                "the hub's data folder is no container, choose a folder elsewhere",
            ));
        }
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(|_| refused("there is no such folder, or it can't be opened: make it, for the hub's user to write to"))?;
        let store = Arc::new(store.with_fsync(true));
        Ok(StoredContainer::folder(store, folder))
    }
}

/// What an Azure address is made of.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    account: String,
    /// Everything before the container.
    endpoint: String,
    container: String,
}

impl Parts {
    fn of(url: &Url) -> Result<Self, ContainerError> {
        let host = url.host_str().unwrap_or_default();
        let segments: Vec<_> = url.path_segments().into_iter().flatten().collect();
        let segments = match segments.as_slice() {
            [rest @ .., ""] => rest,
            all => all,
        };
        let origin = url.origin().ascii_serialization();
        match segments {
            [container] if !container.is_empty() => Ok(Parts {
                account: host.split('.').next().unwrap_or_default().to_owned(),
                endpoint: origin,
                container: (*container).to_owned(),
            }),
            [account, container] if !account.is_empty() && !container.is_empty() => Ok(Parts {
                account: (*account).to_owned(),
                endpoint: format!("{origin}/{account}"),
                container: (*container).to_owned(),
            }),
            _ => Err(refused("it must name a container, and nothing in it")),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether nothing but this machine and its neighbours can be meant: where
/// clouds hand out what a machine may do.
fn is_link_local(url: &Url) -> bool {
    let is = |address: Ipv4Addr| address.is_link_local() || address.is_unspecified();
    match url.host() {
        Some(Host::Ipv4(address)) => is(address),
        Some(Host::Ipv6(address)) => {
            address.is_unicast_link_local()
                || address.is_unspecified()
                || address.to_ipv4_mapped().is_some_and(is)
        }
        Some(Host::Domain(_)) | None => false,
    }
}

fn refused(why: impl Into<String>) -> ContainerError {
    ContainerError::Address(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "sv=2021-08-06&sr=c&sp=rwd&sig=c2VjcmV0";

    fn open(address: &str, by: OpenedFor) -> Result<(), ContainerError> {
        let address = ContainerAddress::new(address.to_owned());
        Stores::default().open(&address, by).map(|_| ())
    }

    fn parts(url: &str) -> Parts {
        Parts::of(&Url::parse(url).unwrap()).unwrap()
    }

    #[test]
    fn the_account_is_in_the_host_or_in_the_path() {
        let azure = parts("https://plant.blob.core.windows.net/devices?sig=x");
        let emulated = parts("http://127.0.0.1:10000/devstoreaccount1/devices/?sig=x");

        assert_eq!(
            azure,
            Parts {
                account: "plant".to_owned(),
                endpoint: "https://plant.blob.core.windows.net".to_owned(),
                container: "devices".to_owned(),
            }
        );
        assert_eq!(
            emulated,
            Parts {
                account: "devstoreaccount1".to_owned(),
                endpoint: "http://127.0.0.1:10000/devstoreaccount1".to_owned(),
                container: "devices".to_owned(),
            }
        );
    }

    #[test]
    fn addresses_with_a_signature_are_taken() {
        for address in [
            format!("https://plant.blob.core.windows.net/devices?{SIGNATURE}"),
            format!("http://127.0.0.1:10000/devstoreaccount1/devices?{SIGNATURE}"),
        ] {
            assert_eq!(open(&address, OpenedFor::BackEnd), Ok(()), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_it() {
        for address in [
            format!("devices?{SIGNATURE}"),
            format!("https://plant.blob.core.windows.net?{SIGNATURE}"),
            format!("https://plant.blob.core.windows.net/a/b/c?{SIGNATURE}"),
            format!("http://plant.example/devices?{SIGNATURE}"),
            format!("ftp://plant.example/devices?{SIGNATURE}"),
            "https://plant.blob.core.windows.net/devices".to_owned(),
            "https://plant.blob.core.windows.net/devices?sp=rwd".to_owned(),
        ] {
            let error = open(&address, OpenedFor::BackEnd).unwrap_err();

            assert!(matches!(error, ContainerError::Address(_)), "{address}");
            assert!(!error.to_string().contains("c2VjcmV0"), "{address}");
        }
    }

    #[test]
    fn folders_are_for_the_operator_alone() {
        let folder = tempfile::tempdir().unwrap();
        let address = Url::from_file_path(folder.path()).unwrap().to_string();

        assert_eq!(open(&address, OpenedFor::Operator), Ok(()));
        assert!(open(&address, OpenedFor::BackEnd).is_err());
    }

    #[test]
    fn the_hubs_own_folder_is_no_container() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        std::fs::create_dir(&own).unwrap();
        let stores = Stores::new(BlobSettings {
            own_folder: Some(own.clone()),
            ..BlobSettings::default()
        });
        let open = |path: &std::path::Path| {
            let address = Url::from_file_path(path).unwrap().to_string();
            let address = ContainerAddress::new(address);
            stores.open(&address, OpenedFor::Operator).map(drop)
        };

        assert!(matches!(open(&own), Err(ContainerError::Address(_))));
        assert_eq!(open(folder.path()), Ok(()));
    }

    #[test]
    fn back_ends_do_not_reach_neighbours_of_this_machine_unless_they_are_allowed() {
        for host in [
            "169.254.169.254",
            "0.0.0.0",
            "[fe80::1]",
            "[::]",
            "[::ffff:169.254.169.254]",
        ] {
            let address = format!("https://{host}/devices?{SIGNATURE}");

            assert!(open(&address, OpenedFor::BackEnd).is_err(), "{host}");
            assert_eq!(open(&address, OpenedFor::Operator), Ok(()), "{host}");
        }
    }

    #[test]
    fn back_ends_reach_the_hosts_that_are_allowed_and_the_operator_all() {
        let stores = Stores::new(BlobSettings {
            hosts: vec![HostPattern::parse("*.blob.core.windows.net").unwrap()],
            ..BlobSettings::default()
        });
        let open = |host: &str, by| {
            let address = format!("https://{host}/devices?{SIGNATURE}");
            stores.open(&ContainerAddress::new(address), by).map(drop)
        };

        let allowed = "plant.blob.core.windows.net";
        assert_eq!(open(allowed, OpenedFor::BackEnd), Ok(()));
        assert_eq!(open("store.plant.example", OpenedFor::Operator), Ok(()));
        for host in ["store.plant.example", "127.0.0.1", "[::1]:8443"] {
            let refused = open(host, OpenedFor::BackEnd);
            assert!(matches!(refused, Err(ContainerError::Address(_))), "{host}");
        }
    }
}
