//! What the errors of the client mean.

use async_nats::client::{PublishError as SendError, PublishErrorKind as SendErrorKind};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::{ConnectError, ConnectErrorKind};
use twinhub_core::ports::{DeliveryFailure, FailureReason};

use crate::told::shown;

/// No connection came about.
pub(super) fn not_connected(error: &ConnectError) -> DeliveryFailure {
    let (reason, detail) = match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => (
            FailureReason::Unauthorized,
            "the NATS server does not accept the login",
        ),
        ConnectErrorKind::TimedOut => (
            FailureReason::Timeout,
            "the NATS server did not answer in time",
        ),
        ConnectErrorKind::Tls => (
            FailureReason::Unreachable,
            "TLS with the NATS server failed: is its certificate one that this machine trusts?",
        ),
        ConnectErrorKind::Dns => (
            FailureReason::Unreachable,
            "the NATS server's name has no address",
        ),
        ConnectErrorKind::ServerParse | ConnectErrorKind::Io | ConnectErrorKind::MaxReconnects => (
            FailureReason::Unreachable,
            "the NATS server could not be reached",
        ),
    };
    DeliveryFailure::new(reason, detail)
}

/// A message could not be sent.
pub(super) fn not_sent(error: &SendError) -> DeliveryFailure {
    match error.kind() {
        SendErrorKind::MaxPayloadExceeded => too_large(),
        SendErrorKind::InvalidSubject => {
            DeliveryFailure::new(FailureReason::NotFound, "the subject can't be used")
        }
        SendErrorKind::Send => broken_off(),
    }
}

/// No stream has stored a message.
pub(super) fn not_stored(error: &PublishError) -> DeliveryFailure {
    match error.kind() {
        PublishErrorKind::StreamNotFound => DeliveryFailure::new(
            FailureReason::NotFound,
            "no stream takes the subject, or the server has no JetStream",
        ),
        PublishErrorKind::MaxPayloadExceeded => too_large(),
        PublishErrorKind::TimedOut => DeliveryFailure::new(
            FailureReason::Timeout,
            "the stream did not acknowledge in time",
        ),
        PublishErrorKind::BrokenPipe => broken_off(),
        PublishErrorKind::MaxAckPending => DeliveryFailure::new(
            FailureReason::Throttled,
            "too much waits for acknowledgement",
        ),
        PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::Other => refused(error),
    }
}

/// The stream said why not.
fn refused(error: &PublishError) -> DeliveryFailure {
    let told = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>());
    match told {
        Some(told) if told.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => too_large(),
        Some(told) if told.error_code() == ErrorCode::INSUFFICIENT_RESOURCES => {
            DeliveryFailure::new(FailureReason::Throttled, "the stream has no room")
        }
        Some(told) => DeliveryFailure::new(
            FailureReason::Failed,
            format!(
                "the stream did not store the message: {}",
                shown(&told.to_string())
            ),
        ),
        None => broken_off(),
    }
}

fn too_large() -> DeliveryFailure {
    DeliveryFailure::new(
        FailureReason::Invalid,
        "the message is larger than the NATS server takes",
    )
}

/// Nobody is there any more.
pub(super) fn broken_off() -> DeliveryFailure {
    DeliveryFailure::new(
        FailureReason::Unreachable,
        "the connection to the NATS server broke off",
    )
}
