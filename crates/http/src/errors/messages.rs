//! What core refuses of messages and events.

use twinhub_core::event_reader::OpenReaderError;
use twinhub_core::faults::Fault;
use twinhub_core::ports::LogError;
use twinhub_core::telemetry::SendError;

use crate::error_codes as codes;
use crate::refusal::Refusal;

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        let unavailable = |message: &str| Refusal::new(codes::SERVICE_UNAVAILABLE, message);
        match error {
            LogError::Full => {
                tracing::error!("the disk is full, messages are refused");
                unavailable(
                    "the hub's disk is full, nothing was stored; send again once there is room",
                )
            }
            LogError::Closed => unavailable("the hub is stopping, nothing was stored"),
            LogError::Failed(_) => {
                tracing::error!(%error, "the event log failed");
                unavailable(
                    "the hub's event log failed, the message may or may not be stored; send it again",
                )
            }
            LogError::Damaged {
                partition,
                sequence_number,
                ..
            } => {
                tracing::error!(%error, "the event log is damaged");
                Refusal::new(
                    codes::SERVER_ERROR,
                    format!(
                        "event {sequence_number} of partition {partition} is damaged and can't be read, the hub's own log names the file; begin at a later time to read what is behind it"
                    ),
                )
            }
        }
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        let message = error.to_string();
        match error {
            SendError::TooLarge { .. } => Refusal::new(codes::MESSAGE_TOO_LARGE, message),
            SendError::Busy(_) => Refusal::new(codes::SERVER_BUSY, message),
        }
    }
}

impl From<OpenReaderError> for Refusal {
    fn from(error: OpenReaderError) -> Self {
        let message = error.to_string();
        match error {
            OpenReaderError::NoSuchHub => Refusal::new(codes::HUB_NOT_FOUND, message),
            OpenReaderError::NoSuchPartition { .. } => Refusal::invalid(message),
            OpenReaderError::Log(error) => error.into(),
        }
    }
}

/// As the SDKs' own tests expect it of the request that asked for the fault.
impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let code = match fault {
            Fault::Unauthorized => codes::UNAUTHORIZED_ACCESS,
            Fault::Throttled => codes::THROTTLED,
            Fault::QuotaExceeded => codes::QUOTA_EXCEEDED,
            Fault::ConnectionLost | Fault::ConnectionClosed | Fault::StreamLost(_) => {
                codes::SERVER_ERROR
            }
        };
        Refusal::new(code, "a message asked for this fault")
    }
}
