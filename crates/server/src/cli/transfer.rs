//! `twinhub device-identity export` and `import`

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    access::Access,
    answer::Answer,
    failure::Failure,
    hub::{Call, Hub},
    job,
};

const ASK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub device-identity export --folder /backups/fleet --include-keys
  twinhub device-identity export --blob-container-uri \"$CONTAINER_SAS_URI\"

All devices and modules with their twins, as they are at one moment, are
written to devices.txt, one to a line. Without --include-keys whoever imports
it gets devices with new keys. The hub goes on working. Ctrl-C cancels the job;
`twinhub job` shows and cancels it from elsewhere.

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
can't be done are told in importErrors.log, and the others are done. Ctrl-C
cancels the job, and what was done until then stays; `twinhub job` shows and
cancels it from elsewhere.

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
        until_it_ends(access, self.start(access)).await
    }

    async fn start(&self, access: &Access) -> Result<Value, Failure> {
        let exclude_keys = !self.include_keys;
        if let Some(folder) = &self.to.folder {
            let wanted = json!({
                "exportBlobContainerUri": uri_of(folder)?,
                "excludeKeys": exclude_keys,
            });
            let management = access.management()?;
            return management.transfer("exportDevices", &wanted).await;
        }
        let wanted = json!({
            "type": "export",
            "outputBlobContainerUri": self.to.blob_container_uri,
            "excludeKeysInExport": exclude_keys,
        });
        create(&access.hub().await?, &wanted).await
    }
}

impl Import {
    pub async fn run(&self, access: &Access) -> Result<Answer, Failure> {
        let answer = until_it_ends(access, self.start(access)).await?;
        if let Some(folder) = &self.folder {
            tell_of_failures(&folder.join("importErrors.log"));
        }
        Ok(answer)
    }

    async fn start(&self, access: &Access) -> Result<Value, Failure> {
        if let Some(folder) = &self.folder {
            let uri = uri_of(folder)?;
            let wanted = json!({
                "inputBlobContainerUri": uri,
                "outputBlobContainerUri": uri,
            });
            let management = access.management()?;
            return management.transfer("importDevices", &wanted).await;
        }
        let wanted = json!({
            "type": "import",
            "inputBlobContainerUri": self.input_blob_container_uri,
            "outputBlobContainerUri": self.output_blob_container_uri,
        });
        create(&access.hub().await?, &wanted).await
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

/// Starts a job and shows how it goes until it has ended. Ctrl-C cancels it.
async fn until_it_ends(
    access: &Access,
    start: impl Future<Output = Result<Value, Failure>>,
) -> Result<Answer, Failure> {
    // From the beginning: one that comes while the hub is asked counts, too.
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    let started = tokio::select! {
        started = start => started?,
        _ = &mut interrupted => return Err(failed(
            "it was broken off while the hub began it: `twinhub job list` tells whether it has",
        )),
    };
    let id = started["jobId"].as_str().unwrap_or_default();
    let hub = access.hub().await?;
    let ended = tokio::select! {
        ended = watch(&hub, id) => ended,
        _ = &mut interrupted => {
            eprintln!("note: job {id} is being cancelled; Ctrl-C again leaves that to the hub");
            tokio::select! {
                cancelled = job::cancel(&hub, id) => cancelled,
                _ = tokio::signal::ctrl_c() => return Err(failed(&format!(
                    "it may still be at work, `twinhub job show --job-id {id}` tells"
                ))),
            }
        }
    };
    conclude(ended.inspect_err(|_| {
        eprintln!(
            "note: `twinhub job show --job-id {id}` tells how the job goes on, and how it ended"
        );
    })?)
}

async fn watch(hub: &Hub, id: &str) -> Result<Value, Failure> {
    let bar = progress_bar();
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        let job = hub.get(&["jobs", id]).await?;
        if job["status"] != "running" {
            bar.finish_and_clear();
            return Ok(job);
        }
        bar.set_position(job["progress"].as_u64().unwrap_or(0));
    }
}

/// What is told of a job that has ended.
fn conclude(job: Value) -> Result<Answer, Failure> {
    match (job["status"].as_str(), job["type"].as_str()) {
        (Some("completed"), _) => Ok(job::shown(job)),
        (Some("cancelled"), Some("import")) => Err(failed(
            "it was cancelled; what it had done until then stays",
        )),
        (Some("cancelled"), _) => Err(failed("it was cancelled; nothing of it is left")),
        _ => {
            let reason = job["failureReason"].as_str();
            Err(failed(reason.unwrap_or("no reason given")))
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
