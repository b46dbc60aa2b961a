//! The state port's contract, a behaviour per function.

pub mod activity;
pub mod announcements;
pub mod authorities;
pub mod concurrency;
pub mod consumer_groups;
pub mod counts;
pub mod documents;
pub mod feedback;
pub mod hubs;
pub mod kept_sessions;
pub mod lists;
pub mod outbox;
pub mod queues;
pub mod removal;
pub mod reopening;
pub mod routing;
pub mod transfers;
pub mod units;
