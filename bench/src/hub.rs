//! The hub that is measured: where it is and what lets us in.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail, ensure};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use twinhub_sas::{ConnectionString, Credential, SasToken, SigningKey};

use crate::{https::HttpsConnection, process::Process, running::Running};

const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Which hub.
#[derive(Debug, clap::Args)]
pub struct HubArgs {
    /// Data folder of the running hub
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Connection string of a policy with all rights, instead of a data folder
    #[arg(
        long,
        value_name = "CONNECTION_STRING",
        conflicts_with = "data_dir",
        requires = "ca"
    )]
    login: Option<String>,
    /// With --login: the certificates to trust, PEM
    #[arg(long, value_name = "FILE", requires = "login")]
    ca: Option<PathBuf>,
    /// With --login: the port of MQTT over TLS
    #[arg(long, value_name = "PORT", default_value_t = 8883)]
    mqtts_port: u16,
    /// With --login: the port of AMQP over TLS
    #[arg(long, value_name = "PORT", default_value_t = 5671)]
    amqps_port: u16,
    /// Without --data-dir: the server's process, if it runs on this machine
    #[arg(long, value_name = "PID", conflicts_with = "data_dir")]
    pid: Option<u32>,
}

/// A hub, and a policy that may do everything.
pub struct Hub {
    hostname: String,
    /// Its name: with a login, the first label of the host name.
    name: String,
    https: SocketAddr,
    mqtts: SocketAddr,
    amqps: SocketAddr,
    process: Option<Process>,
    tls: TlsConnector,
    policy: String,
    key: SigningKey,
    /// The operator token, with a data folder.
    operator: Option<String>,
}

/// A policy as the management API lists it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    key_name: String,
    primary_key: String,
}

#[derive(Deserialize)]
struct Policies {
    value: Vec<Policy>,
}

impl HubArgs {
    /// The hub that they name.
    pub async fn find(&self) -> anyhow::Result<Hub> {
        match (&self.data_dir, &self.login, &self.ca) {
            (Some(data_dir), ..) => Hub::of_folder(data_dir).await,
            (None, Some(login), Some(ca)) => self.of_login(login, ca).await,
            _ => bail!("name a hub with --data-dir, or with --login and --ca"),
        }
    }

    /// The process that --pid names.
    pub fn process(&self) -> Option<Process> {
        self.pid.map(Process::of_id)
    }

    async fn of_login(&self, login: &str, ca: &Path) -> anyhow::Result<Hub> {
        let login = ConnectionString::parse(login).context("--login")?;
        let policy = login
            .policy_name()
            .context("--login has no SharedAccessKeyName")?;
        let Credential::SharedAccessKey(key) = login.credential() else {
            bail!("--login has no SharedAccessKey");
        };
        let (hostname, port) = match login.host_name().rsplit_once(':') {
            Some((hostname, port)) => (hostname, port.parse().context("--login")?),
            None => (login.host_name(), 443),
        };
        let address = tokio::net::lookup_host((hostname, port))
            .await?
            .next()
            .with_context(|| format!("{hostname} has no address"))?;
        Ok(Hub {
            hostname: hostname.to_owned(),
            https: address,
            name: hostname.split('.').next().unwrap_or(hostname).to_owned(),
            mqtts: SocketAddr::new(address.ip(), self.mqtts_port),
            amqps: SocketAddr::new(address.ip(), self.amqps_port),
            process: self.process(),
            tls: trusting(ca)?,
            policy: policy.to_owned(),
            key: SigningKey::from_base64(key)?,
            operator: None,
        })
    }
}

impl Hub {
    async fn of_folder(data_dir: &Path) -> anyhow::Result<Self> {
        let running = Running::read(data_dir)?;
        let token_file = data_dir.join("operator-token");
        let token = std::fs::read_to_string(&token_file)
            .with_context(|| format!("could not read {}", token_file.display()))?;
        let hostname = running
            .hostnames
            .first()
            .context("the hub has no host name")?
            .clone();
        let https = SocketAddr::new(running.address, running.ports.https);
        let tls = trusting(&running.ca)?;
        let operator = format!("Bearer {}", token.trim());
        let stream = connect(&tls, &hostname, https).await?;
        let mut management = HttpsConnection::new(stream, &hostname, &operator);
        let path = resource(&running.hub, "/listkeys");
        let answer = management.send("POST", &path, "", b"").await?;
        ensure!(answer.is_success(), "the hub gives no keys: {answer}");
        let policies: Policies = serde_json::from_slice(&answer.body)?;
        let owner = policies
            .value
            .into_iter()
            .find(|policy| policy.key_name == "iothubowner")
            .context("the hub has no policy iothubowner")?;
        Ok(Self {
            mqtts: SocketAddr::new(running.address, running.ports.mqtts),
            amqps: SocketAddr::new(running.address, running.ports.amqps),
            name: running.hub,
            process: Some(Process::of_id(running.pid)),
            key: SigningKey::from_base64(&owner.primary_key)?,
            policy: owner.key_name,
            operator: Some(operator),
            hostname,
            https,
            tls,
        })
    }

    /// The name that the hub answers to.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The hub's process, if it is known.
    pub fn process(&self) -> Option<Process> {
        self.process
    }

    /// A connection to the REST API, with the right to everything.
    pub async fn https(&self) -> anyhow::Result<HttpsConnection> {
        let stream = connect(&self.tls, &self.hostname, self.https).await?;
        let token = self.token(&self.hostname);
        Ok(HttpsConnection::new(stream, &self.hostname, &token))
    }

    /// A connection to the management API; only of a hub with a data folder.
    pub async fn management(&self) -> anyhow::Result<HttpsConnection> {
        let operator = self.operator.as_deref();
        let operator = operator.context("this needs a hub that --data-dir names")?;
        let stream = connect(&self.tls, &self.hostname, self.https).await?;
        Ok(HttpsConnection::new(stream, &self.hostname, operator))
    }

    /// The path of the hub in the management API.
    pub fn resource(&self) -> String {
        resource(&self.name, "")
    }

    /// Its name, which is also that of its event hub.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it speaks AMQP.
    pub fn amqps(&self) -> SocketAddr {
        self.amqps
    }

    /// Where it speaks MQTT.
    pub fn mqtts(&self) -> SocketAddr {
        self.mqtts
    }

    /// A token of the policy for `resource`.
    pub fn token(&self, resource: &str) -> String {
        let expiry = unix_seconds() + TOKEN_LIFE.as_secs();
        SasToken::sign(resource, &self.key, Some(&self.policy), expiry)
    }
}

fn resource(hub: &str, operation: &str) -> String {
    format!(
        "/subscriptions/local/resourceGroups/local/providers/Microsoft.Devices/IotHubs/{hub}{operation}?api-version=2023-06-30"
    )
}

/// Seconds since 1970: tokens end by them, and names made of them are new.
pub fn unix_seconds() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this program has no other clock to be given"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// TLS that trusts the certificates of `ca`. Each handshake is a whole one, as
/// that of a device that comes for the first time.
pub fn trusting(ca: &Path) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca)
        .with_context(|| format!("could not read {}", ca.display()))?;
    for certificate in certificates {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A TLS connection to `address`, whose certificate bears `hostname`.
pub async fn connect(
    tls: &TlsConnector,
    hostname: &str,
    address: SocketAddr,
) -> anyhow::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address)
        .await
        .with_context(|| format!("no hub answers on {address}"))?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(hostname.to_owned())?;
    tls.connect(name, tcp)
        .await
        .with_context(|| format!("no TLS with {hostname} on {address}"))
}
