//! How a connection takes its identity's place.

use std::sync::{Arc, Mutex, PoisonError};

use crate::access::DevicePermit;
use crate::ports::{Mailbox, Sessions};
use crate::presence::{ConnectionEntry, PresenceBook};

/// The way into a hub for whoever was let in.
pub struct Connections {
    sessions: Arc<dyn Sessions>,
    presence: Arc<PresenceBook>,
    /// Held while a connection enters.
    entering: Mutex<()>,
}

/// A moment before somebody was let in: see [`Connections::enter`].
#[derive(Debug, Clone, Copy)]
pub struct Before(u64);

/// A connection in its identity's place. Dropping it leaves the place.
pub struct Connected {
    /// What it is told.
    pub mailbox: Mailbox,
    /// Its line among those who are connected.
    pub presence: ConnectionEntry,
    /// Whether what let it in may have been taken away before it could be
    /// told: then it must be checked again.
    pub in_doubt: bool,
}

impl Connections {
    /// Connections that `sessions` and `presence` know of.
    pub fn new(sessions: Arc<dyn Sessions>, presence: Arc<PresenceBook>) -> Self {
        Connections {
            sessions,
            presence,
            entering: Mutex::new(()),
        }
    }

    /// To be asked before somebody is let in.
    pub fn before(&self) -> Before {
        Before(self.sessions.revocations())
    }

    /// Takes the identity's place; an older connection of it is told to end.
    ///
    /// In one step: otherwise, of two that come at once, the one that stays
    /// may not be the one that is shown as connected.
    pub fn enter(&self, permit: &DevicePermit, before: Before) -> Connected {
        let (hub, id) = (permit.hub().name(), permit.id());
        let _one_at_a_time = self.entering.lock().unwrap_or_else(PoisonError::into_inner);
        let mailbox = self.sessions.open(hub, id, permit.sponsor());
        // Policies and authorities are announced before they change in memory.
        let undisturbed = permit.sponsor().is_none() && self.sessions.revocations() == before.0;
        Connected {
            mailbox,
            presence: self.presence.connected(hub, id, permit.generation()),
            in_doubt: !undisturbed,
        }
    }
}
