//! What is answered, in exactly the types that clients cast it to.

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::performatives::condition;
use twinhub_amqp_engine::value::{Array, Map, Symbol, Value};
use twinhub_amqp_server::HubError;
use twinhub_core::events::PartitionId;
use twinhub_core::hubs::Hub;
use twinhub_core::ports::PartitionState;
use twinhub_core::time::Timestamp;

use super::request::{ENTITY, PARTITION};
use crate::conditions::ARGUMENT_ERROR;
use crate::moments;
use crate::refusal::Refusal;
use crate::runtime_info::{LastEvent, as_long};

/// An answer that does not know yet to whom.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    status: i32,
    description: String,
    condition: Option<Symbol>,
    body: Value,
}

impl Answer {
    /// What is known of an entity.
    pub(super) fn entity(hub: &Hub, partitions: u16, since: Timestamp) -> Self {
        let ids = (0..partitions).map(|id| id.to_string());
        Self::found(
            Map::new()
                .with("name", hub.name().to_string())
                .with("type", ENTITY)
                .with("created_at", moments::to_wire(since))
                .with("partition_count", i32::from(partitions))
                .with("partition_ids", Array::of_strings(ids))
                .with("georeplication_factor", 1_i32),
        )
    }

    /// What is known of a partition.
    pub(super) fn partition(hub: &Hub, partition: PartitionId, state: &PartitionState) -> Self {
        let last = LastEvent::of(state);
        Self::found(
            Map::new()
                .with("name", hub.name().to_string())
                .with("type", PARTITION)
                .with("partition", partition.to_string())
                .with("begin_sequence_number", as_long(state.first))
                .with("last_enqueued_sequence_number", last.sequence_number)
                .with("last_enqueued_offset", last.offset)
                .with("last_enqueued_time_utc", moments::to_wire(last.enqueued))
                .with("is_partition_empty", state.first == state.next),
        )
    }

    /// There is no such thing.
    pub(super) fn not_found(what: &str) -> Self {
        let description = format!("The messaging entity '{what}' could not be found.");
        Self::of(404, condition::NOT_FOUND, description)
    }

    /// The question makes no sense.
    pub(super) fn malformed(description: &str) -> Self {
        Self::of(400, ARGUMENT_ERROR, description.to_owned())
    }

    /// Whoever asks may not.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let error = HubError::from(refusal);
        // The hub's codes begin with a status.
        let status = i32::try_from(error.code / 1_000).unwrap_or(500);
        Self::of(status, error.condition, error.message)
    }

    /// It is ours to know, and we do not.
    pub(super) fn failed() -> Self {
        let description = "the event log could not be read".to_owned();
        Self::of(500, condition::INTERNAL_ERROR, description)
    }

    fn found(body: Map) -> Self {
        Answer {
            status: 200,
            description: "OK".to_owned(),
            condition: None,
            body: body.into(),
        }
    }

    fn of(status: i32, condition: Symbol, description: String) -> Self {
        Answer {
            status,
            description,
            condition: Some(condition),
            body: Value::Null,
        }
    }

    /// The answer to the request of this ID, whose type it keeps.
    pub(super) fn encode(self, to: Option<MessageId>) -> Bytes {
        let mut application = Map::new()
            .with("status-code", self.status)
            .with("status-description", self.description);
        if let Some(condition) = self.condition {
            application.push("error-condition", condition);
        }
        let message = Message {
            properties: Some(Properties {
                correlation_id: to,
                ..Properties::default()
            }),
            application_properties: Some(application),
            body: Body::Value(self.body),
            ..Message::default()
        };
        let mut out = BytesMut::new();
        message
            .encode(&mut out)
            .expect("a handful of values is below 4 GiB");
        out.freeze()
    }
}
