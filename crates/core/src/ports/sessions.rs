//! The sessions port: who is connected, and how to reach them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{Mailbox, SessionNumber};
use crate::certificates::CertificateName;
use crate::ids::{HubName, IdentityId};
use crate::methods::{MethodName, MethodRequest};
use crate::policies::PolicyName;
use crate::twins::Twin;

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
    /// An authority's certificate changed, or it is gone.
    AuthorityChanged(CertificateName),
    /// Messages from the cloud may be available to an identity.
    MessagesWaiting(IdentityId),
}

impl Announcement {
    /// Whether it may take away what let a session in.
    pub fn may_revoke(&self) -> bool {
        match self {
            Announcement::IdentityChanged(_)
            | Announcement::IdentityRemoved(_)
            | Announcement::PolicyChanged(_)
            | Announcement::AuthorityChanged(_) => true,
            Announcement::DesiredChanged { .. } | Announcement::MessagesWaiting(_) => false,
        }
    }

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
    /// Messages from the cloud may be available. A hint: several may come as
    /// one, none is lost. Only for sessions that listen to messages.
    MessagesWaiting,
    /// A method is called. Only for sessions that listen to it.
    MethodCalled(Arc<MethodRequest>),
}

/// What a session listens to beyond what every session is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interests {
    /// Which methods it answers.
    pub methods: MethodInterest,
    /// Whether it takes messages from the cloud.
    pub messages: bool,
}

/// Which methods a session answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum MethodInterest {
    /// None.
    #[default]
    None,
    /// Whatever is called.
    All,
    /// These.
    Named(BTreeSet<MethodName>),
}

impl MethodInterest {
    /// Whether it covers a method.
    pub fn covers(&self, method: &MethodName) -> bool {
        match self {
            MethodInterest::None => false,
            MethodInterest::All => true,
            MethodInterest::Named(names) => names.contains(method),
        }
    }
}

/// Why a session was not told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDelivered {
    /// The identity has no session.
    #[error("the identity is not connected")]
    NotConnected,
    /// Its session does not listen to this.
    #[error("the identity's session does not listen to this")]
    NotListening,
    /// Its session has not taken what was there before.
    #[error("the identity's session has too much to take already")]
    Full,
}

/// Who vouched for a session when it was let in, beside its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sponsor {
    /// The policy whose key signed its token.
    Policy(PolicyName),
    /// The authority that stands behind its certificate.
    Authority(CertificateName),
}

impl Sponsor {
    /// Whether it is the same one, whatever the case of its name.
    pub fn is(&self, other: &Sponsor) -> bool {
        match (self, other) {
            (Sponsor::Policy(one), Sponsor::Policy(other)) => one.folded() == other.folded(),
            (Sponsor::Authority(one), Sponsor::Authority(other)) => one.folded() == other.folded(),
            (Sponsor::Policy(_), Sponsor::Authority(_))
            | (Sponsor::Authority(_), Sponsor::Policy(_)) => false,
        }
    }
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

/// Who is connected where. One session per identity.
///
/// Nothing here waits for a session: what it can't take at once is refused, or
/// ends it.
#[async_trait]
pub trait Sessions: Send + Sync + 'static {
    /// Opens a session, which listens to nothing yet. An older one of the same
    /// identity is told [`EndReason::TakenOver`]. `sponsor` is who let it in,
    /// if it was not the identity's own key or thumbprint.
    fn open(&self, hub: &HubName, id: &IdentityId, sponsor: Option<Sponsor>) -> Mailbox;

    /// Tells the sessions that an announcement concerns.
    fn announce(&self, hub: &HubName, announcement: &Announcement);

    /// How many announcements came that may have taken away what let a session
    /// in. It moves before any session is told: what was read while it stood
    /// still, with a session opened behind it, needs no second look.
    fn revocations(&self) -> u64;

    /// Hands a method call to the identity's session, behind what it was told
    /// before, and says which session that is. On an error it was certainly not
    /// told.
    async fn call(
        &self,
        hub: &HubName,
        id: &IdentityId,
        request: Arc<MethodRequest>,
    ) -> Result<SessionNumber, NotDelivered>;

    /// Returns once the identity has a session that listens to the method:
    /// at once if it has, else woken by the session that begins to listen.
    /// Who is told may come too late all the same. Safe to cancel.
    async fn listening(&self, hub: &HubName, id: &IdentityId, method: &MethodName);

    /// Whether the identity has a session now.
    fn is_connected(&self, hub: &HubName, id: &IdentityId) -> bool;

    /// Whether that session is the identity's session now: opened, not ended,
    /// not taken over.
    fn is_current(&self, hub: &HubName, id: &IdentityId, session: SessionNumber) -> bool;

    /// How many devices (not modules) have a session now.
    fn connected_devices(&self, hub: &HubName) -> u64;

    /// Ends every session.
    fn end_all(&self, reason: EndReason);
}
