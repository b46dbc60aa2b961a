//! The pieces of the `twinhub` program: configuration, the data folder,
//! certificates, listening sockets, and the command line.
//!
//! This crate is the one place that names gateways and engines alike; the
//! hub's rules live in `twinhub-core`. Everything here is read, checked and
//! bound before the first port opens.

pub mod backup;
pub mod certificates;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_dir;
pub mod listen;
pub mod logging;
pub mod operator_token;
pub mod private_file;
pub mod running;
pub mod serve;
pub mod trust;
pub mod welcome;
