//! `/messages/serviceBound/feedback`: what became of messages, in batches.
//!
//! A batch is locked when it is sent, and somebody else's once the lock runs
//! out. What a reader has not settled when its link ends is for others at
//! once.
//!
//! | The reader says | The batch |
//! |---|---|
//! | accepted, rejected | is gone: feedback has no dead letters |
//! | released, modified | comes again |
//! | nothing while it settles | ends as the source's default outcome says, else it comes again |

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use twinhub_amqp_engine::performatives::{AmqpError, DeliveryState, SenderSettleMode};
use twinhub_amqp_server::links::DeliveryId;
use twinhub_amqp_server::{
    NewDelivery, Outgoing, OutgoingTerms, PendingLink, PermitWatch, Settlement,
};
use twinhub_core::c2d::{CloudToDevice, FeedbackBatch, FeedbackError, LockToken};

use super::Asker;
use super::errors;
use super::feedback_message::write_feedback;
use crate::messages::tag_of;

/// Batches that a reader may hold. Of more, the oldest is forgotten: it comes
/// again when its lock runs out.
const MAX_HELD: usize = 256;

/// Serves such a link until it ends.
pub(super) async fn serve(link: PendingLink, asker: Asker, c2d: Arc<CloudToDevice>) {
    let permission = match asker.ask().await {
        Ok(permission) => permission,
        Err(error) => return link.refuse(error),
    };
    let settled = link.attach().snd_settle_mode == SenderSettleMode::Settled;
    let mut reader = Reader {
        link: link.accept_outgoing(OutgoingTerms::default()),
        settled,
        permission,
        c2d,
        held: VecDeque::new(),
    };
    let error = reader.run().await;
    reader.leave().await;
    reader.link.end(error);
}

/// A link on which a back end reads feedback.
struct Reader {
    link: Outgoing,
    /// The reader wants batches that are settled when they come.
    settled: bool,
    permission: PermitWatch,
    c2d: Arc<CloudToDevice>,
    /// What was sent and not settled, oldest first.
    held: VecDeque<(DeliveryId, LockToken)>,
}

/// Waits for feedback, as long as it could be sent.
type Waiting = Option<BoxFuture<'static, Result<(), FeedbackError>>>;

/// What a link has to do next.
enum Task {
    Settle(Settlement),
    /// A batch may be there, or the reader wants to know that none is.
    Look,
    End,
}

impl Reader {
    /// Returns what the link ends with.
    async fn run(&mut self) -> Option<AmqpError> {
        let mut waiting = None;
        loop {
            let permit = self.permission.permit().clone();
            let (link, c2d) = (&mut self.link, &self.c2d);
            let next = poll_fn(|cx| {
                poll_task(link, &mut waiting, cx, || {
                    let (c2d, permit) = (c2d.clone(), permit.clone());
                    async move { c2d.feedback_ready(&permit).await }.boxed()
                })
            });
            let task = tokio::select! {
                task = next => task,
                refused = self.permission.withdrawn() => {
                    return Some(self.permission.connection().error(&refused));
                }
            };
            let done = match task {
                Ok(Task::Settle(settlement)) => {
                    self.settle(settlement).await;
                    Ok(())
                }
                Ok(Task::Look) => self.send_next().await,
                Ok(Task::End) => return None,
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                let error = errors::no_feedback(&error);
                return Some(self.permission.connection().error(error));
            }
        }
    }

    /// Sends the next batch, if there is one and the reader still wants it.
    async fn send_next(&mut self) -> Result<(), FeedbackError> {
        let permit = &self.permission.permit().clone();
        let batch = match self.link.is_ready() {
            true => self.c2d.receive_feedback(permit).await?,
            false => None,
        };
        let Some(batch) = batch else {
            self.link.drained();
            return Ok(());
        };
        let Some(delivery) = self.send(&batch) else {
            // The reader took its credit back meanwhile.
            return self.c2d.give_back_feedback(permit, &[batch.lock]).await;
        };
        if self.settled {
            return self.c2d.complete_feedback(permit, &batch.lock).await;
        }
        if self.held.len() >= MAX_HELD
            && let Some((oldest, _)) = self.held.pop_front()
        {
            self.link.settle(oldest, &DeliveryState::Released);
        }
        self.held.push_back((delivery, batch.lock));
        Ok(())
    }

    fn send(&mut self, batch: &FeedbackBatch) -> Option<DeliveryId> {
        let delivery = NewDelivery {
            tag: &tag_of(&batch.lock),
            settled: self.settled,
            message_format: 0,
        };
        let hub = self.permission.permit().hub().name();
        let sent = self
            .link
            .send(delivery, |out| write_feedback(batch, hub, out));
        sent.ok()
    }

    /// Does what the reader says with the batches that it names.
    async fn settle(&mut self, settlement: Settlement) {
        let source = self.link.attach().source.as_ref();
        let default = source.and_then(|source| source.default_outcome.as_ref());
        let Some(verdict) = Verdict::of(&settlement, default) else {
            return;
        };
        let named;
        (named, self.held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(id, _)| is_in(&settlement, *id));
        for (id, lock) in named {
            let result = self.apply(verdict, &lock).await;
            if let Err(error) = &result {
                tracing::debug!(%error, "feedback was not settled");
            }
            if settlement.settled {
                continue;
            }
            let state = match (result, &settlement.state) {
                (Ok(()), Some(state)) => state.clone(),
                (Ok(()), None) => DeliveryState::Released,
                (Err(error), _) => {
                    let error = errors::no_feedback(&error);
                    DeliveryState::rejected(self.permission.connection().error(error))
                }
            };
            self.link.settle(id, &state);
        }
    }

    async fn apply(&self, verdict: Verdict, lock: &LockToken) -> Result<(), FeedbackError> {
        let permit = self.permission.permit();
        match verdict {
            Verdict::Complete => self.c2d.complete_feedback(permit, lock).await,
            Verdict::Abandon => self.c2d.abandon_feedback(permit, lock).await,
        }
    }

    /// Leaves to others what is not settled.
    async fn leave(&mut self) {
        let locks: Vec<_> = self.held.drain(..).map(|(_, lock)| lock).collect();
        if locks.is_empty() {
            return;
        }
        let permit = self.permission.permit();
        if let Err(error) = self.c2d.give_back_feedback(permit, &locks).await {
            tracing::warn!(%error, "feedback stays locked until its locks run out");
        }
    }
}

/// What the link has to do next. `wait` begins to wait for feedback, which
/// nothing does while none could be sent.
fn poll_task(
    link: &mut Outgoing,
    waiting: &mut Waiting,
    cx: &mut Context<'_>,
    wait: impl FnOnce() -> BoxFuture<'static, Result<(), FeedbackError>>,
) -> Poll<Result<Task, FeedbackError>> {
    match link.poll_settlement(cx) {
        Poll::Ready(Some(settlement)) => return Poll::Ready(Ok(Task::Settle(settlement))),
        Poll::Ready(None) => return Poll::Ready(Ok(Task::End)),
        Poll::Pending => {}
    }
    if link.poll_draining(cx).is_ready() {
        return Poll::Ready(Ok(Task::Look));
    }
    if link.poll_ready(cx).is_pending() {
        *waiting = None;
        return Poll::Pending;
    }
    let ready = waiting.get_or_insert_with(wait).poll_unpin(cx);
    ready.map(|found| {
        *waiting = None;
        found.map(|()| Task::Look)
    })
}

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Complete,
    Abandon,
}

impl Verdict {
    /// Nothing while the reader has not made up its mind. What it settles
    /// without a word ends as it said when it attached.
    fn of(settlement: &Settlement, default: Option<&DeliveryState>) -> Option<Self> {
        let default = default.filter(|_| settlement.settled);
        match settlement.state.as_ref().or(default) {
            Some(DeliveryState::Accepted | DeliveryState::Rejected(_)) => Some(Verdict::Complete),
            Some(DeliveryState::Released | DeliveryState::Modified(_)) => Some(Verdict::Abandon),
            Some(DeliveryState::Received(_) | DeliveryState::Other(_)) | None => {
                settlement.settled.then_some(Verdict::Abandon)
            }
        }
    }
}

/// Numbers wrap around.
fn is_in(settlement: &Settlement, id: DeliveryId) -> bool {
    let from_first = |id: DeliveryId| id.0.wrapping_sub(settlement.first.0);
    from_first(id) <= from_first(settlement.last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settlement(first: u32, last: u32) -> Settlement {
        Settlement {
            first: DeliveryId(first),
            last: DeliveryId(last),
            state: None,
            settled: true,
        }
    }

    #[test]
    fn a_range_may_wrap_around() {
        let wrapping = settlement(u32::MAX, 1);

        for (id, expected) in [
            (u32::MAX - 1, false),
            (u32::MAX, true),
            (0, true),
            (2, false),
        ] {
            assert_eq!(is_in(&wrapping, DeliveryId(id)), expected, "{id}");
        }
    }

    #[test]
    fn only_what_is_final_or_settled_decides() {
        let accepted = Some(&DeliveryState::Accepted);
        let said_with = |state, settled, default| {
            let said = Settlement {
                state,
                settled,
                ..settlement(0, 0)
            };
            Verdict::of(&said, default)
        };
        let said = |state, settled| said_with(state, settled, None);

        assert_eq!(
            said(Some(DeliveryState::Accepted), false),
            Some(Verdict::Complete)
        );
        assert_eq!(
            said(Some(DeliveryState::Released), true),
            Some(Verdict::Abandon)
        );
        assert_eq!(said(None, false), None);
        assert_eq!(said(None, true), Some(Verdict::Abandon));
        assert_eq!(said_with(None, true, accepted), Some(Verdict::Complete));
        assert_eq!(said_with(None, false, accepted), None);
    }
}
