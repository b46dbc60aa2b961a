//! What a request knows of its connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use twinhub_core::access::Peer;

use crate::linger::Allowance;
use crate::websocket::Admitted;

/// A client's connection, or the place of one for requests of this process.
#[derive(Clone)]
pub(crate) struct Connection {
    /// The other end.
    pub peer: Peer,
    /// When the hub stops, and what goes on for long must end.
    pub shutdown: CancellationToken,
    /// What may still come when the connection is closed.
    pub allowance: Allowance,
    /// The admission of the peer, which happens once.
    admission: Arc<Mutex<Option<Admitted>>>,
}

impl Connection {
    /// Of a client; `admitted` is called once it has proved who it is.
    pub fn of(peer: Peer, admitted: Admitted, shutdown: CancellationToken) -> Self {
        Connection {
            admission: Arc::new(Mutex::new(Some(admitted))),
            ..Connection::inside(peer, shutdown)
        }
    }

    /// No connection: this process asks, on behalf of `peer`.
    pub fn inside(peer: Peer, shutdown: CancellationToken) -> Self {
        Connection {
            peer,
            shutdown,
            allowance: Allowance::default(),
            admission: Arc::default(),
        }
    }

    /// The peer has proved who it is.
    pub fn admitted(&self) {
        let admitted = self.admission().take();
        if let Some(admitted) = admitted {
            admitted();
        }
    }

    /// Whether it has.
    pub fn is_admitted(&self) -> bool {
        self.admission().is_none()
    }

    fn admission(&self) -> MutexGuard<'_, Option<Admitted>> {
        self.admission
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
