//! Calling, and answering.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::IgnoredAny;
use tokio::time::{Instant, timeout_at};

use super::replies::{HungUp, Replies, TooMany};
use super::{CallId, MAX_PAYLOAD, MethodCall, MethodReply, MethodRequest};
use crate::access::{DevicePermit, ServicePermit};
use crate::identities::{DeviceIdentity, Status};
use crate::ids::{HubName, IdentityId};
use crate::ports::{NotDelivered, SessionNumber, Sessions, StateStore, StoreError};

/// Callers are told this much before their time is over: some stop listening
/// when it is.
const EARLY: Duration = Duration::from_millis(250);

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// No such identity.
    #[error("{0} is not registered")]
    NotRegistered(IdentityId),
    /// Its device may not connect.
    #[error("{0} is disabled")]
    Disabled(IdentityId),
    /// It did not come in time, or does not listen to the method.
    #[error("{0} is not online, or does not listen to the method")]
    NotOnline(IdentityId),
    /// It has too many calls to answer.
    #[error("{0} has too many calls to answer")]
    TooManyInFlight(IdentityId),
    /// The caller's payload.
    #[error("the payload has {0} bytes, more than {MAX_PAYLOAD}")]
    PayloadTooLarge(usize),
    /// It went offline before it answered.
    #[error("{0} disconnected before it answered")]
    Disconnected(IdentityId),
    /// It did not answer in time.
    #[error("timed out waiting for the answer of {0}")]
    NoAnswer(IdentityId),
    /// It answered something that is not JSON.
    #[error("{0} answered what is not JSON")]
    AnswerNotJson(IdentityId),
    /// It answered too much.
    #[error("{0} answered more than {MAX_PAYLOAD} bytes")]
    AnswerTooLarge(IdentityId),
    /// The identity could not be looked up.
    #[error("could not read the identity")]
    Store(#[from] StoreError),
}

/// The methods of all hubs.
pub struct Methods {
    store: Arc<dyn StateStore>,
    sessions: Arc<dyn Sessions>,
    replies: Replies,
}

impl Methods {
    /// Methods of whoever has a session.
    pub fn new(store: Arc<dyn StateStore>, sessions: Arc<dyn Sessions>) -> Self {
        Methods {
            store,
            sessions,
            replies: Replies::new(),
        }
    }

    /// Calls a method on a device or module and waits for its answer.
    ///
    /// The time for the answer starts when the session has been handed the
    /// request. Nothing is stored: if the caller goes away, nobody waits for
    /// the answer any more. An answer may come over another connection than
    /// the one that took the request, if that was lost meanwhile.
    pub async fn invoke(
        &self,
        permit: &ServicePermit,
        call: MethodCall,
    ) -> Result<MethodReply, InvokeError> {
        let (hub, id, timeouts) = (permit.hub().name(), call.target, call.timeouts);
        if let Some(payload) = &call.payload
            && payload.len() > MAX_PAYLOAD
        {
            return Err(InvokeError::PayloadTooLarge(payload.len()));
        }
        let deadline = Instant::now() + timeouts.connect();
        self.require_enabled(hub, &id).await?;
        // Registered before the hand-over, so that a fast answer finds its caller.
        let expected = self.replies.expect_from(hub, &id);
        let mut expected = expected.map_err(|TooMany| InvokeError::TooManyInFlight(id.clone()))?;
        let request = Arc::new(MethodRequest {
            call: expected.call(),
            name: call.name,
            payload: call.payload.unwrap_or(Bytes::from_static(b"null")),
        });
        let session = self.hand_over(hub, &id, request, deadline).await?;
        permit.hub().traffic().method_called();
        expected.handed_to(session);

        let patience = Instant::now() + timeouts.response().saturating_sub(EARLY);
        match timeout_at(patience, expected.reply()).await {
            Ok(Ok(reply)) => check_answer(reply, id),
            Ok(Err(HungUp)) => Err(InvokeError::Disconnected(id)),
            Err(_) if self.sessions.is_connected(hub, &id) => Err(InvokeError::NoAnswer(id)),
            Err(_) => Err(InvokeError::Disconnected(id)),
        }
    }

    /// An identity's answer to a call. False if nobody waits for it: it comes
    /// late or twice, or is not this identity's to give.
    pub fn accept_reply(&self, permit: &DevicePermit, call: CallId, reply: MethodReply) -> bool {
        self.replies
            .accept(permit.hub().name(), permit.id(), call, reply)
    }

    /// An identity took its leave in a session: it answers no call that was
    /// handed to that session or to one before. Calls that still wait for a
    /// session go on waiting.
    ///
    /// Not for connections that are lost: the answer may come over the next.
    pub fn hung_up(&self, permit: &DevicePermit, session: SessionNumber) {
        let (hub, id) = (permit.hub().name(), permit.id());
        self.replies.hang_up(hub, id, session);
    }

    /// Hands the request to a session that listens to it; waits for one until
    /// the deadline.
    async fn hand_over(
        &self,
        hub: &HubName,
        id: &IdentityId,
        request: Arc<MethodRequest>,
        deadline: Instant,
    ) -> Result<SessionNumber, InvokeError> {
        loop {
            match self.sessions.call(hub, id, request.clone()).await {
                Ok(session) => return Ok(session),
                Err(NotDelivered::Full) => return Err(InvokeError::TooManyInFlight(id.clone())),
                Err(NotDelivered::NotConnected | NotDelivered::NotListening) => {}
            }
            let listening = self.sessions.listening(hub, id, &request.name);
            if Instant::now() >= deadline || timeout_at(deadline, listening).await.is_err() {
                return Err(InvokeError::NotOnline(id.clone()));
            }
        }
    }

    async fn require_enabled(&self, hub: &HubName, id: &IdentityId) -> Result<(), InvokeError> {
        let device: Option<DeviceIdentity> = match id {
            IdentityId::Device(device) => {
                let found = self.store.device(hub, device).await?;
                found.map(|found| found.identity.value)
            }
            IdentityId::Module { device, module } => {
                match self.store.module(hub, device, module).await? {
                    (Some(device), Some(_)) => Some(device.identity.value),
                    _ => None,
                }
            }
        };
        match device
            .ok_or_else(|| InvokeError::NotRegistered(id.clone()))?
            .status
        {
            Status::Enabled => Ok(()),
            Status::Disabled => Err(InvokeError::Disabled(id.clone())),
        }
    }
}

/// What callers get is JSON, whatever an identity answered.
fn check_answer(reply: MethodReply, from: IdentityId) -> Result<MethodReply, InvokeError> {
    if reply.payload.len() > MAX_PAYLOAD {
        return Err(InvokeError::AnswerTooLarge(from));
    }
    if reply.payload.is_empty() {
        let payload = Bytes::from_static(b"null");
        return Ok(MethodReply { payload, ..reply });
    }
    match is_json(&reply.payload) {
        true => Ok(reply),
        false => Err(InvokeError::AnswerNotJson(from)),
    }
}

fn is_json(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes);
    text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::DeviceId;

    fn answered(payload: &[u8]) -> Result<MethodReply, InvokeError> {
        let reply = MethodReply {
            status: -7,
            payload: Bytes::copy_from_slice(payload),
        };
        check_answer(reply, DeviceId::parse("pump-7").unwrap().into())
    }

    #[test]
    fn an_answer_is_json_of_any_kind_or_nothing() {
        for json in [
            "null",
            "1e400",
            "\"text\"",
            " [1, {\"a\": []}]\n",
            "12345678901234567890123",
        ] {
            let reply = answered(json.as_bytes()).unwrap();
            assert_eq!((reply.status, &reply.payload[..]), (-7, json.as_bytes()));
        }
        assert_eq!(&answered(b"").unwrap().payload[..], b"null");
        for other in [&b"nul"[..], b"{", b"{} {}", b"\"\xff\"", b"\0", b" "] {
            let refused = answered(other);
            assert!(
                matches!(refused, Err(InvokeError::AnswerNotJson(_))),
                "{other:?}"
            );
        }
    }

    #[test]
    fn an_answer_has_a_limit() {
        let largest = format!("\"{}\"", "a".repeat(MAX_PAYLOAD - 2));
        assert!(answered(largest.as_bytes()).is_ok());
        let larger = format!("{largest} ");

        let refused = answered(larger.as_bytes());

        assert!(matches!(refused, Err(InvokeError::AnswerTooLarge(_))));
    }
}
