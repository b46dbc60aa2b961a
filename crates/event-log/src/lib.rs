//! A segmented append-only log, shared by partitions. It knows no hub.
//!
//! Many producers append; everything that waits is written with one flush, and
//! each producer hears once per commit how many of its records are durable.
//! Many readers read a partition forward, each at its own speed, from a
//! sequence number, an offset or a time. The oldest segments go by age and by
//! size.
//!
//! **Promises.** Sequence numbers of a partition are contiguous from 0 and are
//! never given twice, also when all of its records are gone. Records of a
//! producer keep their order. What is durable survives a crash and a power
//! cut; what is read is durable. A torn commit, which nobody was told of, is
//! cut when the log is opened; damage is found by checksum and named by segment
//! and position, when the log is opened or when the record is read.
//! **When writing fails**, all that is not durable is refused, producers are
//! told why, and the log takes records again as soon as it can write.
//!
//! **Left to others**: that one process at a time has the folder, when
//! retention runs, what time it is, and what payloads mean.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`log`](Log), [`options`](Options), `error` | the log as callers see it |
//! | [`producer`](Producer), `queue` | ways in, and what waits to be written |
//! | `writer`, `ahead` | the two threads: commits; room ahead of them |
//! | `view`, [`reader`](Record) | what is committed, and reading it |
//! | [`retention`](Retention), `recovery` | what goes, and what is found at the start |
//! | [`snapshot`](Snapshot) | a copy of one moment while the log goes on |
//! | [`inspect`] | what the bytes of a file hold, without a log |
//! | `frame`, `header`, `index`, `scan`, `disk` | bytes and files |

mod ahead;
mod disk;
mod error;
mod frame;
mod header;
mod index;
pub mod inspect;
mod log;
mod options;
mod producer;
mod queue;
mod reader;
mod recovery;
mod retention;
mod scan;
mod snapshot;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub use error::{AppendError, HeaderError, OpenError, ReadError, WriteError};
pub use frame::MAX_PAYLOAD;
pub use header::{MAX_PARTITIONS, VERSION as FORMAT};
pub use log::{Log, Partition};
pub use options::{Commit, Observer, Options};
pub use producer::Producer;
pub use reader::{Record, Start};
pub use recovery::Recovered;
pub use retention::{Dropped, Retention};
pub use snapshot::{Snapshot, SnapshotFile};
