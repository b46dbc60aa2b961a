//! Import and export jobs as a page shows them.

use serde::Deserialize;

use crate::moment::Moment;

/// A job, as `GET /jobs` tells of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its ID.
    pub job_id: String,
    /// `import` or `export`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Azure's word for where it stands.
    pub status: String,
    /// How much of it is done, in percent.
    pub progress: u8,
    /// When it began.
    pub start_time_utc: Moment,
    /// When it ended.
    pub end_time_utc: Option<Moment>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// Whether an export leaves keys out.
    pub exclude_keys_in_export: bool,
}

impl Job {
    /// Whether it is at work.
    pub fn is_running(&self) -> bool {
        self.status == "running"
    }

    /// Whether it reads a file.
    pub fn is_import(&self) -> bool {
        self.kind == "import"
    }

    /// What it does.
    pub fn what(&self) -> &str {
        match (self.kind.as_str(), self.exclude_keys_in_export) {
            ("export", true) => "Export without keys",
            ("export", false) => "Export with keys",
            ("import", _) => "Import",
            (other, _) => other,
        }
    }

    /// How its status is coloured.
    pub fn mood(&self) -> &'static str {
        match self.status.as_str() {
            "completed" => "good",
            "failed" => "bad",
            "running" => "warn",
            _ => "",
        }
    }
}

/// Jobs, the newest first.
pub fn newest_first(mut jobs: Vec<Job>) -> Vec<Job> {
    jobs.sort_by_key(|job| std::cmp::Reverse(job.start_time_utc));
    jobs
}

/// Whether one is at work: there is one at a time.
pub fn is_busy(jobs: &[Job]) -> bool {
    jobs.iter().any(Job::is_running)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(kind: &str, status: &str, started: &str) -> Job {
        serde_json::from_value(json!({
            "jobId": started, "type": kind, "status": status, "progress": 40,
            "startTimeUtc": started, "outputBlobContainerUri": "", "failureReason": null,
            "excludeKeysInExport": kind == "export", "storageAuthenticationType": "keyBased",
            "includeConfigurations": false,
        }))
        .unwrap()
    }

    #[test]
    fn jobs_stand_with_the_newest_first() {
        let older = job("import", "completed", "2026-11-20T17:21:13.0000000Z");
        let newer = job("export", "running", "2026-11-21T17:21:13.0000000Z");

        let jobs = newest_first(vec![older, newer]);

        assert_eq!(jobs[0].what(), "Export without keys");
        assert_eq!(jobs[1].what(), "Import");
        assert!(is_busy(&jobs));
        assert!(!is_busy(&jobs[1..]));
    }
}
