//! Why a CONNECT is refused, and with which code.

use twinhub_core::access::Refused;
use twinhub_core::c2d::ReceiveError;
use twinhub_core::faults::Fault;
use twinhub_core::ports::StoreError;
use twinhub_core::stored_sessions::SaveSessionError;
use twinhub_core::twins::WriteTwinError;
use twinhub_mqtt_codec::ConnectReturnCode;

use crate::topics::Forbidden;
use crate::username::InvalidUsername;

/// Why a CONNECT is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("protocol level {0} is not supported")]
    ProtocolLevel(u8),
    #[error("there is no user name")]
    NoUsername,
    #[error(transparent)]
    Username(#[from] InvalidUsername),
    #[error("the client identifier is not the identity of the user name")]
    ClientId,
    #[error("no hub answers to the host of the user name")]
    NoSuchHub,
    #[error("there is neither a token nor a certificate")]
    NoProof,
    #[error("the password is not a token")]
    NoToken,
    #[error("the will has a topic that is none of the identity's telemetry")]
    Will(#[from] Forbidden),
    #[error(transparent)]
    Access(#[from] Refused),
    #[error("a message asked for a fault: {0:?}")]
    OnDemand(Fault),
    #[error("could not read the stored session")]
    StoredSession(#[from] StoreError),
    #[error("could not discard the stored session")]
    Discard(#[from] SaveSessionError),
    #[error("could not give up what earlier sessions were given")]
    Release(#[from] ReceiveError),
    #[error("could not note the announced model")]
    Model(#[from] WriteTwinError),
}

impl Refusal {
    /// The code by which SDKs decide whether to come again: 5 is final for
    /// most, 3 is not. 2 and 4 would end the C SDK for good.
    pub(super) fn code(&self) -> ConnectReturnCode {
        use ConnectReturnCode::{NotAuthorized, ServerUnavailable, UnacceptableProtocolVersion};
        match self {
            Refusal::ProtocolLevel(_) => UnacceptableProtocolVersion,
            Refusal::NoUsername
            | Refusal::Username(_)
            | Refusal::ClientId
            | Refusal::NoSuchHub
            | Refusal::NoProof
            | Refusal::NoToken
            | Refusal::Will(_) => NotAuthorized,
            Refusal::Access(refused) => match refused {
                Refused::Malformed(_)
                | Refused::Resource(_)
                | Refused::Expired
                | Refused::OutOfScope
                | Refused::Signature
                | Refused::NotRegistered(_)
                | Refused::OtherProof
                | Refused::Certificate(_)
                | Refused::Disabled
                | Refused::MissingRight(_) => NotAuthorized,
                Refused::Store(_) => ServerUnavailable,
            },
            Refusal::OnDemand(fault) => match fault {
                Fault::Throttled => ServerUnavailable,
                Fault::ConnectionLost
                | Fault::ConnectionClosed
                | Fault::StreamLost(_)
                | Fault::Unauthorized
                | Fault::QuotaExceeded => NotAuthorized,
            },
            Refusal::StoredSession(_) => ServerUnavailable,
            Refusal::Discard(error) => match error {
                SaveSessionError::NotRegistered => NotAuthorized,
                SaveSessionError::Superseded | SaveSessionError::Store(_) => ServerUnavailable,
            },
            Refusal::Release(error) => match error {
                ReceiveError::NotRegistered(_) => NotAuthorized,
                ReceiveError::Store(_) => ServerUnavailable,
            },
            Refusal::Model(error) => match error {
                WriteTwinError::NotRegistered(_) => NotAuthorized,
                WriteTwinError::EtagMismatch { .. }
                | WriteTwinError::Properties(_)
                | WriteTwinError::Store(_) => ServerUnavailable,
            },
        }
    }

    /// Failures of ours are errors; the others are for whoever wonders why a
    /// device is not let in.
    pub(super) fn log(&self) {
        let cause = std::error::Error::source(self).map(ToString::to_string);
        match self.code() {
            ConnectReturnCode::ServerUnavailable if !matches!(self, Refusal::OnDemand(_)) => {
                tracing::error!(error = %self, cause, "a client could not be let in");
            }
            _ => tracing::info!(reason = %self, cause, "a client was refused"),
        }
    }
}
