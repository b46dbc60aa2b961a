//! When a connection must act although nothing comes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::end::End;
use crate::context::ConnectionContext;
use crate::links::Inner;
use crate::server::Settings;

/// Without any other deadline, look again after this.
const FAR: Duration = Duration::from_secs(3600);

/// The deadlines of a connection, and one timer for all of them. It is not
/// moved later with each frame: when it fires too early, it is set anew.
pub(super) struct Deadlines {
    timer: Pin<Box<Sleep>>,
    write_deadline: Duration,
    stranger_deadline: Duration,
    /// When a peer without a credential that counts is closed.
    credential: Option<Instant>,
    /// The state of the credentials that `credential` was computed from.
    seen: u64,
}

impl Deadlines {
    pub(super) fn new(settings: &Settings, now: Instant) -> Self {
        let credential = now + settings.stranger_deadline;
        Deadlines {
            timer: Box::pin(sleep_until(credential)),
            write_deadline: settings.write_deadline,
            stranger_deadline: settings.stranger_deadline,
            credential: Some(credential),
            seen: 0,
        }
    }

    /// Acts on what is due, and sets the timer. Whether there may be something
    /// to write or an event to pull.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        context: &ConnectionContext,
        inner: &mut Inner,
        blocked_since: Option<Instant>,
    ) -> Result<bool, End> {
        self.follow(context, Instant::now());
        loop {
            let now = Instant::now();
            // While the peer is not read, its silence is not its own.
            if inner.is_full() {
                inner.engine.heard(now.into_std());
            }
            let write = blocked_since.map(|since| since + self.write_deadline);
            let engine = inner.engine.deadline().map(Instant::from_std);
            let next = [write, engine, self.credential].into_iter().flatten().min();
            let next = next.unwrap_or(now + FAR);
            if self.timer.deadline() > next || self.timer.is_elapsed() {
                self.timer.as_mut().reset(next);
            }
            let Poll::Ready(()) = self.timer.as_mut().poll(cx) else {
                return Ok(false);
            };
            let now = Instant::now();
            if write.is_some_and(|deadline| now >= deadline) {
                return Err(End::NotReading);
            }
            if self.credential.is_some_and(|deadline| now >= deadline) {
                // By the clock that tokens count by.
                self.seen = u64::MAX;
                self.follow(context, now);
                if self.credential.is_some_and(|deadline| now >= deadline) {
                    return Err(match context.credentials.last_expiry() {
                        Some(_) => End::Expired,
                        None => End::Stranger,
                    });
                }
            }
            if engine.is_some_and(|deadline| now >= deadline) {
                inner.engine.tick(now.into_std());
                // Whatever it did, it is looked at before the next deadline.
                self.timer.as_mut().reset(now + FAR);
                return Ok(true);
            }
        }
    }

    /// Looks at the credentials if they have changed. What is over by now has
    /// its deadline now, and not a hair later.
    fn follow(&mut self, context: &ConnectionContext, now: Instant) {
        let credentials = &context.credentials;
        let version = credentials.version();
        if version == self.seen {
            return;
        }
        self.seen = version;
        if credentials.certificate_counts() {
            self.credential = None;
        } else if let Some(expiry) = credentials.last_expiry() {
            let grace = match credentials.may_be_renewed() {
                true => self.stranger_deadline,
                false => Duration::ZERO,
            };
            let left = expiry.plus(grace).since(context.now());
            self.credential = now.checked_add(left);
        }
    }
}
