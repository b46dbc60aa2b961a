//! The single-process engine: state in SQLite, events in a segmented log,
//! sessions in memory.
//!
//! [`Engine`] keeps the state port's promises with one file, `state.db`, and
//! its write-ahead log. One thread writes, in batches with one flush each; a
//! few connections read; a thread moves the log into the file.
//! [`LocalSessions`] is the sessions port for one process, [`LocalEventLog`]
//! the event port with a log for each hub.
//!
//! One process at a time: whoever opens a folder holds its lock.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`engine`](Engine) | the state port, put together from the parts below |
//! | `open`, `schema` | connections, and the tables they find |
//! | `writer`, `unit`, `counts` | group commit, and what it does to the tables |
//! | `queues` | the port's part for cloud-to-device messages |
//! | `outbox` | the port's part for events that the hub makes |
//! | `queries` | the query port |
//! | [`indexes`](IndexSettings), `documents` | which twins have which values |
//! | `point_reads`, `readers`, `checkpointer` | the other connections |
//! | `tables`, `records` | rows, and the versioned shapes in them |
//! | `snapshot` | all identities of one moment, for exports |
//! | `sessions` | who is connected |
//! | `events` | the event port, over the segmented log |
//! | `backlogs` | what waits for custom endpoints: a log for each |
//! | [`backup`](Moment) | one moment of state and events, to be copied |
//! | `metrics` | what is counted |

mod backlogs;
mod backup;
mod checkpointer;
mod counts;
mod documents;
mod engine;
mod errors;
mod events;
mod indexes;
mod metrics;
mod open;
mod outbox;
mod own_thread;
mod point_reads;
mod queries;
mod queues;
mod readers;
mod records;
mod schema;
mod sessions;
mod snapshot;
mod tables;
mod unit;
mod writer;

pub use backlogs::LocalBacklogs;
pub use backup::{BackupError, FORMATS, Formats, Moment, Part};
pub use engine::Engine;
pub use events::{EventSettings, LocalEventLog, OpenEventsError};
pub use indexes::{IndexSettings, QueryIndex};
pub use open::OpenError;
pub use sessions::LocalSessions;
