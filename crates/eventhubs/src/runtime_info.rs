//! What a reader is told of its partition along with each event, if it asked
//! for that when it attached.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::message::Message;
use twinhub_amqp_engine::value::{Map, Symbol};
use twinhub_core::ports::PartitionState;
use twinhub_core::time::Timestamp;

use crate::moments;

/// The capability by which readers ask for it.
pub(crate) const CAPABILITY: Symbol =
    Symbol::from_static("com.microsoft:enable-receiver-runtime-metric");

/// The newest event of a partition, as a section of delivery annotations.
/// Made once for each batch, since the events of a batch share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeInfo {
    section: Bytes,
}

impl RuntimeInfo {
    /// What is known of a partition at this moment.
    pub fn new(partition: &PartitionState, now: Timestamp) -> Self {
        let last = LastEvent::of(partition);
        let annotations = Map::new()
            .with(
                Symbol::from_static("last_enqueued_sequence_number"),
                last.sequence_number,
            )
            .with(Symbol::from_static("last_enqueued_offset"), last.offset)
            .with(
                Symbol::from_static("last_enqueued_time_utc"),
                moments::to_wire(last.enqueued),
            )
            .with(
                Symbol::from_static("runtime_info_retrieval_time_utc"),
                moments::to_wire(now),
            );
        let message = Message {
            delivery_annotations: annotations,
            ..Message::default()
        };
        let mut section = BytesMut::new();
        message
            .encode(&mut section)
            .expect("four short entries are below 4 GiB");
        RuntimeInfo {
            section: section.freeze(),
        }
    }

    /// The section, encoded.
    pub(crate) fn section(&self) -> &[u8] {
        &self.section
    }
}

/// The newest event that a partition ever had, as clients are told of it.
pub(crate) struct LastEvent {
    pub sequence_number: i64,
    pub offset: String,
    pub enqueued: Timestamp,
}

impl LastEvent {
    /// Of a partition that never had one: number and offset -1, and a moment
    /// that never came.
    pub(crate) fn of(partition: &PartitionState) -> Self {
        let offset = partition.last_offset;
        LastEvent {
            sequence_number: as_long(partition.next) - 1,
            offset: offset.map_or_else(|| "-1".to_owned(), |offset| offset.to_string()),
            enqueued: partition.last_enqueued.unwrap_or(Timestamp::NEVER),
        }
    }
}

/// Sequence numbers are longs on the wire.
pub(crate) fn as_long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
