//! Calls that wait for their answers.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{CallId, MethodReply};
use crate::ids::{HubName, IdentityId};
use crate::ports::SessionNumber;

/// How many calls of one identity may wait at once. Azure has a bound, too,
/// and does not tell it.
pub const MAX_IN_FLIGHT: usize = 32;

/// An identity of a hub.
type Callee = (HubName, IdentityId);

/// The calls that wait, by whom they wait for.
pub(super) struct Replies {
    last: AtomicU64,
    awaited: Mutex<HashMap<Callee, Vec<Awaited>>>,
}

struct Awaited {
    call: CallId,
    reply: oneshot::Sender<MethodReply>,
    /// The session that has the request, once that is known.
    handed_to: Option<SessionNumber>,
    /// The last session that hung up meanwhile; maybe before it was known to
    /// have the request.
    hung_up: Option<SessionNumber>,
}

/// The identity has too many calls to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

/// Nobody will answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HungUp;

/// A call that waits. Dropping it ends the waiting.
pub(super) struct Expected<'a> {
    replies: &'a Replies,
    from: Callee,
    call: CallId,
    reply: oneshot::Receiver<MethodReply>,
}

impl Replies {
    pub(super) fn new() -> Self {
        Replies {
            // Random, so that an answer to a call from before a restart is
            // not taken for one to a call of now.
            last: AtomicU64::new(RandomState::new().hash_one(0)),
            awaited: Mutex::default(),
        }
    }

    /// From now on an answer finds its caller.
    pub(super) fn expect_from(
        &self,
        hub: &HubName,
        id: &IdentityId,
    ) -> Result<Expected<'_>, TooMany> {
        let call = CallId::from_number(self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
        let from = (hub.clone(), id.clone());
        let (sender, reply) = oneshot::channel();
        let mut awaited = self.awaited();
        let calls = awaited.entry(from.clone()).or_default();
        if calls.len() >= MAX_IN_FLIGHT {
            return Err(TooMany);
        }
        calls.push(Awaited {
            call,
            reply: sender,
            handed_to: None,
            hung_up: None,
        });
        drop(awaited);
        Ok(Expected {
            replies: self,
            from,
            call,
            reply,
        })
    }

    /// Hands an answer to its caller; false if nobody waits for it.
    pub(super) fn accept(
        &self,
        hub: &HubName,
        id: &IdentityId,
        call: CallId,
        reply: MethodReply,
    ) -> bool {
        let taken = self.take(&(hub.clone(), id.clone()), call);
        taken.is_some_and(|awaited| awaited.reply.send(reply).is_ok())
    }

    /// The identity answers nothing that this session was handed, or one
    /// before it.
    pub(super) fn hang_up(&self, hub: &HubName, id: &IdentityId, session: SessionNumber) {
        let from = (hub.clone(), id.clone());
        let mut awaited = self.awaited();
        let Some(calls) = awaited.get_mut(&from) else {
            return;
        };
        for call in calls.iter_mut() {
            call.hung_up = call.hung_up.max(Some(session));
        }
        calls.retain(|call| !call.is_hung_up());
        if calls.is_empty() {
            awaited.remove(&from);
        }
    }

    /// A session has a call's request.
    fn handed_to(&self, from: &Callee, call: CallId, session: SessionNumber) {
        let mut awaited = self.awaited();
        let mut calls = awaited.get_mut(from).into_iter().flatten();
        let Some(waiting) = calls.find(|waiting| waiting.call == call) else {
            return;
        };
        waiting.handed_to = Some(session);
        let hung_up = waiting.is_hung_up();
        drop(awaited);
        if hung_up {
            self.take(from, call);
        }
    }

    fn take(&self, from: &Callee, call: CallId) -> Option<Awaited> {
        let mut awaited = self.awaited();
        let calls = awaited.get_mut(from)?;
        let index = calls.iter().position(|awaited| awaited.call == call)?;
        let taken = calls.swap_remove(index);
        if calls.is_empty() {
            awaited.remove(from);
        }
        Some(taken)
    }

    fn awaited(&self) -> MutexGuard<'_, HashMap<Callee, Vec<Awaited>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited {
    fn is_hung_up(&self) -> bool {
        self.handed_to.is_some() && self.handed_to <= self.hung_up
    }
}

impl Expected<'_> {
    pub(super) fn call(&self) -> CallId {
        self.call
    }

    /// From now on the answer is this session's to give, or a later one's.
    pub(super) fn handed_to(&self, session: SessionNumber) {
        self.replies.handed_to(&self.from, self.call, session);
    }

    pub(super) async fn reply(&mut self) -> Result<MethodReply, HungUp> {
        (&mut self.reply).await.map_err(|_| HungUp)
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.replies.take(&self.from, self.call);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::ids::DeviceId;

    fn plant() -> HubName {
        HubName::parse("plant").unwrap()
    }

    fn pump() -> IdentityId {
        DeviceId::parse("pump-7").unwrap().into()
    }

    fn reply(status: i64) -> MethodReply {
        MethodReply {
            status,
            payload: Bytes::new(),
        }
    }

    #[tokio::test]
    async fn an_answer_finds_its_call_once() {
        let replies = Replies::new();
        let (hub, id) = (plant(), pump());
        let mut first = replies.expect_from(&hub, &id).unwrap();
        let mut second = replies.expect_from(&hub, &id).unwrap();

        assert!(replies.accept(&hub, &id, second.call(), reply(2)));
        assert!(!replies.accept(&hub, &id, second.call(), reply(3)));
        assert!(replies.accept(&hub, &id, first.call(), reply(1)));

        assert_eq!(first.reply().await, Ok(reply(1)));
        assert_eq!(second.reply().await, Ok(reply(2)));
    }

    #[test]
    fn an_answer_of_somebody_else_is_dropped() {
        let replies = Replies::new();
        let (hub, id) = (plant(), pump());
        let expected = replies.expect_from(&hub, &id).unwrap();
        let other = DeviceId::parse("valve-1").unwrap().into();
        let harbour = HubName::parse("harbour").unwrap();

        assert!(!replies.accept(&hub, &other, expected.call(), reply(1)));
        assert!(!replies.accept(&harbour, &id, expected.call(), reply(1)));
        assert!(replies.accept(&hub, &id, expected.call(), reply(1)));
    }

    #[test]
    fn whoever_goes_away_leaves_nothing_and_frees_a_place() {
        let replies = Replies::new();
        let (hub, id) = (plant(), pump());
        let mut expected: Vec<_> = (0..MAX_IN_FLIGHT)
            .map(|_| replies.expect_from(&hub, &id).unwrap())
            .collect();
        assert_eq!(replies.expect_from(&hub, &id).err(), Some(TooMany));

        let gone = expected.pop().unwrap().call();
        assert!(!replies.accept(&hub, &id, gone, reply(1)));
        expected.push(replies.expect_from(&hub, &id).unwrap());
        expected.clear();

        assert!(replies.awaited().is_empty());
    }

    #[tokio::test]
    async fn whoever_hangs_up_answers_nothing_that_it_was_handed() {
        let replies = Replies::new();
        let (hub, id) = (plant(), pump());
        let mut lost_before = replies.expect_from(&hub, &id).unwrap();
        let mut handed = replies.expect_from(&hub, &id).unwrap();
        lost_before.handed_to(SessionNumber(1));
        handed.handed_to(SessionNumber(2));

        replies.hang_up(&hub, &id, SessionNumber(2));

        assert_eq!(lost_before.reply().await, Err(HungUp));
        assert_eq!(handed.reply().await, Err(HungUp));
        assert!(replies.awaited().is_empty());
    }

    #[tokio::test]
    async fn whoever_hangs_up_leaves_alone_what_others_have_or_will_have() {
        let replies = Replies::new();
        let (hub, id) = (plant(), pump());
        let mut for_the_next = replies.expect_from(&hub, &id).unwrap();
        let mut with_the_next = replies.expect_from(&hub, &id).unwrap();
        with_the_next.handed_to(SessionNumber(2));

        replies.hang_up(&hub, &id, SessionNumber(1));
        for_the_next.handed_to(SessionNumber(2));
        replies.accept(&hub, &id, for_the_next.call(), reply(1));
        replies.accept(&hub, &id, with_the_next.call(), reply(2));

        assert_eq!(for_the_next.reply().await, Ok(reply(1)));
        assert_eq!(with_the_next.reply().await, Ok(reply(2)));
    }

    #[tokio::test]
    async fn whoever_hangs_up_may_do_so_before_it_is_known_what_it_was_handed() {
        let replies = Replies::new();
        let (hub, id) = (plant(), pump());
        let mut handed = replies.expect_from(&hub, &id).unwrap();

        replies.hang_up(&hub, &id, SessionNumber(1));
        handed.handed_to(SessionNumber(1));

        assert_eq!(handed.reply().await, Err(HungUp));
    }
}
