//! Why sessions and their links end, as clients are told.
//!
//! No match has a catch-all arm, so that a new variant stops the build here.

use twinhub_amqp_engine::performatives::condition;
use twinhub_amqp_engine::value::Symbol;
use twinhub_amqp_server::{Gone, HubError, refusal};
use twinhub_core::access::Refused;
use twinhub_core::c2d::{ReceiveError, SettleError};
use twinhub_core::faults::Fault;
use twinhub_core::ids::IdentityId;
use twinhub_core::ports::{EndReason, LogError};
use twinhub_core::twins::{PatchReportedError, ReadTwinError, WriteTwinError};

use super::twins::InvalidRequest;

const DEVICE_THROTTLED: Symbol = Symbol::from_static("com.microsoft:device-container-throttled");
const LOCK_LOST: Symbol = Symbol::from_static("com.microsoft:message-lock-lost");

/// The hub's codes that links of devices need.
/// <https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes>
pub(super) mod codes {
    /// `ArgumentInvalid`
    pub const ARGUMENT_INVALID: u32 = 400_004;
    /// `IotHubFormatError`
    pub const FORMAT_ERROR: u32 = 400_006;
    /// `IotHubQuotaExceeded`
    pub const QUOTA_EXCEEDED: u32 = 403_002;
    /// `DeviceNotFound`
    pub const DEVICE_NOT_FOUND: u32 = 404_001;
    /// `GenericMethodNotAllowed`
    pub const METHOD_NOT_ALLOWED: u32 = 405_000;
    /// `LinkCreationConflict`
    pub const LINK_CONFLICT: u32 = 409_002;
    /// `PreconditionFailed`
    pub const PRECONDITION_FAILED: u32 = 412_001;
    /// `DeviceMessageLockLost`
    pub const LOCK_LOST: u32 = 412_002;
    /// `MessageTooLarge`
    pub const MESSAGE_TOO_LARGE: u32 = 413_001;
    /// `ThrottlingException`
    pub const THROTTLED: u32 = 429_001;
    /// `ServiceUnavailable`
    pub const SERVICE_UNAVAILABLE: u32 = 503_001;
}

/// Why a session ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// Its last link is gone.
    #[error("the last link is gone: {0}")]
    LastLink(Gone),
    /// The hub ended it.
    #[error("{0}")]
    Told(EndReason),
    /// The token's time is over, and no other came.
    #[error("the token expired")]
    Expired,
    /// What let it in no longer holds.
    #[error("the permission was revoked")]
    Revoked(#[source] Refused),
    /// Its identity is gone.
    #[error("{0} is no longer registered")]
    NotRegistered(IdentityId),
    /// A message asked for it.
    #[error("a fault was asked for: {0:?}")]
    Fault(Fault),
}

impl End {
    /// What its links are told.
    pub(super) fn to_error(&self) -> HubError {
        let text = self.to_string();
        match self {
            End::LastLink(_) => forced(text),
            End::Told(reason) => match reason {
                EndReason::TakenOver => stolen("a newer connection of the identity took over"),
                EndReason::Removed => not_found(text),
                EndReason::TooSlow => too_much(text),
                EndReason::ShuttingDown => forced(text),
            },
            End::Expired => refusal(&Refused::Expired),
            End::Revoked(refused) => refusal(refused),
            End::NotRegistered(_) => not_found(text),
            End::Fault(fault) => of_fault(*fault),
        }
    }
}

/// Somebody else has the link's place.
pub(super) fn stolen(message: &str) -> HubError {
    HubError::new(condition::STOLEN, codes::LINK_CONFLICT, message)
}

/// The hub wants the link to end; it may be attached again.
pub(super) fn forced(message: impl Into<String>) -> HubError {
    HubError::new(
        condition::DETACH_FORCED,
        codes::SERVICE_UNAVAILABLE,
        message,
    )
}

/// More waits for the client than may.
pub(super) fn too_much(message: impl Into<String>) -> HubError {
    HubError::new(
        condition::RESOURCE_LIMIT_EXCEEDED,
        codes::THROTTLED,
        message,
    )
}

/// A delivery was settled after its lock was lost.
pub(super) fn lock_lost() -> HubError {
    let message = SettleError::LockLost.to_string();
    HubError::new(LOCK_LOST, codes::LOCK_LOST, message)
}

/// A message is larger than allowed.
pub(super) fn too_large(message: impl Into<String>) -> HubError {
    HubError::new(
        condition::MESSAGE_SIZE_EXCEEDED,
        codes::MESSAGE_TOO_LARGE,
        message,
    )
}

fn not_found(message: impl Into<String>) -> HubError {
    HubError::new(condition::NOT_FOUND, codes::DEVICE_NOT_FOUND, message)
}

/// What a client sees of a fault while it lasts.
pub(super) fn of_fault(fault: Fault) -> HubError {
    let message = "a message asked for this fault";
    match fault {
        Fault::Unauthorized => HubError::unauthorized(message),
        Fault::Throttled => HubError::new(DEVICE_THROTTLED, codes::THROTTLED, message),
        Fault::QuotaExceeded => HubError::new(
            condition::RESOURCE_LIMIT_EXCEEDED,
            codes::QUOTA_EXCEEDED,
            message,
        ),
        Fault::ConnectionLost | Fault::ConnectionClosed | Fault::StreamLost(_) => forced(message),
    }
}

/// What a client is told of telemetry that is not stored.
pub(super) fn of_log(error: &LogError) -> HubError {
    let unavailable = |message: &str| {
        HubError::new(
            condition::INTERNAL_ERROR,
            codes::SERVICE_UNAVAILABLE,
            message,
        )
    };
    match error {
        LogError::Full => {
            tracing::error!("the disk is full, messages are refused");
            unavailable("the hub's disk is full, nothing was stored; send again once there is room")
        }
        LogError::Closed => forced("the hub is stopping, nothing was stored"),
        LogError::Failed(_) | LogError::Damaged { .. } => {
            tracing::error!(%error, "the event log failed");
            unavailable(
                "the hub's event log failed, the message may or may not be stored; send it again",
            )
        }
    }
}

/// What a client is told of messages that could not be received.
pub(super) fn of_receive(error: &ReceiveError) -> HubError {
    match error {
        ReceiveError::NotRegistered(_) => not_found(error.to_string()),
        ReceiveError::Store(store) => store.into(),
    }
}

/// What a client is told of a message that could not be settled.
pub(super) fn of_settle(error: &SettleError) -> HubError {
    match error {
        SettleError::LockLost => lock_lost(),
        SettleError::NotRegistered(_) => not_found(error.to_string()),
        SettleError::Store(store) => store.into(),
    }
}

/// What a client is told of a model that could not be noted.
pub(super) fn of_model(error: &WriteTwinError) -> HubError {
    match error {
        WriteTwinError::NotRegistered(_) => not_found(error.to_string()),
        WriteTwinError::EtagMismatch { .. } | WriteTwinError::Properties(_) => {
            argument(error.to_string())
        }
        WriteTwinError::Store(store) => store.into(),
    }
}

impl From<InvalidRequest> for TwinRefusal {
    fn from(error: InvalidRequest) -> Self {
        let code = match error {
            InvalidRequest::NotJson(_) => codes::FORMAT_ERROR,
            InvalidRequest::Operation
            | InvalidRequest::Resource
            | InvalidRequest::Version
            | InvalidRequest::Body(_)
            | InvalidRequest::NotAnObject => codes::ARGUMENT_INVALID,
        };
        TwinRefusal(HubError::new(ARGUMENT_ERROR, code, error.to_string()))
    }
}

/// Why a twin request is refused.
#[derive(Debug)]
pub(super) struct TwinRefusal(pub(super) HubError);

impl From<ReadTwinError> for TwinRefusal {
    fn from(error: ReadTwinError) -> Self {
        TwinRefusal(match &error {
            // The hub says "device not found" for a missing module twin, too.
            ReadTwinError::NotRegistered(_) => not_found(error.to_string()),
            ReadTwinError::Store(store) => store.into(),
        })
    }
}

impl From<PatchReportedError> for TwinRefusal {
    fn from(error: PatchReportedError) -> Self {
        let text = error.to_string();
        TwinRefusal(match &error {
            PatchReportedError::NotRegistered(_) => not_found(text),
            PatchReportedError::VersionMismatch { .. } => HubError::new(
                condition::PRECONDITION_FAILED,
                codes::PRECONDITION_FAILED,
                text,
            ),
            PatchReportedError::Properties(_) => argument(text),
            PatchReportedError::Store(store) => store.into(),
        })
    }
}

const ARGUMENT_ERROR: Symbol = Symbol::from_static("com.microsoft:argument-error");

fn argument(message: String) -> HubError {
    HubError::new(ARGUMENT_ERROR, codes::ARGUMENT_INVALID, message)
}
