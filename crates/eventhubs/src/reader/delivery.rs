//! From a reader's place in the log onto its link, as fast as the peer takes it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::time::timeout;
use twinhub_amqp_server::{Gone, NewDelivery, Outgoing};
use twinhub_core::ports::LogError;
use twinhub_core::readers;
use twinhub_core::time::Clock;
use twinhub_core::traffic::Traffic;

use crate::cursor::Cursor;
use crate::encoder::EventEncoder;
use crate::metrics::OpenReader;
use crate::refusal::Refusal;
use crate::runtime_info::RuntimeInfo;

/// How long a batch is held for a reader that takes nothing. Clients that ask
/// for a few events at a time come back sooner.
const HOLD: Duration = Duration::from_secs(1);

/// Why a reader ends.
pub(super) enum End {
    Gone(Gone),
    Refused(Refusal),
}

impl From<Gone> for End {
    fn from(gone: Gone) -> Self {
        End::Gone(gone)
    }
}

impl From<LogError> for End {
    fn from(error: LogError) -> Self {
        End::Refused(error.into())
    }
}

/// The part of a reader that sends.
pub(super) struct Delivery<'r> {
    pub counted: &'r OpenReader,
    pub listed: &'r readers::OpenReader,
    pub traffic: Arc<Traffic>,
    pub encoder: &'r EventEncoder,
    pub clock: &'r dyn Clock,
    pub cursor: &'r mut Cursor,
    pub wants_runtime_info: bool,
    /// As it was when the batch at hand was read.
    pub runtime_info: Option<RuntimeInfo>,
}

impl Delivery<'_> {
    /// Sends until the link is gone or the log can't be read.
    pub(super) async fn run(&mut self, link: &mut Outgoing) -> End {
        match self.send_all(link).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn send_all(&mut self, link: &mut Outgoing) -> Result<Infallible, End> {
        loop {
            self.credit(link).await?;
            if self.cursor.peek().is_none() {
                // Somebody else may want the place while the log is read.
                let filled = select! {
                    biased;
                    gone = link.left() => return Err(gone.into()),
                    filled = self.fill() => filled?,
                };
                if !filled {
                    self.idle(link).await?;
                    continue;
                }
            }
            self.send_some(link);
        }
    }

    /// Waits until the peer takes events. Nothing is read from the log for one
    /// that takes none, and before long nothing is held for it.
    async fn credit(&mut self, link: &mut Outgoing) -> Result<(), Gone> {
        if self.cursor.holds_events() {
            match timeout(HOLD, ready(link)).await {
                Ok(ready) => return ready,
                Err(_) => self.cursor.let_go(),
            }
        }
        ready(link).await
    }

    /// Waits for events. A peer that wants no credit left meanwhile has it
    /// used up.
    async fn idle(&mut self, link: &mut Outgoing) -> Result<(), End> {
        select! {
            arrived = self.cursor.arrival() => arrived?,
            draining = link.draining() => {
                draining?;
                link.drained();
            }
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<bool, LogError> {
        let has_some = self.cursor.fill().await?;
        if !has_some {
            // Retention may have taken what it would have read.
            self.listed
                .is_at(self.cursor.partition(), self.cursor.position());
        }
        if has_some && self.wants_runtime_info {
            let state = self.cursor.state().await?;
            let now = self.clock.now();
            self.runtime_info = state.map(|state| RuntimeInfo::new(&state, now));
        }
        Ok(has_some)
    }

    /// Sends of the batch at hand what the peer takes.
    fn send_some(&mut self, link: &mut Outgoing) {
        let runtime_info = self.runtime_info.as_ref();
        let mut count = 0;
        while link.is_ready()
            && let Some(event) = self.cursor.peek()
        {
            let delivery = NewDelivery {
                tag: &event.sequence_number.to_be_bytes(),
                settled: true,
                message_format: 0,
            };
            let encode = |out: &mut _| self.encoder.encode(&event, runtime_info, out);
            if link.send(delivery, encode).is_err() {
                break;
            }
            self.cursor.advance();
            count += 1;
        }
        self.counted.sent(count);
        self.traffic.went_out(count);
        self.listed
            .is_at(self.cursor.partition(), self.cursor.position());
    }
}

/// Waits until a link takes messages; until then, a peer that wants no credit
/// left has it used up.
async fn ready(link: &mut Outgoing) -> Result<(), Gone> {
    poll_fn(|cx| {
        let ready = link.poll_ready(cx);
        if ready.is_pending() && link.poll_draining(cx)?.is_ready() && !link.has_credit() {
            link.drained();
        }
        ready
    })
    .await
}
