//! Log lines on standard error, filtered by the `log` setting.
//!
//! Standard output belongs to what a command answers, so that it can be piped.
//! The last warnings and errors are also [kept](Recent).

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use self::recent::{Entry, Line, Recent};

mod recent;

/// Libraries whose lines say again, at each attempt, what the hub says of an
/// endpoint once a minute. A filter that names one brings them back.
const QUIET: &str = "async_nats=off";

/// Starts logging for the rest of the process; what is returned keeps the last
/// warnings and errors.
///
/// `filter` is a level (`info`) or a list of targets and levels
/// (`info,twinhub_mqtt=debug`).
pub fn start(filter: &str) -> anyhow::Result<&'static Recent> {
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .with_context(|| format!("the log filter {filter:?} is not valid: try log = \"info\""))?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let recent: &'static Recent = Box::leak(Box::default());
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(recent)
        .try_init()
        .map_err(|error| anyhow::anyhow!("logging could not start: {error}"))?;
    Ok(recent)
}
