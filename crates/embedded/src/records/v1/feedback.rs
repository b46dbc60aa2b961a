//! Feedback of format 1.

use serde::{Deserialize, Serialize};
use twinhub_core::c2d::{self, FeedbackStatus, Lock, LockToken};
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::time::Timestamp;

use super::FORMAT;
use crate::records::{FeedbackBookRow, FeedbackRow, from_json, to_json};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feedback {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<Box<str>>,
    status: Status,
    device: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    /// Ticks.
    generation: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Success,
    Expired,
    DeliveryCountExceeded,
    Rejected,
    Purged,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    batched_through: u64,
    batches: Vec<Batch>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    first: u64,
    last: u64,
    /// Ticks.
    made: i64,
    delivery_count: u32,
    /// The token and, in ticks, the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lock: Option<(String, i64)>,
}

pub(crate) fn encode_feedback(record: &c2d::FeedbackRecord) -> FeedbackRow {
    let module = record.identity.module_id();
    let doc = Feedback {
        message: record.original_message_id.clone(),
        status: Status::of(record.status),
        device: record.identity.device_id().to_string(),
        module: module.map(ToString::to_string),
        generation: record.generation.ticks(),
    };
    FeedbackRow {
        format: FORMAT,
        enqueued: record.enqueued.ticks(),
        doc: to_json(&doc),
    }
}

pub(crate) fn decode_feedback(row: &FeedbackRow) -> Option<c2d::FeedbackRecord> {
    let doc: Feedback = from_json(&row.doc)?;
    let device = DeviceId::parse(&doc.device).ok()?;
    let identity = match doc.module {
        Some(module) => IdentityId::module(device, ModuleId::parse(&module).ok()?),
        None => device.into(),
    };
    Some(c2d::FeedbackRecord {
        original_message_id: doc.message,
        enqueued: Timestamp::from_ticks(row.enqueued),
        status: doc.status.into_core(),
        identity,
        generation: Timestamp::from_ticks(doc.generation),
    })
}

pub(crate) fn encode_book(book: &c2d::FeedbackBook) -> FeedbackBookRow {
    let batches = book.batches.iter();
    let doc = Book {
        batched_through: book.batched_through,
        batches: batches.map(Batch::of).collect(),
    };
    FeedbackBookRow {
        format: FORMAT,
        doc: to_json(&doc),
    }
}

pub(crate) fn decode_book(row: &FeedbackBookRow) -> Option<c2d::FeedbackBook> {
    let doc: Book = from_json(&row.doc)?;
    let batches = doc.batches.into_iter();
    Some(c2d::FeedbackBook {
        batched_through: doc.batched_through,
        batches: batches.map(Batch::into_core).collect::<Option<_>>()?,
    })
}

impl Status {
    fn of(status: FeedbackStatus) -> Self {
        match status {
            FeedbackStatus::Success => Status::Success,
            FeedbackStatus::Expired => Status::Expired,
            FeedbackStatus::DeliveryCountExceeded => Status::DeliveryCountExceeded,
            FeedbackStatus::Rejected => Status::Rejected,
            FeedbackStatus::Purged => Status::Purged,
        }
    }

    fn into_core(self) -> FeedbackStatus {
        match self {
            Status::Success => FeedbackStatus::Success,
            Status::Expired => FeedbackStatus::Expired,
            Status::DeliveryCountExceeded => FeedbackStatus::DeliveryCountExceeded,
            Status::Rejected => FeedbackStatus::Rejected,
            Status::Purged => FeedbackStatus::Purged,
        }
    }
}

impl Batch {
    fn of(batch: &c2d::LockedBatch) -> Self {
        let (first, last) = batch.records;
        Batch {
            first,
            last,
            made: batch.made.ticks(),
            delivery_count: batch.delivery_count,
            lock: batch
                .lock
                .map(|lock| (lock.token.to_string(), lock.until.ticks())),
        }
    }

    fn into_core(self) -> Option<c2d::LockedBatch> {
        let lock = match self.lock {
            Some((token, until)) => Some(Lock {
                token: token.parse::<LockToken>().ok()?,
                until: Timestamp::from_ticks(until),
            }),
            None => None,
        };
        Some(c2d::LockedBatch {
            records: (self.first, self.last),
            made: Timestamp::from_ticks(self.made),
            delivery_count: self.delivery_count,
            lock,
        })
    }
}
