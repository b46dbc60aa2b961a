//! Cloud-to-device messages: one bounded queue per device and module.
//!
//! A back end sends, and the queue holds at most [`MAX_QUEUE_DEPTH`] messages.
//! Whoever receives one locks it: nobody else is given it until it is settled
//! (completed, rejected, abandoned) or the lock runs out, and then it is
//! available again. A message that was abandoned too often is dead-lettered,
//! one whose time is over expires, and purging empties the queue; if the
//! sender asked to hear of it, each of these ends is a [`FeedbackRecord`].
//!
//! What returns `Ok` is on disk. Delivery is at least once: a receiver whose
//! lock ran out may see the message again, and is told [`SettleError::LockLost`]
//! when it settles with the old token.
//!
//! A queue goes with its identity, without feedback; a namesake that is made
//! later starts with an empty one. Feedback written before stays to be read:
//! it names the generation that it is about.
//!
//! | Module | What it holds |
//! |---|---|
//! | `message` | what is sent and what is delivered |
//! | `queue`, `turn` | the queue as a value, and what can happen to it: no store, no clock |
//! | `feedback` | records, and the batches that they are read in |
//! | `service`, `inbox`, `reports` | [`CloudToDevice`]: for back ends, for devices, for readers of feedback |
//! | `sweep` | what happens because time passes |
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-c2d>

use std::time::Duration;

pub use self::errors::{FeedbackError, PurgeError, ReceiveError, SendError, SettleError};
pub use self::feedback::{
    FeedbackBatch, FeedbackBook, FeedbackRecord, FeedbackStatus, LockedBatch, MAX_FEEDBACK_BATCH,
    NumberedFeedback,
};
pub use self::message::{
    Acknowledgement, Delivery, Holder, InvalidNewMessage, NewMessage, Settlement,
};
pub use self::queue::{Entry, Lock, Queue, QueueRecord};
pub use self::service::CloudToDevice;
pub use self::settings::{CloudToDeviceSettings, FeedbackSettings};
pub use self::token::{InvalidLockToken, LockToken};

mod errors;
mod feedback;
mod inbox;
mod message;
mod queue;
mod reports;
mod service;
mod settings;
mod sweep;
mod token;
mod turn;

/// Messages in a queue, those that are locked included.
pub const MAX_QUEUE_DEPTH: usize = 50;
/// How far ahead a message's expiry may lie.
pub const MAX_TTL: Duration = Duration::from_secs(2 * 24 * 60 * 60);
/// How long a message is locked unless the receiver says otherwise.
pub const DEFAULT_LOCK: Duration = Duration::from_secs(60);
/// The shortest lock; a receiver that asks for less gets this.
pub const MIN_LOCK: Duration = Duration::from_secs(5);
/// The longest lock; a receiver that asks for more gets this.
pub const MAX_LOCK: Duration = Duration::from_secs(300);
