//! `twinhub backup`

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{access::Access, answer::Answer, failure::Failure, management::Management};

const ASK_EVERY: Duration = Duration::from_millis(200);
const COLUMNS: &[&str] = &["folder", "moment", "bytesWritten"];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub backup /backups/twinhub-2026-01-31
  twinhub restore /backups/twinhub-2026-01-31 --data-dir /var/lib/twinhub-new

The hub goes on working. The backup is of one moment: what was acknowledged
before is in it, what came later is not. It is complete once the command says
so, and the folder has a file backup.json; Ctrl-C gives it up.

It holds all keys of the hub and of its devices, and the operator token, so
keep it where only the hub's owner can read it.

Needs the data folder of the running hub, which holds the operator token.")]
pub struct Args {
    /// Folder on the hub's machine, which is missing or empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub async fn run(args: &Args, access: &Access) -> Result<Answer, Failure> {
    let management = access.management()?;
    let folder = std::path::absolute(&args.folder)?;
    let wanted = json!({ "folder": folder });
    let begun = management.backup(Method::POST, Some(&wanted)).await?;
    let mut value = until_it_ends(&management, begun).await?;
    match value["state"].as_str() {
        Some("completed") => {
            if let Some(members) = value.as_object_mut() {
                members.remove("state");
                members.remove("bytesExpected");
            }
            Ok(Answer::Documents {
                value,
                columns: COLUMNS,
            })
        }
        Some("cancelled") => Err(failed("it was cancelled, and nothing is left of it")),
        _ => Err(failed(value["error"].as_str().unwrap_or("no reason given"))),
    }
}

fn failed(why: &str) -> Failure {
    Failure::Other(anyhow::anyhow!("no backup was made: {why}"))
}

/// Shows how it goes until it is done, or given up.
async fn until_it_ends(management: &Management, begun: Value) -> Result<Value, Failure> {
    let bar = progress_bar();
    let mut status = begun;
    // One for all the time: it may come while the hub is asked.
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    let mut is_interrupted = false;
    loop {
        bar.set_length(status["bytesExpected"].as_u64().unwrap_or(0));
        bar.set_position(status["bytesWritten"].as_u64().unwrap_or(0));
        if status["state"] != "running" {
            bar.finish_and_clear();
            return Ok(status);
        }
        let method = tokio::select! {
            () = tokio::time::sleep(ASK_EVERY) => Method::GET,
            _ = &mut interrupted, if !is_interrupted => Method::DELETE,
        };
        is_interrupted |= method == Method::DELETE;
        status = management.backup(method, None).await?;
    }
}

/// A bar of bytes on standard error, if that is a terminal.
pub fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    match ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
