//! The task of one connection.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::context::ConnectionContext;
use crate::server::Server;

/// Serves a connection until it ends.
pub(crate) async fn run<S>(
    _server: &Server,
    _stream: S,
    _context: Arc<ConnectionContext>,
    _admitted: impl FnOnce() + Send,
    _shutdown: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
}
