//! Answers on `$cbs`.

use bytes::BytesMut;
use bytestring::ByteString;
use twinhub_amqp_engine::message::{Body, Message, MessageId, Properties};
use twinhub_amqp_engine::performatives::condition;
use twinhub_amqp_engine::value::{Map, Symbol, Value};

use super::request::Request;
use crate::links::SessionKey;

/// The answer to a request, and where it goes.
pub(super) struct Answer {
    pub(super) session: SessionKey,
    pub(super) reply_to: Option<ByteString>,
    id: Option<MessageId>,
    status: u16,
    description: String,
}

impl Answer {
    pub(super) fn new(
        session: SessionKey,
        request: Request,
        outcome: Result<(), (u16, String)>,
    ) -> Self {
        let (status, description) = match outcome {
            Ok(()) => (200, "OK".to_owned()),
            Err(refused) => refused,
        };
        Answer {
            session,
            reply_to: request.reply_to,
            id: request.id,
            status,
            description,
        }
    }

    /// Clients want both property sections, the ID in the type that they
    /// chose, the status as an int, and a condition on failures alone.
    fn message(&self) -> Message {
        let mut properties = Map::new()
            .with("status-code", i32::from(self.status))
            .with("status-description", self.description.clone());
        if let Some(condition) = self.condition() {
            properties.push("error-condition", condition);
        }
        Message {
            properties: Some(Properties {
                correlation_id: self.id.clone(),
                to: self.reply_to.clone(),
                ..Properties::default()
            }),
            application_properties: Some(properties),
            body: Body::Value(Value::Null),
            ..Message::default()
        }
    }

    /// Appends the message.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        self.message()
            .encode(out)
            .expect("what it repeats of a request fits into one frame");
    }

    fn condition(&self) -> Option<Symbol> {
        match self.status {
            200 => None,
            400 => Some(condition::NOT_ALLOWED),
            403 => Some(condition::RESOURCE_LIMIT_EXCEEDED),
            500 => Some(condition::INTERNAL_ERROR),
            _ => Some(condition::UNAUTHORIZED_ACCESS),
        }
    }
}
