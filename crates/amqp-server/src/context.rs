//! What the links of a connection know of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use twinhub_amqp_engine::performatives::AmqpError;
use twinhub_core::time::{Clock, Timestamp};

use crate::credentials::Credentials;
use crate::errors::HubError;

/// What the links of a connection know of it.
pub struct ConnectionContext {
    /// The connection's number within this process.
    pub connection: u64,
    /// Where the peer is.
    pub peer: SocketAddr,
    /// What the peer has proved so far.
    pub credentials: Credentials,
    /// The time.
    pub clock: Arc<dyn Clock>,
    failures: Arc<AtomicU64>,
    ending: Mutex<Ending>,
}

#[derive(Default)]
struct Ending {
    wanted: Option<Wanted>,
    waker: Option<Waker>,
}

/// How a link wants its connection to end.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// With a close frame.
    Close(AmqpError),
    /// Without a word.
    Abort,
}

impl ConnectionContext {
    pub(crate) fn new(
        connection: u64,
        peer: SocketAddr,
        credentials: Credentials,
        clock: Arc<dyn Clock>,
        failures: Arc<AtomicU64>,
    ) -> Self {
        ConnectionContext {
            connection,
            peer,
            credentials,
            clock,
            failures,
            ending: Mutex::default(),
        }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ends the whole connection with an error.
    pub fn close(&self, error: AmqpError) {
        self.end(Wanted::Close(error));
    }

    /// Drops the whole connection without a word, as a fault on demand.
    pub fn abort(&self) {
        self.end(Wanted::Abort);
    }

    /// An error on a link of the hub's side: its description is JSON.
    pub fn error(&self, error: impl Into<HubError>) -> AmqpError {
        let now = self.now();
        error.into().to_amqp(&self.tracking_id(now), now)
    }

    /// An error on a link of the Event Hubs side: its description is text.
    pub fn plain_error(&self, error: impl Into<HubError>) -> AmqpError {
        let now = self.now();
        error.into().to_plain(&self.tracking_id(now), now)
    }

    /// Names one refusal for whoever asks about it.
    pub fn tracking_id(&self, now: Timestamp) -> String {
        let number = self.failures.fetch_add(1, Ordering::Relaxed);
        format!("{:X}-{number:X}", now.ticks())
    }

    fn end(&self, wanted: Wanted) {
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        ending.wanted.get_or_insert(wanted);
        if let Some(waker) = ending.waker.take() {
            waker.wake();
        }
    }

    /// Whether a link wants the connection to end; wakes the task once it does.
    pub(crate) fn poll_ending(&self, waker: &Waker) -> Option<Wanted> {
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        let known = ending.waker.as_ref();
        if !known.is_some_and(|known| known.will_wake(waker)) {
            ending.waker = Some(waker.clone());
        }
        ending.wanted.take()
    }
}
