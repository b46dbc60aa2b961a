//! The ports: what core asks of an engine.
//!
//! Engines implement these traits; nothing here names one. Each trait's docs
//! are its contract, and `twinhub-core`'s engine suite checks it.

mod backlogs;
mod containers;
mod event_log;
mod mailbox;
mod outbox;
mod query;
mod queues;
mod sessions;
mod snapshots;
mod store;
mod targets;

pub use backlogs::{Backlog, Backlogs, Progress};
pub use containers::{
    BlobReader, BlobWriter, Container, ContainerAddress, ContainerError, Containers, OpenedFor,
};
pub use event_log::{Busy, EventLog, LogError, PartitionState, Producer, StartPosition};
pub use mailbox::{MAILBOX_CAPACITY, Mailbox, MailboxFull, Place, Postbox, SessionNumber};
pub use outbox::{OutboxEvent, OutboxStore};
pub use query::{
    Fold, FoldPart, Parts, QueryStore, Scan, SectionRow, Slice, TwinRow, Wanted, fold_slices,
};
pub use queues::{DueQueue, FeedbackStock, OwnedQueue, QueueStore};
pub use sessions::{
    Announcement, EndReason, Interests, MethodInterest, NotDelivered, Notice, Sessions, Sponsor,
};
pub use snapshots::{Member, RegistrySnapshot, SnapshotStore};
pub use store::{
    Change, CommitError, Conflict, IdentityCounts, Record, RecordKey, Registered, Revision,
    SessionRecord, StateStore, StoreError, Stored, UnitOfWork,
};
pub use targets::{DeliveryFailure, FailureReason, Target, Targets};
