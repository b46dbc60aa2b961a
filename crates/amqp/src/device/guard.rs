//! What may end a session from the outside: time, revocation, a newer
//! session, a fault on demand.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use twinhub_core::access::{DevicePermit, Refused};
use twinhub_core::faults::FaultOrder;
use twinhub_core::ports::{EndReason, Notice};

use super::end::End;
use super::owner::Owner;

/// The longest that a timer is set for; it is set anew then.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What a session learns.
pub(super) enum News {
    /// Something for the client.
    Notice(Notice),
    /// A fault is due.
    Fault(FaultOrder),
}

/// Whatever may end a session.
pub(super) struct Guard {
    /// Not later than the permit's end.
    expiry: Pin<Box<Sleep>>,
    check: Option<Check>,
    /// What let the session in changed again during the check.
    again: bool,
    fault: Option<(Pin<Box<Sleep>>, FaultOrder)>,
}

/// A look at what let the session in: the permit from now on.
type Check = BoxFuture<'static, Result<DevicePermit, End>>;

impl Guard {
    pub(super) fn new(owner: &Owner) -> Self {
        Guard {
            expiry: Box::pin(sleep_until(deadline(owner))),
            check: None,
            again: false,
            fault: None,
        }
    }

    /// Lets the fault happen once its delay is over, unless an earlier one is
    /// under way.
    pub(super) fn let_fail(&mut self, order: FaultOrder) {
        let due = || (Box::pin(sleep(order.delay)), order);
        self.fault.get_or_insert_with(due);
    }

    /// What there is to know next, or why the session must end.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        owner: &mut Owner,
    ) -> Poll<Result<News, End>> {
        loop {
            if let Some(mailbox) = owner.mailbox() {
                match mailbox.poll_next(cx) {
                    Poll::Ready(Err(reason)) => return Poll::Ready(Err(told(reason))),
                    Poll::Ready(Ok(Notice::CheckAgain)) => {
                        self.again = self.check.is_some();
                        self.check.get_or_insert_with(|| check_again(owner));
                        continue;
                    }
                    Poll::Ready(Ok(notice)) => return Poll::Ready(Ok(News::Notice(notice))),
                    Poll::Pending => {}
                }
            }
            if let Some(check) = &mut self.check
                && let Poll::Ready(permit) = check.as_mut().poll(cx)
            {
                owner.permit = permit?;
                self.check = std::mem::take(&mut self.again).then(|| check_again(owner));
                self.expiry.as_mut().reset(deadline(owner));
                continue;
            }
            if self.check.is_none() && owner.connection.now() >= owner.permit.expires() {
                self.check = Some(renew(owner));
                continue;
            }
            // It may fire too early: then it is set anew.
            if self.check.is_none() && self.expiry.as_mut().poll(cx).is_ready() {
                self.expiry.as_mut().reset(deadline(owner));
                continue;
            }
            if let Some((due, order)) = &mut self.fault
                && due.as_mut().poll(cx).is_ready()
            {
                let order = *order;
                self.fault = None;
                return Poll::Ready(Ok(News::Fault(order)));
            }
            return Poll::Pending;
        }
    }
}

fn told(reason: EndReason) -> End {
    End::Told(reason)
}

fn deadline(owner: &Owner) -> Instant {
    let left = owner.permit.expires().since(owner.connection.now());
    // The two clocks may differ by a hair: not to be asked in vain at once.
    Instant::now() + left.clamp(Duration::from_millis(1), LONGEST)
}

/// Would the client be let in as it was? If not: a newer token may have come.
/// What can't be found out counts as no; the client comes again.
fn check_again(owner: &Owner) -> Check {
    let services = owner.services.clone();
    let newest = newest(owner);
    let permit = owner.permit.clone();
    Box::pin(async move {
        let access = &services.access;
        let Err(refused) = access.still_holds(&permit).await else {
            return Ok(permit);
        };
        let newest = newest.await.ok_or(End::Revoked(refused))?;
        // What is announced may not be in memory yet, where tokens are checked.
        access.still_holds(&newest).await.map_err(End::Revoked)?;
        Ok(newest)
    })
}

/// The permit is over: has a newer token come?
fn renew(owner: &Owner) -> Check {
    let newest = newest(owner);
    let connection = owner.connection.clone();
    Box::pin(async move {
        let newest = newest.await;
        let lasts = |permit: &DevicePermit| permit.expires() > connection.now();
        newest.filter(lasts).ok_or(End::Expired)
    })
}

/// The permit that the newest credentials give, if it can stand in for the
/// old one: for the same of all namesakes, and vouched for by whom the hub
/// knows to watch on behalf of this session.
fn newest(owner: &Owner) -> BoxFuture<'static, Option<DevicePermit>> {
    let credentials = owner.connection.credentials.clone();
    let old = owner.permit.clone();
    Box::pin(async move {
        let asked: Result<DevicePermit, Refused> = credentials.device(old.id()).await;
        let same = |new: &DevicePermit| {
            new.generation() == old.generation() && new.sponsor() == old.sponsor()
        };
        asked.ok().filter(same)
    })
}
