//! What is measured: a hub, or another server of MQTT or AMQP beside it.
//!
//! Devices of a hub exist and have tokens. Another server knows one user with
//! a password, or lets everybody in. Both are given the same topics.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use indicatif::ProgressBar;
use rustls::{ClientConfig, pki_types::ServerName};
use twinhub_mqtt_codec::{Connect, Packet};

use crate::{
    fleet::Fleet,
    hub::{Hub, HubArgs},
    process::Process,
    tls::credulous,
};

/// What SDKs use, four minutes; runs are shorter than one and a half of it.
const KEEP_ALIVE: u16 = 240;
/// An address of loopback has some 28,000 ports for each other one.
pub const CONNECTIONS_PER_SOURCE: usize = 20_000;
/// The name that other servers are asked for.
const BROKER_NAME: &str = "localhost";

/// Which server.
#[derive(Debug, clap::Args)]
pub struct TargetArgs {
    #[command(flatten)]
    hub: HubArgs,
    /// Another server of MQTT or AMQP, instead of a hub
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with_all = ["data_dir", "login"])]
    broker: Option<SocketAddr>,
    /// With --broker: the user
    #[arg(long, value_name = "NAME", requires = "broker")]
    user: Option<String>,
    /// With --broker: the user's password
    #[arg(long, value_name = "WORD", requires = "user")]
    password: Option<String>,
    /// With --broker: without TLS
    #[arg(long, requires = "broker")]
    plain: bool,
}

/// A server that speaks MQTT or AMQP.
pub struct Target {
    kind: Kind,
    mqtt: SocketAddr,
    amqp: SocketAddr,
    server_name: ServerName<'static>,
    tls: Option<Arc<ClientConfig>>,
    process: Option<Process>,
}

enum Kind {
    Hub(Hub),
    Broker {
        user: Option<String>,
        password: Option<String>,
    },
}

impl TargetArgs {
    /// The server that they name.
    pub async fn find(&self) -> anyhow::Result<Target> {
        let Some(address) = self.broker else {
            let hub = self.hub.find().await?;
            return Ok(Target {
                mqtt: hub.mqtts(),
                amqp: hub.amqps(),
                server_name: ServerName::try_from(hub.hostname().to_owned())?,
                tls: Some(credulous()?),
                process: hub.process(),
                kind: Kind::Hub(hub),
            });
        };
        Ok(Target {
            mqtt: address,
            amqp: address,
            server_name: ServerName::try_from(BROKER_NAME)?,
            tls: if self.plain { None } else { Some(credulous()?) },
            process: self.hub.process(),
            kind: Kind::Broker {
                user: self.user.clone(),
                password: self.password.clone(),
            },
        })
    }
}

impl Target {
    /// Makes the clients of `fleet` known, if the server has to know them.
    pub async fn admit(&self, fleet: &Fleet) -> anyhow::Result<()> {
        match &self.kind {
            Kind::Hub(hub) => fleet.create(hub, &ProgressBar::hidden()).await,
            Kind::Broker { .. } => Ok(()),
        }
    }

    /// The hub, if it is one.
    pub fn hub(&self) -> Option<&Hub> {
        match &self.kind {
            Kind::Hub(hub) => Some(hub),
            Kind::Broker { .. } => None,
        }
    }

    /// Where it speaks MQTT.
    pub fn mqtt(&self) -> SocketAddr {
        self.mqtt
    }

    /// Where it speaks AMQP.
    pub fn amqp(&self) -> SocketAddr {
        self.amqp
    }

    /// The name that it is called by.
    pub fn host(&self) -> &str {
        match &self.kind {
            Kind::Hub(hub) => hub.hostname(),
            Kind::Broker { .. } => BROKER_NAME,
        }
    }

    /// The user and the password that another server asks for.
    pub fn login(&self) -> Option<(&str, &str)> {
        match &self.kind {
            Kind::Hub(_) => None,
            Kind::Broker { user, password } => Some((user.as_deref()?, password.as_deref()?)),
        }
    }

    /// An address to connect from. On loopback it moves on with `index`,
    /// because each has only so many ports.
    pub fn source(&self, index: usize) -> anyhow::Result<Option<SocketAddr>> {
        let IpAddr::V4(ip) = self.mqtt.ip() else {
            return Ok(None);
        };
        if !ip.is_loopback() {
            return Ok(None);
        }
        let last = u8::try_from(1 + index / CONNECTIONS_PER_SOURCE)
            .context("more connections than loopback addresses are set aside for")?;
        Ok(Some(SocketAddr::from(([127, 0, 0, last], 0))))
    }

    /// How to speak TLS with it, unless it has none.
    pub fn tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref()
    }

    /// The name to ask for in TLS.
    pub fn server_name(&self) -> ServerName<'static> {
        self.server_name.clone()
    }

    /// Its process, if it is known.
    pub fn process(&self) -> Option<Process> {
        self.process
    }

    /// The CONNECT that lets `client` in.
    pub fn introduction(&self, client: &str) -> Connect {
        let (username, password) = match &self.kind {
            Kind::Hub(hub) => {
                let host = hub.hostname();
                let token = hub.token(&format!("{host}/devices/{client}"));
                let user = format!("{host}/{client}/?api-version=2021-04-12");
                (Some(user), Some(token))
            }
            Kind::Broker { user, password } => (user.clone(), password.clone()),
        };
        Connect {
            client_id: client.into(),
            clean_session: true,
            keep_alive: KEEP_ALIVE,
            will: None,
            username: username.map(Into::into),
            password: password.map(Bytes::from),
        }
    }

    /// The same as bytes.
    pub fn connect_packet(&self, client: &str) -> anyhow::Result<BytesMut> {
        let mut bytes = BytesMut::new();
        Packet::Connect(Box::new(self.introduction(client))).encode(&mut bytes)?;
        Ok(bytes)
    }
}

/// Where `client` sends its telemetry.
pub fn telemetry_topic(client: &str) -> String {
    format!("devices/{client}/messages/events/")
}
