//! Consumer groups.

use serde::{Deserialize, Serialize};
use twinhub_core::consumer_groups::{ConsumerGroup, ConsumerGroupName};
use twinhub_core::time::Timestamp;

use super::{DocumentRow, FORMAT};
use crate::records::{from_json, to_json};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    /// Ticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<i64>,
}

pub(in crate::records) fn encode(group: &ConsumerGroup) -> DocumentRow {
    let doc = Document {
        name: group.name.as_str().to_owned(),
        created: group.created.map(Timestamp::ticks),
    };
    DocumentRow {
        format: FORMAT,
        doc: to_json(&doc),
    }
}

pub(in crate::records) fn decode(row: &DocumentRow) -> Option<ConsumerGroup> {
    let doc: Document = from_json(&row.doc)?;
    Some(ConsumerGroup {
        name: ConsumerGroupName::parse(&doc.name).ok()?,
        created: doc.created.map(Timestamp::from_ticks),
    })
}
