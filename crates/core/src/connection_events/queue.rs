//! Connection events on their way: usually straight in. Those that have to wait
//! (for room, or for the twin that a route asks about) do so in order, and no
//! session waits for them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use crate::events::Origin;
use crate::ids::HubName;
use crate::messages::{MessageRef, SystemProperty};
use crate::ports::LogError;
use crate::routing::{RoutedProducer, Router};
use crate::time::Timestamp;

/// How many may wait; more are lost.
const MAX_WAITING: usize = 10_000;

/// An event that was not appended yet.
pub(super) struct ConnectionEvent {
    pub hub: HubName,
    pub origin: Origin,
    pub operation: &'static str,
    pub at: Timestamp,
    pub system: Vec<(SystemProperty, Cow<'static, str>)>,
    pub application: Vec<(Cow<'static, str>, Option<Cow<'static, str>>)>,
    pub body: String,
}

impl ConnectionEvent {
    fn message(&self) -> MessageRef<'_> {
        MessageRef {
            system: &self.system,
            application: &self.application,
            body: self.body.as_bytes(),
        }
    }

    fn is_lost(&self, reason: &dyn std::fmt::Display) {
        let (identity, operation) = (&self.origin.identity, self.operation);
        tracing::warn!(%identity, %reason, operation, "a connection event is lost");
    }
}

/// The way in.
pub(super) struct Queue {
    router: Arc<Router>,
    waiting: Mutex<Waiting>,
}

/// An event that has to wait. Some of the logs that it goes to may have it
/// already: its producer knows which, so that none gets it twice.
struct WaitingEvent {
    event: ConnectionEvent,
    begun: Option<RoutedProducer>,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<WaitingEvent>,
    /// Whether a task sees to them.
    attended: bool,
}

impl Queue {
    pub(super) fn new(router: Arc<Router>) -> Self {
        Queue {
            router,
            waiting: Mutex::default(),
        }
    }

    /// Appends an event, behind those that wait.
    pub(super) fn append(self: &Arc<Self>, event: ConnectionEvent) {
        let mut waiting = self.waiting();
        let mut begun = None;
        if !waiting.attended {
            match self.try_append(&event) {
                Ok(None) => return,
                Ok(unfinished) => begun = unfinished,
                Err(error) => return event.is_lost(&error),
            }
        }
        if waiting.events.len() == MAX_WAITING {
            return event.is_lost(&"too many wait");
        }
        let Ok(runtime) = Handle::try_current() else {
            return event.is_lost(&"the hub is stopping");
        };
        waiting.events.push_back(WaitingEvent { event, begun });
        if !std::mem::replace(&mut waiting.attended, true) {
            runtime.spawn(self.clone().attend());
        }
    }

    /// The producer that has begun with it, if it has to wait.
    fn try_append(&self, event: &ConnectionEvent) -> Result<Option<RoutedProducer>, LogError> {
        let mut producer = self.router.producer(&event.hub, &event.origin)?;
        let taken = producer.append(&event.message(), event.at).is_ok();
        producer.hand_over();
        Ok((!taken).then_some(producer))
    }

    /// Appends what waits until there is no more.
    async fn attend(self: Arc<Self>) {
        while let Some(WaitingEvent { event, begun }) = self.next() {
            if let Err(error) = self.append_waiting(&event, begun).await {
                event.is_lost(&error);
            }
        }
    }

    fn next(&self) -> Option<WaitingEvent> {
        let mut waiting = self.waiting();
        let next = waiting.events.pop_front();
        waiting.attended = next.is_some();
        next
    }

    async fn append_waiting(
        &self,
        event: &ConnectionEvent,
        begun: Option<RoutedProducer>,
    ) -> Result<(), LogError> {
        let mut producer = match begun {
            Some(producer) => producer,
            None => self.router.producer(&event.hub, &event.origin)?,
        };
        while producer.append(&event.message(), event.at).is_err() {
            poll_fn(|cx| producer.poll_durable(cx, 0)).await?;
        }
        producer.hand_over();
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
