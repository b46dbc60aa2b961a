//! What is asked.

use bytes::Bytes;
use bytestring::ByteString;
use twinhub_amqp_engine::decode::{DecodeError, Limits};
use twinhub_amqp_engine::message::{Message, MessageId};
use twinhub_amqp_engine::value::{Map, Value};
use twinhub_amqp_server::echo;

use super::answer::Answer;

/// The type of questions about an entity.
pub(super) const ENTITY: &str = "com.microsoft:eventhub";
/// The type of questions about a partition.
pub(super) const PARTITION: &str = "com.microsoft:partition";

/// A request as it came.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    /// What the answer refers to.
    pub id: Option<MessageId>,
    /// The address of the link for the answer, if the request names one.
    pub reply_to: Option<ByteString>,
    properties: Map,
}

/// What can be asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// What is known of the entity.
    Entity,
    /// What is known of the partition of this name.
    Partition(String),
}

impl Request {
    pub(super) fn read(payload: Bytes) -> Result<Self, DecodeError> {
        let message = Message::decode(payload, Limits::default())?;
        let properties = message.properties.unwrap_or_default();
        Ok(Request {
            id: properties.message_id.and_then(echo::message_id),
            reply_to: properties.reply_to.as_deref().and_then(echo::address),
            properties: message.application_properties.unwrap_or_default(),
        })
    }

    /// The entity that is asked about, if the request names one.
    pub(super) fn name(&self) -> Option<&str> {
        self.text("name").ok()
    }

    /// The question, or what is answered to nonsense. Only `entity` is there.
    pub(super) fn question(&self, entity: &str) -> Result<Question, Answer> {
        let operation = self.text("operation")?;
        if !operation.eq_ignore_ascii_case("READ") {
            return Err(Answer::malformed(&format!(
                "the operation '{}' is not known here: 'READ' is",
                echo::quote(operation)
            )));
        }
        let kind = self.text("type")?;
        let name = self.text("name")?;
        if !name.eq_ignore_ascii_case(entity) {
            return Err(Answer::not_found(echo::quote(name)));
        }
        match kind {
            ENTITY => Ok(Question::Entity),
            PARTITION => Ok(Question::Partition(self.partition()?)),
            other => Err(Answer::malformed(&format!(
                "the type '{}' is not known here: '{ENTITY}' and '{PARTITION}' are",
                echo::quote(other)
            ))),
        }
    }

    fn text(&self, name: &str) -> Result<&str, Answer> {
        self.properties
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| {
                Answer::malformed(&format!("the application property '{name}' is missing"))
            })
    }

    /// Some clients let their users give a number.
    fn partition(&self) -> Result<String, Answer> {
        match self.properties.get("partition") {
            Some(Value::Int(number)) => Ok(number.to_string()),
            Some(Value::Long(number)) => Ok(number.to_string()),
            _ => self.text("partition").map(str::to_owned),
        }
    }
}
