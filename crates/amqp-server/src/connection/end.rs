//! Why connections end.

use std::error::Error as _;
use std::io;

use twinhub_amqp_engine::CloseReason;
use twinhub_amqp_engine::performatives::{AmqpError, condition};

use crate::context::Wanted;
use crate::links::Gone;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// The engine says so.
    #[error("{}", words_of(.0))]
    Closed(CloseReason),
    /// There is nothing more to say.
    #[error("the conversation is over")]
    Finished,
    /// The stream has ended without a close.
    #[error("the peer has vanished")]
    Lost,
    /// The stream has failed.
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    /// What was written is not read.
    #[error("the peer does not read")]
    NotReading,
    /// No credential that counts came in time.
    #[error("the peer has no valid credential")]
    Stranger,
    /// The last token that came has ended, and no other has come.
    #[error("the peer's last token has expired")]
    Expired,
    /// One of the links wants it so.
    #[error("one of its links ended it")]
    Wanted(Wanted),
    /// The hub stops.
    #[error("the hub is shutting down")]
    ShuttingDown,
}

impl End {
    /// What the peer is told, if the engine has not told it.
    pub(super) fn farewell(&self) -> Option<AmqpError> {
        match self {
            End::Stranger => Some(AmqpError::new(
                condition::UNAUTHORIZED_ACCESS,
                "no valid credential was shown in time",
            )),
            End::Expired => Some(AmqpError::new(
                condition::UNAUTHORIZED_ACCESS,
                "the last token of this connection has expired",
            )),
            End::Wanted(Wanted::Close(error)) => Some(error.clone()),
            End::ShuttingDown => Some(AmqpError::new(
                condition::CONNECTION_FORCED,
                "the hub is shutting down",
            )),
            End::Closed(_)
            | End::Finished
            | End::Lost
            | End::Broken(_)
            | End::NotReading
            | End::Wanted(Wanted::Abort) => None,
        }
    }

    /// Whether there is no point, or no wish, in writing anything more.
    pub(super) fn is_abrupt(&self) -> bool {
        match self {
            End::Lost | End::Broken(_) | End::NotReading | End::Wanted(Wanted::Abort) => true,
            End::Closed(_)
            | End::Finished
            | End::Stranger
            | End::Expired
            | End::Wanted(Wanted::Close(_))
            | End::ShuttingDown => false,
        }
    }

    /// What the links are told.
    pub(super) fn gone(&self) -> Gone {
        match self {
            End::Closed(CloseReason::Peer(_)) | End::Finished => Gone::ByPeer,
            End::Closed(CloseReason::Silent) | End::Lost | End::Broken(_) | End::NotReading => {
                Gone::Lost
            }
            End::Closed(
                CloseReason::Violation(_) | CloseReason::OtherProtocol | CloseReason::Sasl,
            ) => Gone::ByViolation,
            End::Stranger | End::Expired | End::Wanted(_) | End::ShuttingDown => Gone::ByHub,
        }
    }

    /// Tells operators what they may want to know, and the rest to whoever
    /// looks closely: strangers can do it as often as they like.
    pub(super) fn log(&self, is_known: bool) {
        let notable = matches!(
            self,
            End::NotReading | End::Closed(CloseReason::Silent | CloseReason::Violation(_))
        );
        let cause = self.source().map(ToString::to_string);
        let error = self.error();
        let condition = error.map(|error| error.condition.as_str());
        let description = error.and_then(|error| error.description.as_deref());
        if notable && is_known {
            tracing::info!(reason = %self, condition, description, cause, "connection closed");
        } else {
            tracing::debug!(reason = %self, condition, description, cause, "connection closed");
        }
    }

    /// What the peer told, or was told by the engine.
    fn error(&self) -> Option<&AmqpError> {
        match self {
            End::Closed(CloseReason::Peer(error)) => error.as_ref(),
            End::Closed(CloseReason::Violation(error)) | End::Wanted(Wanted::Close(error)) => {
                Some(error)
            }
            _ => None,
        }
    }
}

fn words_of(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Peer(_) => "the peer has closed it",
        CloseReason::Silent => "the peer has been silent for too long",
        CloseReason::Violation(_) => "the peer broke a rule of the protocol",
        CloseReason::OtherProtocol => "the peer speaks another protocol",
        CloseReason::Sasl => "the peer's introduction makes no sense",
    }
}
