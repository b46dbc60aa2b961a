//! Runs the hub in the foreground until it is told to stop.

use crate::{config::Config, data_dir::DataDir};

/// Starts the hub and returns when it has drained.
pub fn run(_config: Config, _data_dir: DataDir) -> anyhow::Result<()> {
    anyhow::bail!("the hub's gateways are not wired into this build yet")
}
