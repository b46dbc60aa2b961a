//! The gateways, and the ports that they are served on.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use twinhub_core::access::{ClientCertificate, Peer};
use twinhub_http::{
    EventStreams, Health, MessageServices, RoutingServices, Served, StatusServices, WebSocketRoute,
};
use twinhub_portal::Portal;
use twinhub_transport::{Connection, Limits, StrangerCaps, Strangers, Tls};

use super::amqp;
use super::core::Core;
use super::installation::LocalInstallation;
use super::portal::{PortalPages, WithinProcess};
use crate::backup::HubBackups;
use crate::certificates::{ClientCertificates, ServerCertificate, may_be_a_browser, server_config};
use crate::config::{Config, Ports};
use crate::listen::{self, Listeners, Port};

/// Bound ports.
pub struct Sockets {
    https: Listeners,
    mqtts: Listeners,
    amqps: Listeners,
}

impl Sockets {
    /// Binds every port on every address; must be called within the runtime.
    pub fn bind(config: &Config) -> Result<Self, listen::ListenError> {
        let bind = |name, number| {
            let port = Port { name, number };
            let listeners = listen::bind(&config.listen, port, config.listens_by_default())?;
            tell_passed_over(&listeners.passed_over, name);
            Ok(listeners)
        };
        Ok(Sockets {
            https: bind("https", config.ports.https)?,
            mqtts: bind("mqtts", config.ports.mqtts)?,
            amqps: bind("amqps", config.ports.amqps)?,
        })
    }

    /// The numbers that were bound.
    pub fn ports(&self) -> Ports {
        Ports {
            https: self.https.port,
            mqtts: self.mqtts.port,
            amqps: self.amqps.port,
        }
    }
}

fn tell_passed_over(addresses: &[IpAddr], port: &'static str) {
    for address in addresses {
        tracing::info!(%address, port, "this machine does not have the address, it is passed over");
    }
}

/// What the operator asks of the data folder and the process.
pub struct Upkeep {
    pub backups: Arc<HubBackups>,
    pub installation: Arc<LocalInstallation>,
}

/// The gateways over core. None of them knows another.
pub struct Gateways {
    http: Arc<twinhub_http::Gateway>,
    mqtt: Arc<twinhub_mqtt::Gateway>,
    amqp: Arc<twinhub_amqp_server::Server>,
    portal: Arc<Portal>,
}

impl Gateways {
    /// Puts the gateways together; MQTT and AMQP are also served over
    /// WebSocket.
    pub async fn new(
        core: &Core,
        ports: Ports,
        health: Health,
        upkeep: Upkeep,
        portal: twinhub_portal::Settings,
        shutdown: &CancellationToken,
    ) -> Self {
        let mqtt = Arc::new(twinhub_mqtt::Gateway::new(
            twinhub_mqtt::Services {
                hubs: core.hubs.clone(),
                access: core.access.clone(),
                twins: core.twins.clone(),
                telemetry: core.telemetry.clone(),
                c2d: core.cloud_to_device.clone(),
                methods: core.methods.clone(),
                faults: core.faults.clone(),
                connection_events: core.connection_events.clone(),
                connections: core.connections.clone(),
                stored: core.stored_sessions.clone(),
                clock: core.clock.clone(),
            },
            twinhub_mqtt::Settings::default(),
        ));
        let amqp = Arc::new(amqp::server(core, ports.amqps));
        let mqtt_over_websocket = {
            let (mqtt, shutdown) = (mqtt.clone(), shutdown.clone());
            WebSocketRoute::new("mqtt", move |stream, peer, admitted| {
                let (mqtt, shutdown) = (mqtt.clone(), shutdown.clone());
                async move { mqtt.serve(stream, peer, admitted, shutdown).await }
            })
        };
        let amqp_over_websocket = {
            let (amqp, shutdown) = (amqp.clone(), shutdown.clone());
            WebSocketRoute::new("AMQPWSB10", move |stream, peer, admitted| {
                let (amqp, shutdown) = (amqp.clone(), shutdown.clone());
                async move { amqp.serve(stream, peer, admitted, shutdown).await }
            })
        };
        let api = twinhub_http::Api::new(twinhub_http::Services {
            hubs: core.hubs.clone(),
            access: core.access.clone(),
            registry: core.registry.clone(),
            twins: core.twins.clone(),
            queries: core.queries.clone(),
            methods: core.methods.clone(),
            transfers: core.transfers.clone(),
            clock: core.clock.clone(),
            messages: MessageServices {
                telemetry: core.telemetry.clone(),
                faults: core.faults.clone(),
                c2d: core.cloud_to_device.clone(),
                streams: EventStreams::new(
                    core.logs.events.clone(),
                    core.hubs.clone(),
                    core.access.clone(),
                    core.clock.clone(),
                ),
            },
            backups: upkeep.backups,
            routing: RoutingServices {
                router: core.routing.router.clone(),
                dispatcher: core.routing.dispatcher.clone(),
            },
            status: StatusServices {
                history: core.history.clone(),
                log: core.logs.events.clone(),
                installation: upkeep.installation,
                version: env!("CARGO_PKG_VERSION"),
                started: core.started,
            },
        });
        let api = Arc::new(api);
        let within_process = WithinProcess {
            api: api.clone(),
            shutdown: shutdown.clone(),
        };
        let portal = Arc::new(Portal::new(Arc::new(within_process), portal));
        let http = twinhub_http::Gateway::new(Served {
            api,
            health,
            websockets: vec![mqtt_over_websocket, amqp_over_websocket],
            pages: Some(Arc::new(PortalPages(portal.clone()))),
        })
        .await;
        Gateways {
            http,
            mqtt,
            amqp,
            portal,
        }
    }

    /// The portal, which makes one-time links to itself.
    pub fn portal(&self) -> Arc<Portal> {
        self.portal.clone()
    }

    /// Serves every socket in a task of its own, until `shutdown`. Peers that
    /// have not authenticated get a share of the `open_files` allowed.
    pub fn spawn(
        self,
        sockets: Sockets,
        open_files: u64,
        certificate: Arc<ServerCertificate>,
        shutdown: &CancellationToken,
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<()> {
        let https = |clients| server_config(certificate.clone(), &["http/1.1"], clients);
        let https = Tls::ByHello {
            is_some: may_be_a_browser,
            some: https(ClientCertificates::NotAsked)?,
            others: https(ClientCertificates::Asked)?,
        };
        // Without ALPN, and with a client's certificate if it has one.
        let asked = Tls::Alike(server_config(certificate, &[], ClientCertificates::Asked)?);
        let mut doors = Doors {
            strangers: Strangers::new(StrangerCaps::within(open_files)),
            shutdown,
            tasks,
        };
        let (http, stop) = (self.http.clone(), shutdown.clone());
        doors.open(sockets.https, https, move |stream, peer, admitted| {
            http.clone().serve(stream, peer, admitted, stop.clone())
        });
        let (mqtt, stop) = (self.mqtt, shutdown.clone());
        doors.open(
            sockets.mqtts,
            asked.clone(),
            move |stream, peer, admitted| {
                let (mqtt, stop) = (mqtt.clone(), stop.clone());
                async move { mqtt.serve(stream, peer, admitted, stop).await }
            },
        );
        let (amqp, stop) = (self.amqp, shutdown.clone());
        doors.open(sockets.amqps, asked, move |stream, peer, admitted| {
            let (amqp, stop) = (amqp.clone(), stop.clone());
            async move { amqp.serve(stream, peer, admitted, stop).await }
        });
        let http = self.http;
        let stop = shutdown.clone();
        tasks.spawn(async move {
            stop.cancelled().await;
            http.drained().await;
        });
        Ok(())
    }
}

/// Called once a peer has authenticated.
type Admitted = Box<dyn FnOnce() + Send>;

/// Where connections come in. All share the places of strangers.
struct Doors<'a> {
    strangers: Arc<Strangers>,
    shutdown: &'a CancellationToken,
    tasks: &'a mut JoinSet<()>,
}

impl Doors<'_> {
    /// Serves every socket of a port in a task of its own.
    fn open<F, Fut>(&mut self, port: Listeners, tls: Tls, serve: F)
    where
        F: Fn(Box<TlsStream<TcpStream>>, Peer, Admitted) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        for socket in port.sockets {
            let serve = serve.clone();
            let handle = move |connection: Connection| {
                let peer = peer_of(&connection);
                let stranger = connection.stranger;
                serve(connection.stream, peer, Box::new(move || drop(stranger)))
            };
            self.tasks.spawn(twinhub_transport::serve(
                socket,
                tls.clone(),
                self.strangers.clone(),
                Limits::default(),
                self.shutdown.clone(),
                handle,
            ));
        }
    }
}

/// Who is at the other end, with the certificate of the TLS handshake.
fn peer_of(connection: &Connection) -> Peer {
    let mut peer = Peer::at(connection.peer);
    let (_, tls) = connection.stream.get_ref();
    if let Some([leaf, sent_along @ ..]) = tls.peer_certificates() {
        match ClientCertificate::new(leaf, sent_along.iter().map(|der| der.as_ref())) {
            Ok(certificate) => peer.certificate = Some(Arc::new(certificate)),
            Err(error) => {
                tracing::debug!(peer = %peer.address, %error, "a client's certificate was passed over");
            }
        }
    }
    peer
}
