//! Who waits for an answer, and what ends the waiting.

use http::Extensions;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error_codes as codes;
use crate::refusal::Refusal;

/// What ends the waiting for an answer.
#[derive(Debug, Clone)]
pub struct Ends {
    /// The client.
    pub client_gone: CancellationToken,
    /// The hub.
    pub shutdown: CancellationToken,
}

impl Ends {
    /// Returns once either happens, with what is said then.
    pub(crate) async fn either(&self) -> Refusal {
        tokio::select! {
            () = self.client_gone.cancelled() => {
                Refusal::new(codes::CLIENT_CLOSED_REQUEST, "the client has gone away")
            }
            () = self.shutdown.cancelled() => {
                Refusal::new(codes::SERVICE_UNAVAILABLE, "the hub is stopping; call again")
            }
        }
    }
}

/// Whether whoever made a request is still there: its request carries it.
///
/// A request is carried out in a task of its own and does not end with its
/// connection, because a change must be finished. Waiting need not be.
#[derive(Clone)]
pub(crate) struct ClientGone(CancellationToken);

impl ClientGone {
    /// For a new request; the client is gone once the guard is dropped.
    pub(crate) fn watch() -> (Self, DropGuard) {
        let token = CancellationToken::new();
        (ClientGone(token.clone()), token.drop_guard())
    }

    /// For a request of somebody who is gone once this is cancelled.
    pub(crate) fn when(gone: CancellationToken) -> Self {
        ClientGone(gone)
    }

    /// Of a request that carries it.
    pub(crate) fn of(request: &Extensions) -> CancellationToken {
        let gone = request.get::<ClientGone>();
        gone.map_or_else(CancellationToken::new, |gone| gone.0.clone())
    }
}
