//! The two ends of a session's mailbox.
//!
//! Small while it is empty: a hub has as many as it has connections.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{EndReason, Interests, Notice};

/// How many notices wait for a session that does not take them. One more is
/// refused: a method call is refused to its caller, any other notice ends the
/// session with [`EndReason::TooSlow`]. It comes back and reads its twin, so
/// that nothing is lost and no memory grows.
pub const MAILBOX_CAPACITY: usize = 64;

/// Which session of an engine. Never given twice; an identity's later sessions
/// have higher ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionNumber(pub u64);

/// A session's hold on its place in an engine. Dropping it gives the place up,
/// unless a newer session has taken it.
pub trait Place: Send + Sync {
    /// The session is interested in these things from now on, and no others.
    fn listens_to(&self, interests: Interests);
}

/// There is no room in the mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mailbox is full")]
pub struct MailboxFull;

/// The engine's end of a mailbox. Dropping the last one ends the session.
pub struct Postbox(Arc<Shared>);

/// A session's end of the bus. Dropping it gives the session's place up,
/// unless a newer session has taken it.
pub struct Mailbox {
    number: SessionNumber,
    shared: Arc<Shared>,
    place: Box<dyn Place>,
}

#[derive(Default)]
struct Shared(Mutex<Content>);

#[derive(Default)]
struct Content {
    notices: VecDeque<Notice>,
    messages_waiting: bool,
    ended: Option<EndReason>,
    /// Of the task that waits for the next notice.
    waker: Option<Waker>,
}

impl Postbox {
    /// For engines: the postbox of a new mailbox.
    pub fn new() -> Self {
        Postbox(Arc::default())
    }

    /// The mailbox that this postbox fills: one.
    pub fn mailbox(&self, number: SessionNumber, place: Box<dyn Place>) -> Mailbox {
        Mailbox {
            number,
            shared: self.0.clone(),
            place,
        }
    }

    /// Puts a notice in. [`Notice::MessagesWaiting`] takes no room, and is
    /// told once however often it was put in.
    pub fn put(&self, notice: Notice) -> Result<(), MailboxFull> {
        let mut content = self.0.lock();
        match notice {
            Notice::MessagesWaiting => content.messages_waiting = true,
            _ if content.notices.len() >= MAILBOX_CAPACITY => return Err(MailboxFull),
            notice => content.notices.push_back(notice),
        }
        content.wake();
        Ok(())
    }

    /// Tells the session to end.
    pub fn end(self, reason: EndReason) {
        self.0.lock().ended = Some(reason);
    }
}

impl Default for Postbox {
    fn default() -> Self {
        Postbox::new()
    }
}

impl Drop for Postbox {
    fn drop(&mut self) {
        let mut content = self.0.lock();
        content.ended.get_or_insert(EndReason::ShuttingDown);
        content.notices = VecDeque::new();
        content.wake();
    }
}

impl Mailbox {
    /// Which session it belongs to.
    pub fn session(&self) -> SessionNumber {
        self.number
    }

    /// The session is interested in these things from now on, and no others.
    ///
    /// One that begins to listen to messages is told of waiting ones at once,
    /// whether or not there are any.
    pub fn listens_to(&self, interests: Interests) {
        self.place.listens_to(interests);
    }

    /// The next notice, or why the session must end. The end comes first:
    /// notices still waiting are then of no use. Safe to cancel.
    pub async fn next(&mut self) -> Result<Notice, EndReason> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`next`](Self::next).
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Notice, EndReason>> {
        let mut content = self.shared.lock();
        if let Some(reason) = content.ended {
            return Poll::Ready(Err(reason));
        }
        if let Some(notice) = content.take() {
            return Poll::Ready(Ok(notice));
        }
        match &mut content.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn take(&mut self) -> Option<Notice> {
        let Some(notice) = self.notices.pop_front() else {
            return std::mem::take(&mut self.messages_waiting).then_some(Notice::MessagesWaiting);
        };
        if self.notices.is_empty() {
            self.notices = VecDeque::new();
        }
        Some(notice)
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nowhere;

    impl Place for Nowhere {
        fn listens_to(&self, _: Interests) {}
    }

    fn both_ends() -> (Postbox, Mailbox) {
        let postbox = Postbox::new();
        let mailbox = postbox.mailbox(SessionNumber(1), Box::new(Nowhere));
        (postbox, mailbox)
    }

    #[tokio::test]
    async fn waiting_messages_are_told_once_and_take_no_room() {
        let (postbox, mut mailbox) = both_ends();
        for _ in 0..MAILBOX_CAPACITY {
            postbox.put(Notice::CheckAgain).unwrap();
        }

        for _ in 0..3 {
            postbox.put(Notice::MessagesWaiting).unwrap();
        }
        assert_eq!(postbox.put(Notice::CheckAgain), Err(MailboxFull));

        for _ in 0..MAILBOX_CAPACITY {
            assert_eq!(mailbox.next().await, Ok(Notice::CheckAgain));
        }
        assert_eq!(mailbox.next().await, Ok(Notice::MessagesWaiting));
        postbox.end(EndReason::Removed);
        assert_eq!(mailbox.next().await, Err(EndReason::Removed));
    }

    #[tokio::test]
    async fn a_waiting_session_is_woken() {
        let (postbox, mut mailbox) = both_ends();
        let waiting = tokio::spawn(async move { (mailbox.next().await, mailbox.next().await) });
        tokio::task::yield_now().await;

        postbox.put(Notice::CheckAgain).unwrap();
        tokio::task::yield_now().await;
        drop(postbox);

        let told = waiting.await.unwrap();
        assert_eq!(told.0, Ok(Notice::CheckAgain));
        assert_eq!(told.1, Err(EndReason::ShuttingDown));
    }
}
