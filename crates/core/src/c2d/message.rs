//! What is sent, and what is delivered.

use std::fmt;
use std::str::FromStr;

use super::LockToken;
use crate::messages::{Message, SystemProperty};
use crate::time::Timestamp;

/// Which ends of a message its sender wants to hear of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Acknowledgement {
    /// None.
    #[default]
    None,
    /// That it was completed.
    Positive,
    /// That it never will be.
    Negative,
    /// Either.
    Full,
}

/// The text names no acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an acknowledgement is none, positive, negative or full")]
pub struct UnknownAcknowledgement;

impl Acknowledgement {
    /// Whether there is anything to hear of at all.
    pub fn is_wanted(self) -> bool {
        self != Acknowledgement::None
    }
}

/// Azure's words.
impl fmt::Display for Acknowledgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Acknowledgement::None => "none",
            Acknowledgement::Positive => "positive",
            Acknowledgement::Negative => "negative",
            Acknowledgement::Full => "full",
        })
    }
}

/// In any case, as clients differ.
impl FromStr for Acknowledgement {
    type Err = UnknownAcknowledgement;

    fn from_str(text: &str) -> Result<Self, UnknownAcknowledgement> {
        [
            Acknowledgement::None,
            Acknowledgement::Positive,
            Acknowledgement::Negative,
            Acknowledgement::Full,
        ]
        .into_iter()
        .find(|known| known.to_string().eq_ignore_ascii_case(text))
        .ok_or(UnknownAcknowledgement)
    }
}

/// A message as a back end sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its properties and body.
    pub message: Message,
    /// What the sender wants to hear of.
    pub ack: Acknowledgement,
    /// When it is of no use any more; the hub's default if the sender does
    /// not say. Receivers see [`SystemProperty::AbsoluteExpiry`] only if it
    /// does.
    pub expires: Option<Timestamp>,
}

/// What a message says of how it is to be sent makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNewMessage {
    /// The acknowledgement is none.
    #[error(transparent)]
    Acknowledgement(#[from] UnknownAcknowledgement),
    /// The expiry is no moment.
    #[error("the expiry is no moment")]
    Expiry,
}

/// Acknowledgement and expiry say how a message is to be sent, and are no part
/// of it.
impl TryFrom<Message> for NewMessage {
    type Error = InvalidNewMessage;

    fn try_from(mut message: Message) -> Result<Self, InvalidNewMessage> {
        let ack = match message.take_system(SystemProperty::Acknowledgement) {
            None => Acknowledgement::None,
            Some(text) => text.parse()?,
        };
        let expires = match message.take_system(SystemProperty::AbsoluteExpiry) {
            None => None,
            Some(text) => Some(Timestamp::parse(&text).ok_or(InvalidNewMessage::Expiry)?),
        };
        Ok(NewMessage {
            message,
            ack,
            expires,
        })
    }
}

/// Who will settle a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A session, which knows the delivery by this handle of its own. What it
    /// leaves unsettled, the identity's next session can take up.
    Session {
        /// Such as a packet ID.
        handle: u32,
    },
    /// Whoever shows the lock token.
    Request,
}

/// What a receiver does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It leaves the queue.
    Complete,
    /// It is dead-lettered.
    Reject,
    /// It is available again, or dead-lettered if that happened too often.
    Abandon,
}

/// A message that was received, and the lock on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it is settled with.
    pub lock: LockToken,
    /// What the session that holds it knows it by.
    pub handle: Option<u32>,
    /// Whether it had been given out before.
    pub redelivered: bool,
    /// Its number in its queue, from 1.
    pub sequence_number: u64,
    /// When it was sent.
    pub enqueued: Timestamp,
    /// When it is of no use any more.
    pub expires: Timestamp,
    /// How often it came back before.
    pub delivery_count: u32,
    /// Its properties and body.
    pub message: Message,
    /// What the sender wants to hear of.
    pub ack: Acknowledgement,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_read_in_any_case() {
        assert_eq!("FULL".parse(), Ok(Acknowledgement::Full));
        assert_eq!("negative".parse(), Ok(Acknowledgement::Negative));
        assert_eq!(
            "maybe".parse::<Acknowledgement>(),
            Err(UnknownAcknowledgement)
        );
    }
}
