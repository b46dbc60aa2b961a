//! Blob containers: Azure's, by an address with a shared access signature,
//! and folders of this machine.
//!
//! [`Stores`] is core's port for containers, over `object_store`. Nothing of
//! an address with its signature gets into an error or a log.
//!
//! | Module | What it holds |
//! |---|---|
//! | `address` | what an address means, and who may use it |
//! | `hosts` | the hosts that addresses may name |
//! | `client` | the HTTP client, whom it trusts, and how long it waits |
//! | `container` | what a container can be asked for |
//! | `reader` | reading a blob as its bytes come |
//! | `writer` | writing |
//! | `folder` | folders: what is written for the owner alone, and the hub's own |
//! | `spool` | what waits for a slow container |
//! | `errors` | what went wrong, in core's words |

mod address;
mod client;
mod container;
mod errors;
mod folder;
mod hosts;
mod reader;
mod spool;
mod writer;

pub use address::{BlobSettings, Stores};
pub use client::{Authorities, InvalidAuthorities, TimeLimits};
pub use hosts::{HostPattern, InvalidHost};
