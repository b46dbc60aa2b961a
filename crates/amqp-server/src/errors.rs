//! Refusals as peers see them: a condition for programs, a description that
//! on the hub's side is JSON with one of the hub's codes.
//!
//! No match has a catch-all arm, so that a new variant stops the build here.

use std::error::Error as _;

use serde_json::json;
use twinhub_amqp_engine::performatives::{AmqpError, condition};
use twinhub_amqp_engine::value::Symbol;
use twinhub_core::access::{MissingRight, Refused};
use twinhub_core::ports::StoreError;
use twinhub_core::time::Timestamp;

use crate::address::Address;

/// The hub's codes that more than one kind of link needs.
/// <https://learn.microsoft.com/azure/iot-hub/troubleshoot-error-codes>
pub mod codes {
    /// `ArgumentInvalid`
    pub const ARGUMENT_INVALID: u32 = 400_004;
    /// `IotHubUnauthorizedAccess`
    pub const UNAUTHORIZED_ACCESS: u32 = 401_002;
    /// `DeviceNotFound`
    pub const DEVICE_NOT_FOUND: u32 = 404_001;
    /// `GenericNotFound`
    pub const GENERIC_NOT_FOUND: u32 = 404_000;
    /// `ServerError`
    pub const SERVER_ERROR: u32 = 500_001;
    /// `FeatureNotSupported`
    pub const NOT_IMPLEMENTED: u32 = 501_000;
}

/// An error of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubError {
    /// What went wrong, for programs.
    pub condition: Symbol,
    /// The hub's code: the first three digits are an HTTP status.
    pub code: u32,
    /// What went wrong, for people.
    pub message: String,
}

impl HubError {
    /// An error of the hub.
    pub fn new(condition: Symbol, code: u32, message: impl Into<String>) -> Self {
        HubError {
            condition,
            code,
            message: message.into(),
        }
    }

    /// Nobody serves this address. Readers of events know the wording.
    pub fn no_such_address(address: &Address) -> Self {
        HubError::new(
            condition::NOT_FOUND,
            codes::GENERIC_NOT_FOUND,
            format!("The messaging entity '{address}' could not be found."),
        )
    }

    /// There is no transaction coordinator.
    pub fn no_transactions() -> Self {
        HubError::new(
            condition::NOT_IMPLEMENTED,
            codes::NOT_IMPLEMENTED,
            "the hub knows no transactions",
        )
    }

    /// The peer has shown nothing that opens this door.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        HubError::new(
            condition::UNAUTHORIZED_ACCESS,
            codes::UNAUTHORIZED_ACCESS,
            message,
        )
    }

    /// A failure of ours; what is behind it belongs into the log.
    pub fn internal(message: impl Into<String>) -> Self {
        HubError::new(condition::INTERNAL_ERROR, codes::SERVER_ERROR, message)
    }

    /// The description that clients of the hub are used to.
    pub fn description(&self, tracking_id: &str, now: Timestamp) -> String {
        json!({
            "errorCode": self.code,
            "trackingId": tracking_id,
            "message": self.message,
            "timestampUtc": now.to_string(),
        })
        .to_string()
    }

    /// The error with a JSON description: for links of the hub.
    pub fn to_amqp(&self, tracking_id: &str, now: Timestamp) -> AmqpError {
        AmqpError::new(self.condition.clone(), self.description(tracking_id, now))
    }

    /// The error in plain text: for links of the Event Hubs side.
    pub fn to_plain(&self, tracking_id: &str, now: Timestamp) -> AmqpError {
        let HubError {
            condition, message, ..
        } = self;
        let text = format!("{message} TrackingId:{tracking_id}, Timestamp:{now}");
        AmqpError::new(condition.clone(), text)
    }
}

/// What a refusal is on the wire.
pub fn refusal(refused: &Refused) -> HubError {
    match refused {
        Refused::Malformed(_)
        | Refused::Resource(_)
        | Refused::Expired
        | Refused::OutOfScope
        | Refused::Signature
        | Refused::Disabled => HubError::unauthorized(refused.to_string()),
        Refused::NotRegistered(_) => HubError::new(
            condition::NOT_FOUND,
            codes::DEVICE_NOT_FOUND,
            refused.to_string(),
        ),
        // Whom there is, and how they prove it, is not told to strangers.
        Refused::OtherProof => HubError::unauthorized(Refused::Signature.to_string()),
        Refused::Certificate(_) => {
            HubError::unauthorized("the certificate is not one that lets the identity in")
        }
        Refused::MissingRight(missing) => missing.into(),
        Refused::Store(error) => error.into(),
    }
}

impl From<&MissingRight> for HubError {
    fn from(error: &MissingRight) -> Self {
        HubError::unauthorized(format!("{error}; use a policy that has it"))
    }
}

impl From<&StoreError> for HubError {
    fn from(error: &StoreError) -> Self {
        let cause = error.source().map(ToString::to_string);
        tracing::error!(%error, cause, "the store failed");
        HubError::internal("the hub could not reach its storage; try again")
    }
}

impl From<&Refused> for HubError {
    fn from(refused: &Refused) -> Self {
        refusal(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_of_the_hub_is_json_with_its_code() {
        let error = refusal(&Refused::Expired);

        let amqp = error.to_amqp("t-1", Timestamp::from_unix_seconds(0));

        let description: serde_json::Value =
            serde_json::from_str(&amqp.description.unwrap()).unwrap();
        assert_eq!(amqp.condition, condition::UNAUTHORIZED_ACCESS);
        assert_eq!(description["errorCode"], 401_002);
        assert_eq!(description["trackingId"], "t-1");
        assert_eq!(description["timestampUtc"], "1970-01-01T00:00:00.0000000Z");
    }

    #[test]
    fn how_an_identity_proves_itself_is_not_told() {
        assert_eq!(refusal(&Refused::OtherProof), refusal(&Refused::Signature));
    }
}
