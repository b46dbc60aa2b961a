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

/// A connection in its identity's place. Dropping it leaves the place.
pub struct Connected {
    /// What it is told.
    pub mailbox: Mailbox,
    /// Its line among those who are connected.
    pub presence: ConnectionEntry,
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

    /// Takes the identity's place; an older connection of it is told to end.
    ///
    /// In one step: otherwise, of two that come at once, the one that stays
    /// may not be the one that is shown as connected.
    pub fn enter(&self, permit: &DevicePermit) -> Connected {
        let (hub, id) = (permit.hub().name(), permit.id());
        let _one_at_a_time = self.entering.lock().unwrap_or_else(PoisonError::into_inner);
        Connected {
            mailbox: self.sessions.open(hub, id, permit.sponsor()),
            presence: self.presence.connected(hub, id, permit.generation()),
        }
    }
}
