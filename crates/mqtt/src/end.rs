//! Why a connection ends.

use std::io;

use twinhub_core::access::Refused;
use twinhub_core::c2d::{ReceiveError, SettleError};
use twinhub_core::faults::{Fault, FaultOrder};
use twinhub_core::ports::{EndReason, LogError};
use twinhub_core::stored_sessions::SaveSessionError;
use twinhub_core::telemetry::SendError;
use twinhub_mqtt_codec::{DecodeError, EncodeError, PacketType};

use crate::subscriptions::TooMany;

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    /// The client took its leave.
    #[error("the client disconnected")]
    Disconnected,
    /// The stream ended, or failed.
    #[error("the connection was lost")]
    Lost(#[source] Option<io::Error>),
    /// No CONNECT in time.
    #[error("no CONNECT came in time")]
    NoConnect,
    /// CONNECT was answered with a refusal.
    #[error("the client was refused")]
    Refused,
    /// Nothing was heard for too long.
    #[error("the client was silent for longer than its keep-alive allows")]
    Silent,
    /// The client does not take what is written to it.
    #[error("the client does not read")]
    NotReading,
    /// The client acknowledges nothing.
    #[error("the client leaves too many deliveries unacknowledged")]
    NotAcknowledging,
    /// The token's time is over.
    #[error("the token expired")]
    Expired,
    /// What let the client in no longer holds.
    #[error("the permission was revoked")]
    Revoked(#[source] Refused),
    /// The hub ended the session.
    #[error("{0}")]
    Told(EndReason),
    /// The hub is stopping.
    #[error("the hub is stopping")]
    ShuttingDown,
    /// Bytes that are no packet.
    #[error("the client sent what is no packet")]
    Malformed(#[from] DecodeError),
    /// A packet that a client may not send now.
    #[error("the client sent {0:?} where it may not")]
    Unexpected(PacketType),
    /// QoS 2.
    #[error("the client published with QoS 2")]
    ExactlyOnce,
    /// A topic that the client may not publish to.
    #[error("the client published to the forbidden topic {0:?}")]
    ForbiddenTopic(String),
    /// A filter that the client may not subscribe to.
    #[error("the client subscribed to the forbidden filter {0:?}")]
    ForbiddenFilter(String),
    /// Too many filters.
    #[error(transparent)]
    TooManyFilters(#[from] TooMany),
    /// A message that is too large.
    #[error(transparent)]
    TooLarge(SendError),
    /// Telemetry could not be stored.
    #[error("the client's telemetry could not be stored")]
    NotStored(#[from] LogError),
    /// Messages from the cloud could not be received.
    #[error("messages for the client could not be received")]
    NotReceived(#[from] ReceiveError),
    /// A message from the cloud could not be settled.
    #[error("a message for the client could not be settled")]
    NotSettled(#[from] SettleError),
    /// The daily quota counts as used up, because a message asked for that.
    #[error("the client sent telemetry beyond the quota, on demand")]
    QuotaOnDemand,
    /// A message asked for it.
    #[error("a fault was asked for: {:?}", .0.fault)]
    Fault(FaultOrder),
    /// Subscriptions could not be stored.
    #[error("the subscriptions could not be stored")]
    NotSaved(#[from] SaveSessionError),
    /// A packet that can't be written.
    #[error("an answer could not be written")]
    Unwritable(#[from] EncodeError),
}

impl End {
    /// For a topic from the network: long ones are cut.
    pub(crate) fn forbidden_topic(topic: &str) -> Self {
        End::ForbiddenTopic(cut(topic))
    }

    /// For a filter from the network: long ones are cut.
    pub(crate) fn forbidden_filter(filter: &str) -> Self {
        End::ForbiddenFilter(cut(filter))
    }

    /// Whether the connection is to break off without a word.
    pub(crate) fn is_abrupt(&self) -> bool {
        match self {
            End::Fault(order) => match order.fault {
                Fault::ConnectionLost | Fault::StreamLost(_) => true,
                Fault::ConnectionClosed
                | Fault::Unauthorized
                | Fault::Throttled
                | Fault::QuotaExceeded => false,
            },
            _ => false,
        }
    }

    /// Whether the end is of interest to whoever runs the hub or writes the
    /// client, rather than the ordinary course of things.
    pub(crate) fn is_notable(&self) -> bool {
        match self {
            End::Disconnected
            | End::Lost(_)
            | End::NoConnect
            | End::Refused
            | End::Silent
            | End::Expired
            | End::Told(_)
            | End::QuotaOnDemand
            | End::Fault(_)
            | End::ShuttingDown => false,
            End::NotReading
            | End::NotAcknowledging
            | End::Revoked(_)
            | End::Malformed(_)
            | End::Unexpected(_)
            | End::ExactlyOnce
            | End::ForbiddenTopic(_)
            | End::ForbiddenFilter(_)
            | End::TooManyFilters(_)
            | End::TooLarge(_)
            | End::NotStored(_)
            | End::NotReceived(_)
            | End::NotSettled(_)
            | End::NotSaved(_)
            | End::Unwritable(_) => true,
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        End::Lost(Some(error))
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}
