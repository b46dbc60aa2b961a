//! Import and export of the identity registry: whole fleets in and out of
//! blob containers.
//!
//! | Module | What it holds |
//! |---|---|
//! | `job` | one import or export, and what may become of it |
//! | `book` | a hub's jobs: one active at a time |
//! | `ledger` | the books of all hubs, and what the store has not taken yet |
//! | [`lines`] | the lines of the blobs, and what is said of those that failed |
//! | `waves` | which lines may be done at once |
//! | `later` | which lines wait for what comes behind them |
//! | `import`, `export` | what a job does |
//! | `running` | a job while it runs |
//! | `turn` | who may try out containers |
//! | `service` | starting, watching and cancelling jobs |
//!
//! Lines are independent and are done in the order of the file as far as it
//! can be seen: two lines about one device one after the other, a parent
//! before its children. A child that comes before its parent, and a module
//! before its device, wait for them. A line that can't be done is written to the error
//! blob and changes nothing; the job goes on, and ends completed.
//!
//! A job lives in the process that runs it. It is never resumed: one that a
//! restart finds active is failed. What an import had done until then stays,
//! and the same file can be imported again. So the addresses of containers,
//! which hold secrets, are never stored.
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-bulk-identity-mgmt>

pub use self::book::{Busy, TransferBook};
pub use self::error::{CancelTransferError, StartTransferError, TransferError};
pub use self::job::{Ended, TransferId, TransferJob, TransferKind, TransferStatus};
pub use self::service::{ExportRequest, ImportRequest, TransferView, Transfers};
pub use self::waves::Wave;

mod book;
mod error;
mod export;
mod import;
mod job;
mod later;
mod ledger;
pub mod lines;
mod progress;
mod running;
mod service;
mod turn;
mod waves;
