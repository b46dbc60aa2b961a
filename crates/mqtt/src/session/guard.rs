//! What may end a session from the outside: time, revocation, a newer
//! connection, the hub.

use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use twinhub_core::access::{Access, DevicePermit};
use twinhub_core::faults::FaultOrder;
use twinhub_core::ports::{Interests, Mailbox, Notice, SessionNumber};
use twinhub_core::time::Clock;

use crate::end::End;
use crate::gateway::Services;
use crate::keep_alive::KeepAlive;

/// A fault that a message asked for, and its delay.
struct ArmedFault {
    due: Pin<Box<Sleep>>,
    order: FaultOrder,
}

/// A session's permit, and everything that may take it away.
pub(super) struct Guard<'g> {
    access: &'g Access,
    clock: &'g dyn Clock,
    permit: DevicePermit,
    mailbox: Mailbox,
    keep_alive: KeepAlive,
    /// Never later than the first of both deadlines. It is not moved for each
    /// packet: when it fires too early, it is set anew.
    timer: Pin<Box<Sleep>>,
    /// Whether the client is listened to; else its silence is none.
    hears: bool,
    fault: Option<Box<ArmedFault>>,
    shutdown: CancellationToken,
    /// One for the whole session: to begin to wait takes longer than to go on.
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<'g> Guard<'g> {
    pub(super) fn new(
        services: &'g Services,
        permit: DevicePermit,
        mailbox: Mailbox,
        keep_alive: KeepAlive,
        shutdown: CancellationToken,
    ) -> Self {
        let clock = &*services.clock;
        Guard {
            access: &services.access,
            timer: Box::pin(sleep_until(next_deadline(&permit, &keep_alive, clock))),
            clock,
            permit,
            mailbox,
            keep_alive,
            hears: true,
            fault: None,
            stopping: Box::pin(shutdown.clone().cancelled_owned()),
            shutdown,
        }
    }

    pub(super) fn permit(&self) -> &DevicePermit {
        &self.permit
    }

    pub(super) fn session(&self) -> SessionNumber {
        self.mailbox.session()
    }

    /// A packet has come, or we begin to listen again.
    pub(super) fn heard(&mut self) {
        self.keep_alive.heard(Instant::now());
    }

    /// Whether what the client sends is read from now on.
    pub(super) fn hears(&mut self, hears: bool) {
        self.hears = hears;
    }

    /// Ends the session once the fault's delay is over, unless an earlier one
    /// is under way.
    pub(super) fn let_fail(&mut self, order: FaultOrder) {
        self.fault.get_or_insert_with(|| {
            let due = Box::pin(sleep(order.delay));
            Box::new(ArmedFault { due, order })
        });
    }

    /// What the session is told of beyond what every session is.
    pub(super) fn listens_to(&self, interests: Interests) {
        self.mailbox.listens_to(interests);
    }

    /// Leaves the identity's place.
    pub(super) fn leave(self) -> DevicePermit {
        self.permit
    }

    /// The next notice, or why the session must end. Safe to cancel.
    pub(super) async fn next(&mut self) -> Result<Notice, End> {
        loop {
            tokio::select! {
                biased;
                () = self.stopping.as_mut() => return Err(End::ShuttingDown),
                notice = self.mailbox.next() => return notice.map_err(End::Told),
                () = self.timer.as_mut() => self.check_deadlines()?,
                order = due(&mut self.fault) => return Err(End::Fault(order)),
            }
        }
    }

    /// A notice that is there already. Silence is not looked at: whoever has
    /// packets to handle has heard of the client.
    pub(super) fn waiting(&mut self) -> Result<Option<Notice>, End> {
        if self.shutdown.is_cancelled() {
            return Err(End::ShuttingDown);
        }
        self.check_expiry()?;
        if let Some(fault) = &self.fault
            && fault.due.is_elapsed()
        {
            return Err(End::Fault(fault.order));
        }
        match self.mailbox.next().now_or_never() {
            None => Ok(None),
            Some(notice) => notice.map(Some).map_err(End::Told),
        }
    }

    /// Something changed: would the client still be let in? What can't be
    /// found out counts as no; the client comes again.
    pub(super) async fn check_again(&self) -> Result<(), End> {
        let holds = self.access.still_holds(&self.permit).await;
        holds.map_err(End::Revoked)
    }

    fn check_expiry(&self) -> Result<(), End> {
        match self.clock.now() >= self.permit.expires() {
            true => Err(End::Expired),
            false => Ok(()),
        }
    }

    fn check_deadlines(&mut self) -> Result<(), End> {
        self.check_expiry()?;
        if !self.hears {
            self.heard();
        }
        if Instant::now() >= self.keep_alive.deadline() {
            return Err(End::Silent);
        }
        let next = next_deadline(&self.permit, &self.keep_alive, self.clock);
        self.timer.as_mut().reset(next);
        Ok(())
    }
}

async fn due(fault: &mut Option<Box<ArmedFault>>) -> FaultOrder {
    match fault {
        Some(fault) => {
            fault.due.as_mut().await;
            fault.order
        }
        None => std::future::pending().await,
    }
}

/// When the client has been silent for too long or its token expires.
fn next_deadline(permit: &DevicePermit, keep_alive: &KeepAlive, clock: &dyn Clock) -> Instant {
    let left = permit.expires().since(clock.now());
    // The two clocks may differ by a hair: not to be asked in vain at once.
    let expires = Instant::now().checked_add(left.max(Duration::from_millis(1)));
    let silent = keep_alive.deadline();
    expires.map_or(silent, |expires| silent.min(expires))
}
