//! The gateway: what all connections share.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use tracing::field::Empty;
use twinhub_core::access::{Access, ClientCertificate, Peer};
use twinhub_core::c2d::CloudToDevice;
use twinhub_core::connection_events::ConnectionEvents;
use twinhub_core::connections::Connections;
use twinhub_core::faults::Faults;
use twinhub_core::hubs::Hubs;
use twinhub_core::methods::Methods;
use twinhub_core::stored_sessions::StoredSessions;
use twinhub_core::telemetry::Telemetry;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_core::twins::Twins;

use crate::end::End;
use crate::handshake::Handshake;
use crate::settings::Settings;

/// What the gateway needs of core.
pub struct Services {
    /// The hubs; the host of the user name picks one.
    pub hubs: Arc<Hubs>,
    /// Who may connect.
    pub access: Arc<Access>,
    /// Twins.
    pub twins: Arc<Twins>,
    /// Messages to the cloud.
    pub telemetry: Arc<Telemetry>,
    /// Messages from the cloud.
    pub c2d: Arc<CloudToDevice>,
    /// Method calls.
    pub methods: Arc<Methods>,
    /// Faults that messages ask for.
    pub faults: Arc<Faults>,
    /// What readers of events are told of connections.
    pub connection_events: Arc<ConnectionEvents>,
    /// The way in for whoever was let in.
    pub connections: Arc<Connections>,
    /// Subscriptions between two connections.
    pub stored: Arc<StoredSessions>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The MQTT gateway of all hubs of this process.
pub struct Gateway {
    pub(crate) services: Services,
    pub(crate) settings: Settings,
    connections: AtomicU64,
    failures: AtomicU64,
}

impl Gateway {
    /// A gateway over core's services.
    pub fn new(services: Services, settings: Settings) -> Self {
        Gateway {
            services,
            settings,
            connections: AtomicU64::new(1),
            failures: AtomicU64::new(1),
        }
    }

    /// Serves one connection until it ends; then the stream has been shut
    /// down, or is dropped.
    ///
    /// `admitted` is called once the client has authenticated, so that the
    /// transport can stop counting it among strangers. Until then nothing but
    /// one CONNECT within [`Settings::connect_deadline`] and
    /// [`Settings::max_connect`] is taken. `shutdown` closes the connection
    /// within a second.
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
        let span = tracing::info_span!(
            "mqtt",
            connection,
            peer = %peer.address,
            hub = Empty,
            identity = Empty
        );
        // A token of its own, so that waiting for it takes no shared lock.
        let shutdown = shutdown.child_token();
        self.converse(stream, peer.certificate, admitted, shutdown)
            .instrument(span)
            .await;
    }

    async fn converse<S>(
        &self,
        stream: S,
        certificate: Option<Arc<ClientCertificate>>,
        admitted: impl FnOnce() + Send,
        shutdown: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let handshake = Handshake::new(self, stream, certificate, shutdown);
        // In a box, so that what it needs is given back once it is over.
        let session = match Box::pin(handshake.finish(admitted)).await {
            Ok(session) => session,
            // Strangers can do this as often as they like.
            Err(end) => return log_at_debug(&end),
        };
        tracing::debug!("client connected");
        let end = session.run().await;
        if end.is_notable() {
            let cause = end.source().map(ToString::to_string);
            tracing::info!(reason = %end, cause, "connection closed");
        } else {
            log_at_debug(&end);
        }
    }

    /// Names one refused request for whoever asks about it.
    pub(crate) fn tracking_id(&self, now: Timestamp) -> String {
        let number = self.failures.fetch_add(1, Ordering::Relaxed);
        format!("{:X}-{number:X}", now.ticks())
    }
}

fn log_at_debug(end: &End) {
    let cause = end.source().map(ToString::to_string);
    tracing::debug!(reason = %end, cause, "connection closed");
}
