//! What the other side's errors mean.

use fe2o3_amqp::connection::OpenError;
use fe2o3_amqp::link::{DetachError, LinkStateError, SendError, SenderAttachError};
use fe2o3_amqp::session::BeginError;
use fe2o3_amqp::types::definitions::{Error as AmqpError, ErrorCondition};
use fe2o3_amqp::types::messaging::Outcome;
use fe2o3_amqp::types::primitives::Symbol;
use fe2o3_amqp_management::error::{AttachError, Error as ManagementError};
use twinhub_core::ports::{DeliveryFailure, FailureReason};

use crate::told::shown;

/// Nobody is there any more.
pub(super) fn broken_off() -> DeliveryFailure {
    DeliveryFailure::new(
        FailureReason::Unreachable,
        "the connection to the AMQP broker broke off",
    )
}

/// No connection came about.
pub(super) fn not_opened(error: &OpenError) -> DeliveryFailure {
    match error {
        OpenError::SaslError { .. } => DeliveryFailure::new(
            FailureReason::Unauthorized,
            "the AMQP broker does not accept the login",
        ),
        OpenError::RemoteClosedWithError(told) => of_error(told),
        OpenError::ProtocolHeaderMismatch(_) => DeliveryFailure::new(
            FailureReason::Unreachable,
            "what answers there does not speak AMQP 1.0 with such a login",
        ),
        _ => broken_off(),
    }
}

/// No session came about.
pub(super) fn no_session(error: &BeginError) -> DeliveryFailure {
    match error {
        BeginError::RemoteEndedWithError(told) => of_error(told),
        _ => broken_off(),
    }
}

/// The broker takes no tokens.
pub(super) fn no_tokens(error: &AttachError) -> DeliveryFailure {
    match error {
        AttachError::Sender(error) => not_attached(error),
        AttachError::Receiver(_) => DeliveryFailure::new(
            FailureReason::Unauthorized,
            "the AMQP broker takes no tokens",
        ),
    }
}

/// The token is not good enough.
pub(super) fn token_refused(error: &ManagementError) -> DeliveryFailure {
    match error {
        ManagementError::Status(_) => DeliveryFailure::new(
            FailureReason::Unauthorized,
            "the AMQP broker does not accept the token",
        ),
        _ => broken_off(),
    }
}

/// The link was refused.
pub(super) fn not_attached(error: &SenderAttachError) -> DeliveryFailure {
    match error {
        SenderAttachError::RemoteClosedWithError(told) => of_error(told),
        SenderAttachError::IncomingTargetIsNone => DeliveryFailure::new(
            FailureReason::NotFound,
            "the AMQP broker has no such address",
        ),
        _ => broken_off(),
    }
}

/// A message could not be sent, or nobody said what became of it.
pub(super) fn not_sent(error: &SendError) -> DeliveryFailure {
    match error {
        SendError::MessageSizeExceeded(_) => too_large(),
        SendError::LinkStateError(
            LinkStateError::RemoteClosedWithError(told)
            | LinkStateError::RemoteDetachedWithError(told),
        )
        | SendError::Detached(
            DetachError::RemoteClosedWithError(told) | DetachError::RemoteDetachedWithError(told),
        ) => of_error(told),
        _ => broken_off(),
    }
}

/// What became of a message.
pub(super) fn of_outcome(outcome: Outcome) -> Result<(), DeliveryFailure> {
    match outcome {
        Outcome::Accepted(_) => Ok(()),
        Outcome::Rejected(rejected) => Err(rejected.error.as_ref().map_or_else(
            || DeliveryFailure::new(FailureReason::Failed, "the AMQP broker rejected a message"),
            of_error,
        )),
        Outcome::Released(_) | Outcome::Modified(_) => Err(DeliveryFailure::new(
            FailureReason::Failed,
            "the AMQP broker gave a message back",
        )),
    }
}

fn too_large() -> DeliveryFailure {
    DeliveryFailure::new(
        FailureReason::Invalid,
        "the message is larger than the AMQP broker takes",
    )
}

/// What the other side says. Its descriptions may name addresses; they name no
/// secrets of ours.
fn of_error(error: &AmqpError) -> DeliveryFailure {
    let condition = match &error.condition {
        ErrorCondition::AmqpError(condition) => condition.into(),
        ErrorCondition::ConnectionError(condition) => condition.into(),
        ErrorCondition::SessionError(condition) => condition.into(),
        ErrorCondition::LinkError(condition) => condition.into(),
        ErrorCondition::Custom(condition) => condition.clone(),
    };
    let condition: &str = Symbol::as_str(&condition);
    let reason = match condition {
        "amqp:link:message-size-exceeded" => return too_large(),
        "amqp:unauthorized-access" | "com.microsoft:auth-failed" => FailureReason::Unauthorized,
        "amqp:not-found" | "com.microsoft:entity-disabled" => FailureReason::NotFound,
        "amqp:resource-limit-exceeded" | "com.microsoft:server-busy" => FailureReason::Throttled,
        "com.microsoft:timeout" => FailureReason::Timeout,
        "amqp:connection:forced" | "amqp:link:detach-forced" => FailureReason::Unreachable,
        _ => FailureReason::Failed,
    };
    let told = match &error.description {
        Some(description) => shown(&format!("{condition}: {description}")),
        None => shown(condition),
    };
    DeliveryFailure::new(reason, format!("the AMQP broker says {told}"))
}
