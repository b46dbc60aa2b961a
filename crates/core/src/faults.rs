//! Faults on demand: a message of a device or module asks that its connection
//! suffer, so that clients can be tested.
//!
//! The names are those that the end-to-end tests of Microsoft's SDKs send. A
//! fault hits the identity that asked for it and nobody else. Unless the hub
//! allows it, such a message is one like every other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::access::DevicePermit;
use crate::ids::{HubName, IdentityId};
use crate::messages::MessageRef;
use crate::time::{Clock, Timestamp};

/// The longest delay and the longest duration; more counts as this much.
pub const MAX_FAULT_TIME: Duration = Duration::from_secs(300);

const KIND: &str = "AzIoTHub_FaultOperationType";
const DELAY: &str = "AzIoTHub_FaultOperationDelayInSecs";
const DURATION: &str = "AzIoTHub_FaultOperationDurationInSecs";

/// What shall go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks off without a word.
    ConnectionLost,
    /// The hub closes the connection in good order.
    ConnectionClosed,
    /// One stream of a connection that carries several breaks off: the one of
    /// this name. Where a connection is one stream, all of it.
    StreamLost(&'static str),
    /// Nobody is let in.
    Unauthorized,
    /// Too much at once.
    Throttled,
    /// The daily quota is used up.
    QuotaExceeded,
}

/// Every name that SDKs send, with its meaning.
const KINDS: [(&str, Fault); 16] = [
    ("KillTcp", Fault::ConnectionLost),
    ("KillAmqpConnection", Fault::StreamLost("Connection")),
    ("KillAmqpSession", Fault::StreamLost("Session")),
    ("KillAmqpCBSLinkReq", Fault::StreamLost("CBSLinkReq")),
    ("KillAmqpCBSLinkResp", Fault::StreamLost("CBSLinkResp")),
    ("KillAmqpD2CLink", Fault::StreamLost("D2CLink")),
    ("KillAmqpC2DLink", Fault::StreamLost("C2DLink")),
    ("KillAmqpTwinLinkReq", Fault::StreamLost("TwinLinkReq")),
    ("KillAmqpTwinLinkResp", Fault::StreamLost("TwinLinkResp")),
    ("KillAmqpMethodReqLink", Fault::StreamLost("MethodReqLink")),
    (
        "KillAmqpMethodRespLink",
        Fault::StreamLost("MethodRespLink"),
    ),
    ("InvokeThrottling", Fault::Throttled),
    ("InvokeMaxMessageQuota", Fault::QuotaExceeded),
    ("InvokeAuthError", Fault::Unauthorized),
    ("ShutDownAmqp", Fault::ConnectionClosed),
    ("ShutDownMqtt", Fault::ConnectionClosed),
];

/// A message's wish for a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultOrder {
    /// What shall go wrong.
    pub fault: Fault,
    /// How long after the wish.
    pub delay: Duration,
    /// How long it lasts. What ends a connection lasts no longer than that.
    pub duration: Duration,
}

impl FaultOrder {
    /// What a message wishes; `None` if it is a message like every other, also
    /// if it wishes something unknown. Times that are no numbers are zero.
    fn of(message: &MessageRef<'_>) -> Option<Self> {
        let property = |wanted: &str| {
            let mut named = message.application.iter();
            let (_, value) = named.find(|(name, _)| name == wanted)?;
            value.as_deref()
        };
        let kind = property(KIND)?;
        let (_, fault) = KINDS.iter().find(|(name, _)| *name == kind)?;
        Some(FaultOrder {
            fault: *fault,
            delay: seconds(property(DELAY)),
            duration: seconds(property(DURATION)),
        })
    }
}

fn seconds(text: Option<&str>) -> Duration {
    let seconds = text
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    seconds.unwrap_or_default().min(MAX_FAULT_TIME)
}

/// The faults of all hubs of this process.
pub struct Faults {
    allowed: bool,
    clock: Arc<dyn Clock>,
    /// What lasts, and until when. One per identity; what is over goes when
    /// the next begins.
    lasting: Mutex<HashMap<(HubName, IdentityId), (Fault, Timestamp)>>,
}

impl Faults {
    /// Whether hubs of this process allow faults is set at their start.
    pub fn new(allowed: bool, clock: Arc<dyn Clock>) -> Self {
        Faults {
            allowed,
            clock,
            lasting: Mutex::default(),
        }
    }

    /// The fault that a message wishes, if it wishes one and may. Such a
    /// message is not stored.
    pub fn ordered(&self, message: &MessageRef<'_>) -> Option<FaultOrder> {
        match self.allowed {
            true => FaultOrder::of(message),
            false => None,
        }
    }

    /// The delay is over: from now on the fault lasts as long as was wished.
    pub fn begin(&self, permit: &DevicePermit, order: &FaultOrder) {
        let lasts = match order.fault {
            Fault::Unauthorized | Fault::Throttled | Fault::QuotaExceeded => order.duration,
            // Clients come back at once, and expect to be let in.
            Fault::ConnectionLost | Fault::ConnectionClosed | Fault::StreamLost(_) => {
                Duration::ZERO
            }
        };
        tracing::info!(identity = %permit.id(), fault = ?order.fault, ?lasts, "a fault begins");
        let now = self.clock.now();
        let mut lasting = self.lasting();
        lasting.retain(|_, (_, until)| *until > now);
        if !lasts.is_zero() {
            let key = (permit.hub().name().clone(), permit.id().clone());
            lasting.insert(key, (order.fault, now.plus(lasts)));
        }
    }

    /// What goes wrong for an identity now.
    pub fn lasting_for(&self, permit: &DevicePermit) -> Option<Fault> {
        if !self.allowed {
            return None;
        }
        let key = (permit.hub().name().clone(), permit.id().clone());
        let (fault, until) = *self.lasting().get(&key)?;
        (until > self.clock.now()).then_some(fault)
    }

    fn lasting(&self) -> MutexGuard<'_, HashMap<(HubName, IdentityId), (Fault, Timestamp)>> {
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn order(properties: &[(&'static str, &'static str)]) -> Option<FaultOrder> {
        let application: Vec<(Cow<'_, str>, Option<Cow<'_, str>>)> = properties
            .iter()
            .map(|(name, value)| (Cow::from(*name), Some(Cow::from(*value))))
            .collect();
        FaultOrder::of(&MessageRef {
            system: &[],
            application: &application,
            body: b"",
        })
    }

    #[test]
    fn a_message_of_an_sdk_test_is_understood() {
        let ordered = order(&[
            ("AzIoTHub_FaultOperationType", "KillTcp"),
            ("AzIoTHub_FaultOperationCloseReason", "boom"),
            ("AzIoTHub_FaultOperationDelayInSecs", "2"),
            ("AzIoTHub_FaultOperationDurationInSecs", "5"),
        ]);

        let expected = FaultOrder {
            fault: Fault::ConnectionLost,
            delay: Duration::from_secs(2),
            duration: Duration::from_secs(5),
        };
        assert_eq!(ordered, Some(expected));
    }

    #[test]
    fn times_that_are_missing_or_nonsense_are_zero_and_long_ones_are_cut() {
        for (text, expected) in [
            ("", Duration::ZERO),
            ("-1", Duration::ZERO),
            ("soon", Duration::ZERO),
            ("99999999999", MAX_FAULT_TIME),
        ] {
            let ordered = order(&[(KIND, "InvokeThrottling"), (DELAY, text)]).unwrap();

            assert_eq!(ordered.delay, expected, "{text}");
            assert_eq!(ordered.duration, Duration::ZERO);
        }
    }

    #[test]
    fn what_wishes_nothing_known_is_an_ordinary_message() {
        assert_eq!(order(&[("hall", "7")]), None);
        assert_eq!(order(&[(DELAY, "1")]), None);
        assert_eq!(order(&[(KIND, "killtcp")]), None);
        assert_eq!(order(&[(KIND, "MeltDown")]), None);
    }
}
