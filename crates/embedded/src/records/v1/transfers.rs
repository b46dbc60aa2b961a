//! Imports and exports.

use serde::{Deserialize, Serialize};
use twinhub_core::time::Timestamp;
use twinhub_core::transfer::{
    Ended, TransferBook, TransferId, TransferJob, TransferKind, TransferStatus,
};

use super::{DocumentRow, FORMAT};
use crate::records::{from_json, to_json};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    jobs: Vec<Job>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    id: String,
    kind: Kind,
    /// Ticks.
    started: i64,
    exclude_keys: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<End>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Import,
    Export,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    /// Ticks.
    at: i64,
    how: How,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    Completed,
    Failed,
    Cancelled,
}

pub(in crate::records) fn encode(book: &TransferBook) -> DocumentRow {
    let doc = Book {
        jobs: book.jobs.iter().map(Job::of).collect(),
    };
    DocumentRow {
        format: FORMAT,
        doc: to_json(&doc),
    }
}

pub(in crate::records) fn decode(row: &DocumentRow) -> Option<TransferBook> {
    let doc: Book = from_json(&row.doc)?;
    Some(TransferBook {
        jobs: doc.jobs.into_iter().map(Job::into_job).collect(),
    })
}

impl Job {
    fn of(job: &TransferJob) -> Self {
        Job {
            id: job.id.as_str().to_owned(),
            kind: match job.kind {
                TransferKind::Import => Kind::Import,
                TransferKind::Export => Kind::Export,
            },
            started: job.started.ticks(),
            exclude_keys: job.exclude_keys,
            end: match &job.status {
                TransferStatus::Running => None,
                TransferStatus::Ended { at, how } => Some(End::of(*at, how)),
            },
        }
    }

    fn into_job(self) -> TransferJob {
        TransferJob {
            id: TransferId::named(&self.id),
            kind: match self.kind {
                Kind::Import => TransferKind::Import,
                Kind::Export => TransferKind::Export,
            },
            started: Timestamp::from_ticks(self.started),
            exclude_keys: self.exclude_keys,
            status: self
                .end
                .map_or(TransferStatus::Running, |end| TransferStatus::Ended {
                    at: Timestamp::from_ticks(end.at),
                    how: end.into_how(),
                }),
        }
    }
}

impl End {
    fn of(at: Timestamp, how: &Ended) -> Self {
        let (how, reason) = match how {
            Ended::Completed => (How::Completed, None),
            Ended::Failed { reason } => (How::Failed, Some(reason.clone())),
            Ended::Cancelled => (How::Cancelled, None),
        };
        End {
            at: at.ticks(),
            how,
            reason,
        }
    }

    fn into_how(self) -> Ended {
        match self.how {
            How::Completed => Ended::Completed,
            How::Failed => Ended::Failed {
                reason: self.reason.unwrap_or_default(),
            },
            How::Cancelled => Ended::Cancelled,
        }
    }
}
