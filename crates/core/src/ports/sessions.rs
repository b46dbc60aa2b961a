//! The sessions port: who is connected, and how to reach them.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::ids::{HubName, IdentityId};
use crate::policies::PolicyName;
use crate::twins::Twin;

/// How many notices wait for a session that does not take them. One more, and
/// the session is ended with [`EndReason::TooSlow`]: it comes back and reads
/// its twin, so that nothing is lost and no memory grows.
pub const MAILBOX_CAPACITY: usize = 64;

/// What a unit of work tells live sessions.
#[derive(Debug, Clone, PartialEq)]
pub enum Announcement {
    /// A twin's desired properties changed.
    DesiredChanged {
        /// Whose twin.
        id: IdentityId,
        /// The new `$version` of the desired properties.
        version: u64,
        /// What changed: the patch, or everything after a replacement.
        patch: Arc<Value>,
    },
    /// An identity's keys, status or scope may have changed.
    IdentityChanged(IdentityId),
    /// An identity is gone.
    IdentityRemoved(IdentityId),
    /// A policy's keys or rights changed, or it is gone.
    PolicyChanged(PolicyName),
}

impl Announcement {
    /// Of a twin that was written: what devices see of it, if anything.
    pub fn of_desired(twin: &Twin, seen_by_device: Option<Value>) -> Option<Self> {
        seen_by_device.map(|patch| Announcement::DesiredChanged {
            id: twin.id.clone(),
            version: twin.desired.version,
            patch: Arc::new(patch),
        })
    }
}

/// What a session is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The twin's desired properties changed.
    DesiredChanged {
        /// The new `$version`.
        version: u64,
        /// What changed.
        patch: Arc<Value>,
    },
    /// What let the session in may no longer hold: check it again.
    CheckAgain,
}

/// Why a session must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The same identity connected anew.
    TakenOver,
    /// Its identity was removed.
    Removed,
    /// It did not take its notices.
    TooSlow,
    /// The hub is stopping.
    ShuttingDown,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EndReason::TakenOver => "taken over by a new connection",
            EndReason::Removed => "identity removed",
            EndReason::TooSlow => "notices not taken in time",
            EndReason::ShuttingDown => "hub stopping",
        })
    }
}

/// A session's end of the bus. Dropping it closes the session's entry, unless
/// a newer session has taken its place.
pub struct Mailbox {
    notices: mpsc::Receiver<Notice>,
    ended: watch::Receiver<Option<EndReason>>,
    _entry: Box<dyn Send + Sync>,
}

impl Mailbox {
    /// For engines: a mailbox over its channels; `entry` is dropped with it.
    pub fn new(
        notices: mpsc::Receiver<Notice>,
        ended: watch::Receiver<Option<EndReason>>,
        entry: Box<dyn Send + Sync>,
    ) -> Self {
        Mailbox {
            notices,
            ended,
            _entry: entry,
        }
    }

    /// The next notice, or why the session must end. The end comes first:
    /// notices still waiting are then of no use. Safe to cancel.
    pub async fn next(&mut self) -> Result<Notice, EndReason> {
        tokio::select! {
            biased;
            reason = self.ended.wait_for(Option::is_some) => {
                Err(reason.ok().and_then(|reason| *reason).unwrap_or(EndReason::ShuttingDown))
            }
            notice = self.notices.recv() => notice.ok_or(EndReason::ShuttingDown),
        }
    }
}

/// Who is connected where. One session per identity.
///
/// Nothing here waits: what a session can't take at once ends it.
pub trait Sessions: Send + Sync + 'static {
    /// Opens a session. An older one of the same identity is told
    /// [`EndReason::TakenOver`]. `policy` is the policy whose key let it in.
    fn open(&self, hub: &HubName, id: &IdentityId, policy: Option<PolicyName>) -> Mailbox;

    /// Tells the sessions that an announcement concerns.
    fn announce(&self, hub: &HubName, announcement: &Announcement);

    /// Whether the identity has a session now.
    fn is_connected(&self, hub: &HubName, id: &IdentityId) -> bool;

    /// How many devices (not modules) have a session now.
    fn connected_devices(&self, hub: &HubName) -> u64;

    /// Ends every session.
    fn end_all(&self, reason: EndReason);
}
