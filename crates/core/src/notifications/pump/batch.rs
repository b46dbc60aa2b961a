//! Events on their way together: a sender for each identity that they are
//! about, so that its events keep their order, also if one of them fails.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::poll_fn;

use crate::events::EventSource;
use crate::ids::{HubName, IdentityId};
use crate::messages::{MessageRef, SystemProperty};
use crate::notifications::NewEvent;
use crate::ports::{Busy, LogError, OutboxEvent};
use crate::routing::{EndpointId, RoutedProducer, Router};
use crate::time::Timestamp;

/// What has a sender of its own.
type Key = (IdentityId, Timestamp, EventSource);

pub(super) struct Batch<'a> {
    router: &'a Router,
    hub: &'a HubName,
    now: Timestamp,
    senders: HashMap<Key, Sender>,
}

/// One identity's way in, until something goes wrong: what comes behind that
/// is not sent.
struct Sender {
    producer: Option<RoutedProducer>,
    /// What it took, in order.
    numbers: Vec<u64>,
    durable: u64,
    failed: Option<LogError>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(router: &'a Router, hub: &'a HubName, now: Timestamp) -> Self {
        Batch {
            router,
            hub,
            now,
            senders: HashMap::new(),
        }
    }

    /// Sends an event on its way to where it is not `present`. Waits for room.
    pub(super) async fn send(&mut self, waiting: &OutboxEvent, present: &[Option<EndpointId>]) {
        let event = &waiting.event;
        let key = (event.identity.clone(), event.generation, event.source);
        let (router, hub) = (self.router, self.hub);
        let sender = self.senders.entry(key).or_insert_with(|| {
            let made = router.producer(hub, &event.origin());
            // A twin that can't be read holds up no other's events.
            Sender::new(made.map(RoutedProducer::failing_at_once))
        });
        sender.send(waiting.number, event, self.now, present).await;
    }

    /// Waits until everything is stored or has failed: tells what is stored,
    /// and why the rest is not.
    pub(super) async fn stored(self) -> (Vec<u64>, Option<LogError>) {
        let (mut stored, mut failed) = (Vec::new(), None);
        for sender in self.senders.into_values() {
            let (numbers, error) = sender.stored().await;
            stored.extend(numbers);
            failed = failed.or(error);
        }
        (stored, failed)
    }
}

impl Sender {
    fn new(made: Result<RoutedProducer, LogError>) -> Self {
        let (producer, failed) = match made {
            Ok(producer) => (Some(producer), None),
            Err(error) => (None, Some(error)),
        };
        Sender {
            producer,
            numbers: Vec::new(),
            durable: 0,
            failed,
        }
    }

    async fn send(
        &mut self,
        number: u64,
        event: &NewEvent,
        now: Timestamp,
        present: &[Option<EndpointId>],
    ) {
        let (system, application) = properties(number, event);
        let message = MessageRef {
            system: &system,
            application: &application,
            body: &event.message.body,
        };
        // Never before what it tells of, whatever the clock does: whoever looks
        // for it from then on finds it.
        let enqueued = now.max(event.at);
        while let (Some(producer), None) = (&mut self.producer, &self.failed) {
            let taken = producer.append_where_missing(&message, enqueued, present);
            producer.hand_over();
            match taken {
                Ok(()) => {
                    self.numbers.push(number);
                    return;
                }
                Err(Busy) => self.wait().await,
            }
        }
    }

    async fn stored(mut self) -> (Vec<u64>, Option<LogError>) {
        let taken = self.numbers.len() as u64;
        while self.durable < taken && self.failed.is_none() {
            self.wait().await;
        }
        let durable = usize::try_from(self.durable).unwrap_or(usize::MAX);
        self.numbers.truncate(durable);
        (self.numbers, self.failed)
    }

    /// Waits until something became durable, there is room, or it failed.
    async fn wait(&mut self) {
        let Some(producer) = &mut self.producer else {
            return;
        };
        let known = self.durable;
        match poll_fn(|cx| producer.poll_durable(cx, known)).await {
            Ok(durable) => self.durable = durable,
            Err(error) => self.failed = Some(error),
        }
    }
}

type System<'a> = Vec<(SystemProperty, Cow<'a, str>)>;
type Application<'a> = Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>;

fn properties(number: u64, event: &NewEvent) -> (System<'_>, Application<'_>) {
    let system = event.message.system.iter();
    let system = system.map(|(name, value)| (*name, Cow::from(&**value)));
    let number = (SystemProperty::CorrelationId, correlation_id(number).into());
    let application = event.message.application.iter();
    let application =
        application.map(|(name, value)| (Cow::from(&**name), value.as_deref().map(Cow::from)));
    (system.chain([number]).collect(), application.collect())
}

/// The correlation ID of an event of the outbox: ten hex digits, or more.
pub(super) fn correlation_id(number: u64) -> String {
    format!("{number:010x}")
}

/// The number behind a correlation ID.
pub(super) fn number_of(correlation_id: &str) -> Option<u64> {
    u64::from_str_radix(correlation_id, 16).ok()
}
