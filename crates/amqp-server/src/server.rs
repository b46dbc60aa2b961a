//! What all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use twinhub_core::access::{Access, Peer};
use twinhub_core::hubs::Hubs;
use twinhub_core::time::Clock;

use crate::connection;
use crate::container::Container;
use crate::context::ConnectionContext;
use crate::credentials::Credentials;
use crate::links::Limits;
use crate::metrics::{LinkMetrics, OpenConnection};

/// What the server needs of core.
pub struct Services {
    /// The hubs; a connection's host or its first token picks one.
    pub hubs: Arc<Hubs>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The limits of connections, with defaults that suit every SDK.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The engine's: frames, sessions, links, idle time.
    pub engine: twinhub_amqp_engine::Settings,
    /// How long a peer may go without a credential that counts: 20 s, from the
    /// beginning and again once its last token has expired.
    pub stranger_deadline: Duration,
    /// How many tokens a connection may hold: 2048. Gateways multiplex a
    /// thousand devices on one.
    pub max_tokens: usize,
    /// How many bytes of deliveries may wait for the links' futures: 1 MiB.
    /// With more, the peer is not read.
    pub max_untaken: usize,
    /// How many bytes may wait to be written until links stop sending: 256 KiB.
    pub high_water: usize,
    /// How many bytes may wait to be written until the peer is not read any
    /// more: 1 MiB. What it says may call for an answer.
    pub max_unwritten: usize,
    /// The most of each of these while the peer has shown no credential that
    /// counts: 64 KiB.
    pub stranger_bytes: usize,
    /// How long a peer may leave unread what was written to it: 60 s.
    pub write_deadline: Duration,
    /// How long an ended connection may take to say goodbye: 1 s.
    pub close_deadline: Duration,
    /// How long the links' futures may take to finish once their links are
    /// gone: 2 s.
    pub finish_deadline: Duration,
}

impl Settings {
    /// What a peer may have whose credential counts.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_untaken: self.max_untaken,
            // Room for whole frames, however they come.
            max_unread: 4 * self.largest_frame(),
            high_water: self.high_water,
            max_unwritten: self.max_unwritten,
        }
    }

    /// What any other peer may have.
    pub(crate) fn strangers_limits(&self) -> Limits {
        let most = |limit: usize| limit.min(self.stranger_bytes);
        Limits {
            max_untaken: most(self.max_untaken),
            max_unread: self.largest_frame(),
            high_water: most(self.high_water),
            max_unwritten: most(self.max_unwritten),
        }
    }

    fn largest_frame(&self) -> usize {
        usize::try_from(self.engine.max_frame_size).unwrap_or(usize::MAX / 4)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            engine: twinhub_amqp_engine::Settings::default(),
            stranger_deadline: Duration::from_secs(20),
            max_tokens: 2048,
            max_untaken: 1024 * 1024,
            high_water: 256 * 1024,
            max_unwritten: 1024 * 1024,
            stranger_bytes: 64 * 1024,
            write_deadline: Duration::from_secs(60),
            close_deadline: Duration::from_secs(1),
            finish_deadline: Duration::from_secs(2),
        }
    }
}

/// Serves AMQP connections.
pub struct Server {
    services: Services,
    containers: Vec<Arc<dyn Container>>,
    pub(crate) settings: Settings,
    metrics: LinkMetrics,
    connections: AtomicU64,
    failures: Arc<AtomicU64>,
}

impl Server {
    /// A server of what `containers` have; asked in this order.
    pub fn new(
        services: Services,
        containers: Vec<Arc<dyn Container>>,
        settings: Settings,
    ) -> Self {
        Server {
            services,
            containers,
            settings,
            metrics: LinkMetrics::new(),
            connections: AtomicU64::new(1),
            failures: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Serves one connection until it ends; then the stream has been shut
    /// down, or is dropped.
    ///
    /// `admitted` is called once the peer has shown a credential that counts,
    /// so that the transport can stop counting it among strangers. Until then
    /// it may do little, and not for long: see [`Settings`]. `shutdown` closes
    /// the connection within a second, and a moment later ends the futures of
    /// its links.
    pub async fn serve<S>(
        &self,
        stream: S,
        peer: Peer,
        admitted: impl FnOnce() + Send,
        shutdown: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        let span = tracing::info_span!("amqp", connection, peer = %peer.address);
        let _counted = OpenConnection::count();
        // A token of its own, so that waiting for it takes no shared lock.
        let shutdown = shutdown.child_token();
        let context = Arc::new(self.context(connection, peer));
        connection::run(self, stream, context, admitted, shutdown)
            .instrument(span)
            .await;
    }

    fn context(&self, connection: u64, peer: Peer) -> ConnectionContext {
        let Services {
            hubs,
            access,
            clock,
        } = &self.services;
        let credentials = Credentials::new(
            hubs.clone(),
            access.clone(),
            clock.clone(),
            peer.certificate,
            self.settings.max_tokens,
        );
        let failures = self.failures.clone();
        ConnectionContext::new(
            connection,
            peer.address,
            credentials,
            clock.clone(),
            failures,
        )
    }

    pub(crate) fn containers(&self) -> &[Arc<dyn Container>] {
        &self.containers
    }

    pub(crate) fn metrics(&self) -> LinkMetrics {
        self.metrics.clone()
    }
}
