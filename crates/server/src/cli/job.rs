//! `twinhub job`: imports and exports, whoever started them.

use clap::ValueEnum;
use hyper::Method;
use serde_json::Value;

use super::{
    access::Access,
    answer::Answer,
    failure::Failure,
    hub::{Call, Hub},
};

const COLUMNS: &[&str] = &[
    "jobId",
    "type",
    "status",
    "progress",
    "startTimeUtc",
    "endTimeUtc",
    "failureReason",
];

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub job list --output table
  twinhub job list --job-status running
  twinhub job cancel --job-id \"$JOB\"

Jobs are the imports and exports that `twinhub device-identity import` and
`export`, the service SDKs and the portal start. A hub has one at a time, and
remembers those that have ended for thirty days.")]
pub enum Command {
    /// List jobs, the oldest first
    List(List),
    /// Show a job: where it stands, and why it failed
    #[command(after_help = "\
Examples:
  twinhub job show --job-id \"$JOB\"")]
    Show(Job),
    /// Cancel a job; one that has ended stays as it is
    #[command(after_help = "\
Examples:
  twinhub job cancel --job-id \"$JOB\"

Nothing of a cancelled export is left; what an import had done stays. The
command returns when the job does nothing any more.")]
    Cancel(Job),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub job list
  twinhub job list --job-type import --job-status failed --output table
  twinhub job list --top 5")]
pub struct List {
    /// Only jobs of this kind
    #[arg(long, visible_alias = "jt", value_enum)]
    job_type: Option<Kind>,
    /// Only jobs that stand there
    #[arg(long, visible_alias = "js", value_enum)]
    job_status: Option<Status>,
    /// How many at most: the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    top: Option<u16>,
}

#[derive(Debug, clap::Args)]
pub struct Job {
    /// Job, as its start and `twinhub job list` tell it
    #[arg(long, value_name = "ID")]
    job_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Identities into the hub
    Import,
    /// Identities out of the hub
    Export,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    /// It is at work
    Running,
    /// It is done; lines of an import may have failed
    Completed,
    /// It could not go on
    Failed,
    /// Somebody cancelled it
    Cancelled,
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    let hub = access.hub().await?;
    let value = match command {
        Command::List(list) => list.of(hub.get(&["jobs"]).await?),
        Command::Show(job) => hub.get(&job.path()).await?,
        Command::Cancel(job) => cancel(&hub, &job.job_id).await?,
    };
    Ok(shown(value))
}

/// Cancels a job; returns it when it does nothing any more.
pub async fn cancel(hub: &Hub, id: &str) -> Result<Value, Failure> {
    hub.send(Call::new(Method::DELETE, &["jobs", id])).await
}

/// A job or some, as they are printed.
pub fn shown(value: Value) -> Answer {
    Answer::Documents {
        value,
        columns: COLUMNS,
    }
}

impl Job {
    fn path(&self) -> [&str; 2] {
        ["jobs", &self.job_id]
    }
}

impl List {
    fn of(&self, jobs: Value) -> Value {
        let Value::Array(mut jobs) = jobs else {
            return jobs;
        };
        let is = |job: &Value, member: &str, wanted: Option<String>| {
            wanted.is_none_or(|wanted| job[member] == *wanted)
        };
        jobs.retain(|job| {
            is(job, "type", self.job_type.map(name)) && is(job, "status", self.job_status.map(name))
        });
        let too_many = jobs
            .len()
            .saturating_sub(self.top.map_or(usize::MAX, usize::from));
        jobs.drain(..too_many);
        Value::Array(jobs)
    }
}

/// The hub's word, which is the command line's.
fn name(value: impl ValueEnum) -> String {
    let word = value.to_possible_value();
    word.map_or_else(String::new, |word| word.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(job_type: Option<Kind>, job_status: Option<Status>, top: Option<u16>) -> Vec<u64> {
        let jobs = json!([
            {"jobId": 1, "type": "import", "status": "failed"},
            {"jobId": 2, "type": "export", "status": "completed"},
            {"jobId": 3, "type": "import", "status": "completed"},
            {"jobId": 4, "type": "export", "status": "running"},
        ]);
        let list = List {
            job_type,
            job_status,
            top,
        };
        let Value::Array(jobs) = list.of(jobs) else {
            panic!("it is a list");
        };
        jobs.iter()
            .filter_map(|job| job["jobId"].as_u64())
            .collect()
    }

    #[test]
    fn jobs_are_chosen_by_kind_and_status_and_the_newest_stay() {
        assert_eq!(listed(None, None, None), [1, 2, 3, 4]);
        assert_eq!(listed(Some(Kind::Import), None, None), [1, 3]);
        assert_eq!(listed(None, Some(Status::Completed), None), [2, 3]);
        let both = listed(Some(Kind::Export), Some(Status::Running), None);
        assert_eq!(both, [4]);
        assert_eq!(listed(None, None, Some(2)), [3, 4]);
        assert_eq!(listed(Some(Kind::Import), None, Some(1)), [3]);
    }
}
