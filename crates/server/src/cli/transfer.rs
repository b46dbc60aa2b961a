//! `twinhub device-identity export` and `import`

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    access::Access,
    answer::Answer,
    failure::Failure,
    hub::{Call, Hub},
};

const ASK_EVERY: Duration = Duration::from_millis(250);
/// The hub looks at the containers before it answers.
const LOOKING: Duration = Duration::from_secs(120);
const COLUMNS: &[&str] = &["jobId", "type", "status", "startTimeUtc", "endTimeUtc"];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub device-identity export --folder /backups/fleet --include-keys
  twinhub device-identity export --blob-container-uri \"$CONTAINER_SAS_URI\"

All devices and modules with their twins, as they are at one moment, are
written to devices.txt, one to a line. Without --include-keys whoever imports
it gets devices with new keys. The hub goes on working; Ctrl-C cancels.

--folder needs the data folder of the running hub, which holds the operator
token. The signature of a container must allow to read, write and delete.")]
pub struct Export {
    #[command(flatten)]
    to: To,
    /// With keys: keep it where only the hub's owner can read it
    #[arg(long, visible_alias = "ik", value_name = "BOOL", num_args = 0..=1, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set)]
    include_keys: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct To {
    /// Folder on the hub's machine, which is there
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Container of Azure Blob Storage, with its signature
    #[arg(long, visible_alias = "bcu", value_name = "URI")]
    blob_container_uri: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub device-identity import --folder /backups/fleet
  twinhub device-identity import --input-blob-container-uri \"$IN\" --output-blob-container-uri \"$OUT\"

Reads devices.txt as an export of this or of Azure's hub has it. What a line
does is in its importMode; without one, it creates or overwrites. Lines that
can't be done are told in importErrors.log, and the others are done; Ctrl-C
cancels, and what was done until then stays.

--folder needs the data folder of the running hub, which holds the operator
token.")]
pub struct Import {
    /// Folder on the hub's machine with devices.txt; importErrors.log goes there
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "input_blob_container_uri"
    )]
    folder: Option<PathBuf>,
    /// Container with devices.txt, with its signature
    #[arg(
        long,
        visible_alias = "ibcu",
        value_name = "URI",
        conflicts_with = "folder",
        requires = "output_blob_container_uri"
    )]
    input_blob_container_uri: Option<String>,
    /// Container for importErrors.log, with its signature
    #[arg(
        long,
        visible_alias = "obcu",
        value_name = "URI",
        conflicts_with = "folder"
    )]
    output_blob_container_uri: Option<String>,
}

impl Export {
    pub async fn run(&self, access: &Access) -> Result<Answer, Failure> {
        let exclude_keys = !self.include_keys;
        let started = match (&self.to.folder, &self.to.blob_container_uri) {
            (Some(folder), _) => {
                let wanted = json!({
                    "exportBlobContainerUri": uri_of(folder)?,
                    "excludeKeys": exclude_keys,
                });
                let management = access.management()?;
                management.transfer("exportDevices", &wanted).await?
            }
            (None, uri) => {
                let wanted = json!({
                    "type": "export",
                    "outputBlobContainerUri": uri,
                    "excludeKeysInExport": exclude_keys,
                });
                create(&access.hub().await?, &wanted).await?
            }
        };
        until_it_ends(&access.hub().await?, &started).await
    }
}

impl Import {
    pub async fn run(&self, access: &Access) -> Result<Answer, Failure> {
        let started = match &self.folder {
            Some(folder) => {
                let uri = uri_of(folder)?;
                let wanted = json!({
                    "inputBlobContainerUri": uri,
                    "outputBlobContainerUri": uri,
                });
                let management = access.management()?;
                management.transfer("importDevices", &wanted).await?
            }
            None => {
                let wanted = json!({
                    "type": "import",
                    "inputBlobContainerUri": self.input_blob_container_uri,
                    "outputBlobContainerUri": self.output_blob_container_uri,
                });
                create(&access.hub().await?, &wanted).await?
            }
        };
        let answer = until_it_ends(&access.hub().await?, &started).await?;
        if let Some(folder) = &self.folder {
            tell_of_failures(&folder.join("importErrors.log"));
        }
        Ok(answer)
    }
}

/// The job does not say how many lines failed, but the log does.
fn tell_of_failures(log: &Path) {
    let Ok(file) = std::fs::File::open(log) else {
        return;
    };
    let lines = std::io::BufReader::new(file).split(b'\n');
    let failed = lines.map_while(Result::ok).filter(|line| !line.is_empty());
    match failed.count() {
        0 => {}
        failed => eprintln!(
            "note: {failed} lines could not be done, see {}",
            log.display()
        ),
    }
}

async fn create(hub: &Hub, wanted: &Value) -> Result<Value, Failure> {
    hub.send(Call {
        body: Some(wanted),
        patience: LOOKING,
        ..Call::new(Method::POST, &["jobs", "create"])
    })
    .await
}

fn uri_of(folder: &Path) -> Result<String, Failure> {
    let folder = std::path::absolute(folder)?;
    let uri = url::Url::from_file_path(&folder).map_err(|()| {
        let folder = folder.display();
        Failure::Usage(format!("{folder} can't be written as a file:// URI"))
    })?;
    Ok(uri.to_string())
}

/// Shows how it goes until it has ended, or is cancelled.
async fn until_it_ends(hub: &Hub, started: &Value) -> Result<Answer, Failure> {
    let id = started["jobId"].as_str().unwrap_or_default();
    let path = ["jobs", id];
    let bar = progress_bar();
    loop {
        let method = tokio::select! {
            () = tokio::time::sleep(ASK_EVERY) => Method::GET,
            _ = tokio::signal::ctrl_c() => Method::DELETE,
        };
        let job = hub.send(Call::new(method, &path)).await?;
        bar.set_position(job["progress"].as_u64().unwrap_or(0));
        match job["status"].as_str() {
            Some("running") => {}
            Some("completed") => {
                bar.finish_and_clear();
                return Ok(Answer::Documents {
                    value: job,
                    columns: COLUMNS,
                });
            }
            Some("cancelled") => return Err(failed("it was cancelled")),
            _ => {
                return Err(failed(
                    job["failureReason"].as_str().unwrap_or("no reason given"),
                ));
            }
        }
    }
}

fn failed(why: &str) -> Failure {
    Failure::Other(anyhow::anyhow!("the job did not complete: {why}"))
}

/// A bar of percent on standard error, if that is a terminal.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(100);
    match ProgressStyle::with_template("{wide_bar} {percent} %, {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
