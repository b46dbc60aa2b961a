//! The will: what a client leaves to be said when it goes without taking
//! leave.
//!
//! It is telemetry like the client's own, marked as a will, and stored durably
//! although nobody is left to be told.

use std::time::Duration;

use twinhub_core::ids::IdentityId;
use twinhub_core::ports::LogError;
use twinhub_core::telemetry::SendError;
use twinhub_mqtt_codec as codec;

use crate::bag::Bag;
use crate::topics::{DeviceTopic, Forbidden};

/// How long a will may take to become durable before it counts as lost.
pub(crate) const STORE_DEADLINE: Duration = Duration::from_secs(5);

/// Why a will that fired was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WillLost {
    #[error(transparent)]
    TooLarge(SendError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("the event log took too long")]
    TooSlow,
}

/// A client's will. It shares no memory with its CONNECT, which had a token.
pub(crate) struct Will {
    /// The property bag, still encoded.
    properties: Box<str>,
    payload: Box<[u8]>,
    retain: bool,
}

impl Will {
    /// A will may go to the identity's telemetry, and nowhere else.
    pub(crate) fn parse(will: &codec::Will, identity: &IdentityId) -> Result<Self, Forbidden> {
        match DeviceTopic::parse(&will.topic, identity)? {
            DeviceTopic::Telemetry { properties } => Ok(Will {
                properties: properties.into(),
                payload: (&*will.payload).into(),
                retain: will.retain,
            }),
            DeviceTopic::GetTwin { .. }
            | DeviceTopic::PatchReported { .. }
            | DeviceTopic::MethodResponse { .. } => Err(Forbidden),
        }
    }

    /// The properties of the message that it becomes.
    pub(crate) fn bag(&self) -> Bag<'_> {
        let mut bag = Bag::parse(&self.properties);
        let mut mark = |name: &'static str, value: &'static str| {
            bag.application.push((name.into(), Some(value.into())));
        };
        mark("iothub-MessageType", "Will");
        if self.retain {
            mark("mqtt-retain", "true");
        }
        bag
    }

    /// Its contents.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }
}
