//! The accept loop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::{Acceptor, ClientHello};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::complaint::Complaint;
use crate::strangers::{Stranger, Strangers};

/// What strangers get.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a TLS handshake may take.
    pub handshake_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            handshake_deadline: Duration::from_secs(10),
        }
    }
}

/// How TLS is spoken with a client.
#[derive(Clone)]
pub enum Tls {
    /// With all alike.
    Alike(Arc<ServerConfig>),
    /// With some in one way, with others in another.
    ByHello {
        /// Tells by a client's first words whether it belongs to `some`.
        is_some: fn(&ClientHello<'_>) -> bool,
        /// For those.
        some: Arc<ServerConfig>,
        /// For all others.
        others: Arc<ServerConfig>,
    },
}

/// A connection whose TLS handshake is done.
pub struct Connection {
    /// The bytes. Boxed: it is moved through several nested futures, each of
    /// which would have room for it.
    pub stream: Box<TlsStream<TcpStream>>,
    /// The other end.
    pub peer: SocketAddr,
    /// Its place among the strangers: drop it once it has authenticated.
    pub stranger: Stranger,
}

/// How long to wait when the system can't accept, such as when all file
/// descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `shutdown`, then waits until each handler has
/// returned; the caller holds the deadline for that.
///
/// A stranger over the cap is dropped without a word.
pub async fn serve<F, Fut>(
    listener: TcpListener,
    tls: Tls,
    strangers: Arc<Strangers>,
    limits: Limits,
    shutdown: CancellationToken,
    handle: F,
) where
    F: Fn(Connection) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let connections = TaskTracker::new();
    let mut refusals = Complaint::default();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(times) = refusals.occasion(Instant::now()) {
                    tracing::warn!(%error, times, "could not accept a connection");
                }
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let stranger = match strangers.enter(peer.ip()) {
            Ok(stranger) => stranger,
            Err(reason) => {
                tracing::debug!(%peer, %reason, "a stranger was dropped");
                continue;
            }
        };
        let tls = tls.clone();
        let handle = handle.clone();
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            let handshake = Box::pin(shake_hands(tls, socket, limits.handshake_deadline));
            let stream = tokio::select! {
                () = shutdown.cancelled() => return,
                stream = handshake => stream,
            };
            match stream {
                Ok(stream) => {
                    handle(Connection {
                        stream,
                        peer,
                        stranger,
                    })
                    .await;
                }
                Err(error) => tracing::debug!(%peer, %error, "no TLS handshake"),
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn shake_hands(
    tls: Tls,
    socket: TcpStream,
    deadline: Duration,
) -> io::Result<Box<TlsStream<TcpStream>>> {
    socket.set_nodelay(true)?;
    timeout(deadline, accept(tls, socket))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
        .map(Box::new)
}

async fn accept(tls: Tls, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    match tls {
        Tls::Alike(config) => TlsAcceptor::from(config).accept(socket).await,
        Tls::ByHello {
            is_some,
            some,
            others,
        } => {
            let start = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
            let config = match is_some(&start.client_hello()) {
                true => some,
                false => others,
            };
            start.into_stream(config).await
        }
    }
}
