//! The seam between connections and what they lead to.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::context::ConnectionContext;
use crate::links::PendingLink;

/// Who serves links: the hub's devices, its back ends, its readers. One per
/// process.
pub trait Container: Send + Sync + 'static {
    /// What one new connection can attach to.
    fn nodes(&self, connection: &Arc<ConnectionContext>) -> Box<dyn Nodes>;
}

/// What one connection can attach to; lives as long as the connection.
pub trait Nodes: Send {
    /// Decides by the address whether a link belongs here. Must not wait:
    /// whether the peer may attach it is asked in the future that serves it.
    fn attach(&mut self, link: PendingLink) -> Attached;
}

/// What became of an attach.
pub enum Attached {
    /// The address belongs to somebody else.
    NotMine(PendingLink),
    /// Handed to a future that runs already, or refused.
    Served,
    /// Served by this future. It is polled in the connection's task, next to
    /// the futures of all other links: it must neither block nor compute for
    /// long. It is dropped when the connection ends.
    By(BoxFuture<'static, ()>),
}
