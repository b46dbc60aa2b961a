//! Log lines on standard error, filtered by the `log` setting.
//!
//! Standard output belongs to what a command answers, so that it can be piped.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

/// Libraries whose lines say again, at each attempt, what the hub says of an
/// endpoint once a minute. A filter that names one brings them back.
const QUIET: &str = "async_nats=off";

/// Starts logging for the rest of the process.
///
/// `filter` is a level (`info`) or a list of targets and levels
/// (`info,twinhub_mqtt=debug`).
pub fn start(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .with_context(|| format!("the log filter {filter:?} is not valid: try log = \"info\""))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init()
        .map_err(|error| anyhow::anyhow!("logging could not start: {error}"))
}
