//! The seam for pages that people look at.
//!
//! The gateway hands over whole requests below the paths that the pages serve,
//! and knows nothing of what is on them. Which pages there are is wired where
//! the gateways are.

use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use twinhub_core::access::Peer;

use crate::connection::Connection;
use crate::response::Body;

/// Pages below some paths.
pub trait Pages: Send + Sync {
    /// Whether they serve this path, as it was sent.
    fn serve(&self, path: &str) -> bool;

    /// Answers a request. It limits and reads the body itself.
    fn answer(&self, request: Request<Incoming>, visitor: Visitor)
    -> BoxFuture<'_, Response<Body>>;
}

/// Who asks for a page.
#[derive(Clone)]
pub struct Visitor {
    connection: Connection,
    gone: CancellationToken,
}

impl Visitor {
    pub(crate) fn on(connection: &Connection, gone: CancellationToken) -> Self {
        Visitor {
            connection: connection.clone(),
            gone,
        }
    }

    /// Cancelled when they go away before their request is answered.
    pub fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// The other end of the connection.
    pub fn peer(&self) -> &Peer {
        &self.connection.peer
    }

    /// The visitor has proved who they are: their connection no longer takes
    /// a stranger's place.
    pub fn admitted(&self) {
        self.connection.admitted();
    }
}
