//! Backups: a copy of the data folder at one moment, made while the hub
//! works, and the way back.
//!
//! ```text
//! backup.json      what there is, with sizes and checksums; written last
//! format, operator-token, twinhub.toml, tls/, state/, log/
//!                  as in a data folder
//! ```
//!
//! A folder without `backup.json` is no backup, so one that was broken off
//! never looks complete. A backup holds all secrets of the hub: the keys of
//! its policies and devices, its authority's key, and the operator token.
//! Everything in it is open to the owner alone.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`manifest`] | `backup.json` |
//! | [`take`] | making one, at the running hub's side |
//! | [`restore`] | making a data folder of one |
//! | `folder` | which folder will do for one |
//! | `copy` | files with checksums; room on the disk |

mod copy;
mod folder;
pub mod manifest;
pub mod restore;
pub mod take;

pub use copy::free_space;
pub use manifest::Manifest;
pub use restore::{RestoreError, restore};
pub use take::HubBackups;
