//! The state port: identities, twins, sessions, hubs, policies, transfers.

use async_trait::async_trait;

use super::{Announcement, OutboxStore, QueueStore, SessionNumber};
use crate::c2d::{FeedbackBook, FeedbackRecord, QueueRecord};
use crate::certificates::{Authority, CertificateName};
use crate::consumer_groups::{ConsumerGroup, ConsumerGroupName};
use crate::hubs::HubRecord;
use crate::identities::{DeviceIdentity, Identity, ModuleIdentity};
use crate::ids::{DeviceId, HubName, IdentityId, ModuleId};
use crate::messages::Message;
use crate::notifications::NewEvent;
use crate::policies::{Policy, PolicyName};
use crate::presence::Activity;
use crate::routing::RoutingSettings;
use crate::time::Timestamp;
use crate::transfer::TransferBook;
use crate::twins::Twin;

/// Which write a stored value stems from. Opaque, and never given twice by an
/// engine, not even for a record that was removed and made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// A value and the write it stems from.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// The write it stems from.
    pub revision: Revision,
    /// The value.
    pub value: T,
}

/// An identity as stored, with the activity last written for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered<T> {
    /// The identity.
    pub identity: Stored<T>,
    /// What was last written of its connections and activity.
    pub activity: Activity,
    /// How many messages its queue holds.
    pub queued_messages: u32,
}

/// What a gateway keeps for an identity between two connections. Its bytes
/// are the gateway's own, versioned by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Whose session it is.
    pub identity: IdentityId,
    /// What the gateway wrote.
    pub state: Vec<u8>,
}

/// Something that is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A hub.
    Hub(HubRecord),
    /// A policy.
    Policy(Policy),
    /// An authority that issues devices' certificates.
    Authority(Authority),
    /// A consumer group, other than `$Default`.
    ConsumerGroup(ConsumerGroup),
    /// A device or module identity.
    Identity(Identity),
    /// A device or module twin; its identity must exist.
    Twin(Twin),
    /// A device's or module's queue of messages; its identity must exist.
    Queue(QueueRecord),
    /// Which feedback of the hub is in which batch.
    FeedbackBook(FeedbackBook),
    /// The hub's imports and exports.
    TransferBook(TransferBook),
    /// What is set of the hub's routing.
    Routing(RoutingSettings),
}

/// What names a record within its hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordKey {
    /// The hub itself.
    Hub,
    /// A policy.
    Policy(PolicyName),
    /// An authority.
    Authority(CertificateName),
    /// A consumer group.
    ConsumerGroup(ConsumerGroupName),
    /// An identity.
    Identity(IdentityId),
    /// A twin.
    Twin(IdentityId),
    /// A queue of messages.
    Queue(IdentityId),
    /// Which feedback is in which batch.
    FeedbackBook,
    /// The imports and exports.
    TransferBook,
    /// The routing.
    Routing,
    /// A gateway's session. It has no revision: conflicts alone name it.
    Session(IdentityId),
}

impl Record {
    /// What names this record.
    pub fn key(&self) -> RecordKey {
        match self {
            Record::Hub(_) => RecordKey::Hub,
            Record::Policy(policy) => RecordKey::Policy(policy.name.clone()),
            Record::Authority(authority) => RecordKey::Authority(authority.name.clone()),
            Record::ConsumerGroup(group) => RecordKey::ConsumerGroup(group.name.clone()),
            Record::Identity(identity) => RecordKey::Identity(identity.id()),
            Record::Twin(twin) => RecordKey::Twin(twin.id.clone()),
            Record::Queue(record) => RecordKey::Queue(record.identity.clone()),
            Record::FeedbackBook(_) => RecordKey::FeedbackBook,
            Record::TransferBook(_) => RecordKey::TransferBook,
            Record::Routing(_) => RecordKey::Routing,
        }
    }
}

/// One step of a unit of work, with its precondition.
///
/// A precondition that does not hold is a [`Conflict`] over the record that is
/// not as expected: the one named, or the identity that a twin or session
/// lacks, or the hub if it does not exist. A hub is removed last: while it has
/// policies, authorities, consumer groups or identities, its removal conflicts.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Adds a record that must be absent.
    Insert(Record),
    /// Replaces a record that must be at this revision.
    Replace(Record, Revision),
    /// Removes a record that must be at this revision. An identity takes its
    /// twin, session, activity, queue and the messages in it along, whatever
    /// their revisions; a hub takes its feedback, transfers, routing and outbox
    /// along. A device does not take its modules along: name them.
    Remove(RecordKey, Revision),
    /// Moves a record that must be at this revision to a new one, unchanged.
    /// Two units of work that fence the same record can't both succeed.
    Fence(RecordKey, Revision),
    /// Writes a gateway's session, whatever was there; its identity must exist,
    /// and the session that writes must be the identity's current one.
    PutSession(SessionRecord, SessionNumber),
    /// Removes a gateway's session, if there is one; the session that removes
    /// must be the identity's current one.
    RemoveSession(IdentityId, SessionNumber),
    /// Adds a message to an identity's queue, which must exist and not hold a
    /// message of that number.
    PutMessage(IdentityId, u64, Message),
    /// Removes a message from an identity's queue, if it is there.
    RemoveMessage(IdentityId, u64),
    /// Appends feedback; the engine numbers it, in the order of the commits.
    AppendFeedback(FeedbackRecord),
    /// Removes what there is of the feedback from `first` to `last`.
    RemoveFeedback {
        /// The first number to go.
        first: u64,
        /// The last number to go.
        last: u64,
    },
    /// Removes the feedback that was appended at `before` or earlier, and of
    /// the rest all but the newest `keep`.
    TrimFeedback {
        /// Too old.
        before: Timestamp,
        /// How many may stay.
        keep: u64,
    },
}

/// Changes that happen together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitOfWork {
    /// The hub they happen in.
    pub hub: HubName,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What live sessions are told once the changes are durable.
    pub announcements: Vec<Announcement>,
    /// What goes into the hub's outbox with the changes, in order.
    pub events: Vec<NewEvent>,
}

impl UnitOfWork {
    /// Changes that nobody is told of.
    pub fn new(hub: HubName, changes: Vec<Change>) -> Self {
        UnitOfWork {
            hub,
            changes,
            announcements: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The same changes, and what sessions are told of them.
    pub fn announcing(mut self, announcements: Vec<Announcement>) -> Self {
        self.announcements = announcements;
        self
    }

    /// The same changes, and the events that they make.
    pub fn with_events(mut self, events: Vec<NewEvent>) -> Self {
        self.events = events;
        self
    }
}

/// How many identities a hub has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdentityCounts {
    /// Devices that may connect.
    pub enabled_devices: u64,
    /// Devices that may not.
    pub disabled_devices: u64,
    /// Modules of all devices.
    pub modules: u64,
}

impl IdentityCounts {
    /// All devices.
    pub fn devices(self) -> u64 {
        self.enabled_devices + self.disabled_devices
    }
}

/// A change whose precondition did not hold; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not what the change expected")]
pub struct Conflict(pub RecordKey);

/// Why a unit of work was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A precondition did not hold; nothing was written. Read and decide again.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The engine failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    message: String,
    kind: StoreErrorKind,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What a failure means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoreErrorKind {
    NotWritten,
    InDoubt,
    Corrupt,
    Closed,
}

impl StoreError {
    /// A failure before anything was written.
    pub fn not_written(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        StoreError {
            message: message.into(),
            kind: StoreErrorKind::NotWritten,
            source: Some(source.into()),
        }
    }

    /// A failure after which the write may or may not have happened.
    pub fn in_doubt(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        StoreError {
            kind: StoreErrorKind::InDoubt,
            ..StoreError::not_written(message, source)
        }
    }

    /// The store holds something that it should not.
    pub fn corrupt(message: impl Into<String>) -> Self {
        StoreError {
            message: message.into(),
            kind: StoreErrorKind::Corrupt,
            source: None,
        }
    }

    /// The engine is shutting down or has stopped.
    pub fn closed() -> Self {
        StoreError {
            message: "the store is closed".to_owned(),
            kind: StoreErrorKind::Closed,
            source: None,
        }
    }

    /// Whether the write certainly did not happen, so that it may be repeated.
    pub fn certainly_not_written(&self) -> bool {
        self.kind != StoreErrorKind::InDoubt
    }

    /// Whether what is stored is at fault: another try finds it as it is.
    pub fn is_corrupt(&self) -> bool {
        self.kind == StoreErrorKind::Corrupt
    }

    /// Whether the engine is shutting down or has stopped: no other try helps.
    pub fn is_closed(&self) -> bool {
        self.kind == StoreErrorKind::Closed
    }
}

/// Where the hub's state is kept.
///
/// **Durability.** `commit` returns once the unit of work is on disk.
/// **Atomicity.** All changes of a unit of work are done, or none; its events
/// are in the outbox if they are, and only then.
/// **Visibility.** What was committed is in every read that starts later.
/// **Announcements** go to the engine's [`Sessions`](super::Sessions) after
/// the commit is durable and before it returns, in the order of the commits.
/// A crash loses them; a session does not survive one either.
/// **Cancellation.** A dropped `commit` may still happen.
/// **Blocking.** Methods wait for the disk, never for a caller; a full queue
/// of commits makes `commit` wait.
#[async_trait]
pub trait StateStore: QueueStore + OutboxStore {
    /// The hubs that are stored, by name.
    async fn hubs(&self) -> Result<Vec<HubName>, StoreError>;

    /// A hub's record.
    async fn hub(&self, hub: &HubName) -> Result<Option<Stored<HubRecord>>, StoreError>;

    /// A hub's policies, by name.
    async fn policies(&self, hub: &HubName) -> Result<Vec<Stored<Policy>>, StoreError>;

    /// A hub's authorities, by name.
    async fn authorities(&self, hub: &HubName) -> Result<Vec<Stored<Authority>>, StoreError>;

    /// A hub's imports and exports; nothing before the first.
    async fn transfer_book(
        &self,
        hub: &HubName,
    ) -> Result<Option<Stored<TransferBook>>, StoreError>;

    /// What is set of a hub's routing; nothing if it never was.
    async fn routing(&self, hub: &HubName) -> Result<Option<Stored<RoutingSettings>>, StoreError>;

    /// A hub's consumer groups other than `$Default`, by name.
    async fn consumer_groups(
        &self,
        hub: &HubName,
    ) -> Result<Vec<Stored<ConsumerGroup>>, StoreError>;

    /// A device identity.
    async fn device(
        &self,
        hub: &HubName,
        device: &DeviceId,
    ) -> Result<Option<Registered<DeviceIdentity>>, StoreError>;

    /// A module identity, and the identity of its device, in one moment.
    async fn module(
        &self,
        hub: &HubName,
        device: &DeviceId,
        module: &ModuleId,
    ) -> Result<
        (
            Option<Registered<DeviceIdentity>>,
            Option<Registered<ModuleIdentity>>,
        ),
        StoreError,
    >;

    /// A device's identity and its modules by name, in one moment.
    async fn device_with_modules(
        &self,
        hub: &HubName,
        device: &DeviceId,
    ) -> Result<Option<(Registered<DeviceIdentity>, Vec<Registered<ModuleIdentity>>)>, StoreError>;

    /// Devices by ID (byte order), those after `after`, at most `limit`.
    async fn devices(
        &self,
        hub: &HubName,
        after: Option<&DeviceId>,
        limit: usize,
    ) -> Result<Vec<Registered<DeviceIdentity>>, StoreError>;

    /// A twin, and the identity it belongs to, in one moment.
    async fn twin(
        &self,
        hub: &HubName,
        id: &IdentityId,
    ) -> Result<Option<(Registered<Identity>, Stored<Twin>)>, StoreError>;

    /// How many identities there are. Cheap.
    async fn counts(&self, hub: &HubName) -> Result<IdentityCounts, StoreError>;

    /// What a gateway kept for an identity.
    ///
    /// For the identity's current session this is final: whatever sessions
    /// before it wrote is in there, and they write nothing after it.
    async fn session(
        &self,
        hub: &HubName,
        id: &IdentityId,
    ) -> Result<Option<SessionRecord>, StoreError>;

    /// Does a unit of work, durably, or none of it.
    async fn commit(&self, work: UnitOfWork) -> Result<(), CommitError>;

    /// Writes activity for identities that exist; others are skipped. Need
    /// not be durable when it returns.
    async fn record_activity(
        &self,
        hub: &HubName,
        batch: Vec<(IdentityId, Activity)>,
    ) -> Result<(), StoreError>;
}
