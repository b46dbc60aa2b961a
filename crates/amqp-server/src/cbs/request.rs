//! Requests on `$cbs`.

use bytes::Bytes;
use bytestring::ByteString;
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::message::{Body, Message, MessageId};
use twinhub_amqp_engine::value::Value;
use twinhub_core::access::Refused;

use crate::credentials::{Credentials, NotKept};
use crate::echo;

/// A request, and how to answer it. What it keeps of the request is short,
/// and copied: it may wait for long.
pub(super) struct Request {
    pub(super) id: Option<MessageId>,
    pub(super) reply_to: Option<ByteString>,
    asks: Result<ByteString, Fault>,
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Not a message that can be read, or not one of this kind.
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    /// Tokens of some other authority.
    #[error("tokens of type {0:?} are not taken here; use a shared access signature")]
    OtherKind(String),
    /// The token does not count.
    #[error(transparent)]
    NotKept(#[from] NotKept),
}

impl Request {
    pub(super) fn read(payload: Bytes) -> Self {
        let Ok(message) = Message::decode(payload, Limits::default()) else {
            return Request {
                id: None,
                reply_to: None,
                asks: Err(Fault::Malformed("it can't be read")),
            };
        };
        let asks = token_of(&message);
        let properties = message.properties.unwrap_or_default();
        Request {
            id: properties.message_id.and_then(echo::message_id),
            reply_to: properties.reply_to.as_deref().and_then(echo::address),
            asks,
        }
    }

    /// Does what is asked.
    pub(super) async fn decide(&self, credentials: &Credentials) -> Result<(), (u16, String)> {
        let outcome = match &self.asks {
            Ok(token) => credentials.put(token).await.map_err(Fault::from),
            Err(fault) => Err(match fault {
                Fault::Malformed(why) => Fault::Malformed(why),
                Fault::OtherKind(kind) => Fault::OtherKind(kind.clone()),
                Fault::NotKept(_) => Fault::Malformed("it was not looked at"),
            }),
        };
        match outcome {
            Ok(facts) => {
                tracing::debug!(resource = ?facts.resource, "a token was put");
                Ok(())
            }
            Err(fault) => {
                tracing::debug!(%fault, "a token was refused");
                Err((status_of(&fault), fault.to_string()))
            }
        }
    }
}

fn status_of(fault: &Fault) -> u16 {
    match fault {
        Fault::Malformed(_) => 400,
        Fault::OtherKind(_) => 401,
        Fault::NotKept(NotKept::TooMany) => 403,
        Fault::NotKept(NotKept::Refused(Refused::Store(_))) => 500,
        Fault::NotKept(NotKept::Refused(_) | NotKept::OtherName | NotKept::OtherHub) => 401,
    }
}

fn token_of(message: &Message) -> Result<ByteString, Fault> {
    let none = Fault::Malformed("it has no application properties");
    let properties = message.application_properties.as_ref().ok_or(none)?;
    let text = |name| properties.get(name).and_then(Value::as_str);
    match text("operation") {
        Some("put-token") => {}
        _ => return Err(Fault::Malformed("the only operation is put-token")),
    }
    let kind = text("type").ok_or(Fault::Malformed("it has no type"))?;
    if !kind.to_ascii_lowercase().ends_with(":sastoken") {
        return Err(Fault::OtherKind(echo::quote(kind).to_owned()));
    }
    match &message.body {
        Body::Value(Value::String(token)) => Ok(token.clone()),
        _ => Err(Fault::Malformed("the body is no string")),
    }
}
