//! Random steps, against a model that is too simple to be wrong.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use twinhub_core::c2d::{
    Acknowledgement, CloudToDeviceSettings, FeedbackStatus, Holder, LockToken, MAX_QUEUE_DEPTH,
    SendError, SettleError,
};
use twinhub_core::ports::QueueStore as _;
use twinhub_core::time::{Clock as _, Timestamp};

use crate::plant::{HandClock, Plant, Receiver, message};

const CASES: u32 = 100;
const MAX_DELIVERY_COUNT: u32 = 2;

#[derive(Debug, Clone)]
enum Step {
    Send {
        ttl: u64,
        ack: Acknowledgement,
    },
    Receive {
        handle: Option<u32>,
        lock: u64,
    },
    /// With a token that was given out at some time.
    Settle {
        token: usize,
        how: How,
    },
    Resume,
    Release,
    Purge,
    Wait(u64),
    Sweep,
    Reopen,
    Recreate,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Complete,
    Reject,
    Abandon,
}

fn step() -> impl Strategy<Value = Step> {
    let ack = prop_oneof![
        Just(Acknowledgement::None),
        Just(Acknowledgement::Positive),
        Just(Acknowledgement::Negative),
        Just(Acknowledgement::Full),
    ];
    let how = prop_oneof![Just(How::Complete), Just(How::Reject), Just(How::Abandon)];
    prop_oneof![
        12 => (1..300u64, ack).prop_map(|(ttl, ack)| Step::Send { ttl, ack }),
        12 => (prop::option::of(0..9u32), 5..100u64)
            .prop_map(|(handle, lock)| Step::Receive { handle, lock }),
        10 => (0..20usize, how).prop_map(|(token, how)| Step::Settle { token, how }),
        6 => (1..80u64).prop_map(Step::Wait),
        3 => Just(Step::Sweep),
        2 => Just(Step::Resume),
        1 => Just(Step::Release),
        1 => Just(Step::Purge),
        1 => Just(Step::Reopen),
        1 => Just(Step::Recreate),
    ]
}

/// A message that has not met its end.
struct Known {
    number: u64,
    ack: Acknowledgement,
    expires: Timestamp,
    count: u32,
    lock: Option<(LockToken, Timestamp)>,
    handle: Option<u32>,
}

/// What ought to be.
#[derive(Default)]
struct Model {
    last: u64,
    queue: Vec<Known>,
    feedback: Vec<(u64, FeedbackStatus)>,
    lock_expiry_counts: bool,
}

impl Model {
    fn pass_to(&mut self, now: Timestamp) {
        let free = |known: &Known| known.lock.is_some_and(|(_, until)| until <= now);
        while let Some(at) = self.queue.iter().position(free) {
            self.give_back(at, self.lock_expiry_counts);
        }
        let over = |known: &Known| known.lock.is_none() && known.expires <= now;
        while let Some(at) = self.queue.iter().position(over) {
            self.end(at, FeedbackStatus::Expired);
        }
    }

    fn give_back(&mut self, at: usize, counts: bool) {
        self.queue[at].lock = None;
        self.queue[at].count += u32::from(counts);
        if self.queue[at].count == MAX_DELIVERY_COUNT {
            self.end(at, FeedbackStatus::DeliveryCountExceeded);
        }
    }

    fn end(&mut self, at: usize, status: FeedbackStatus) {
        let known = self.queue.remove(at);
        if status.is_wanted_by(known.ack) {
            self.feedback.push((known.number, status));
        }
    }

    fn held_by(&self, token: &LockToken) -> Option<usize> {
        let held = |known: &Known| known.lock.is_some_and(|(held, _)| held == *token);
        self.queue.iter().position(held)
    }
}

struct Run {
    clock: Arc<HandClock>,
    plant: Plant,
    pump: Receiver,
    model: Model,
    tokens: Vec<LockToken>,
}

impl Run {
    async fn new(lock_expiry_counts: bool) -> Self {
        let clock = Arc::new(HandClock::default());
        let settings = CloudToDeviceSettings {
            max_delivery_count: MAX_DELIVERY_COUNT,
            lock_expiry_counts,
            ..CloudToDeviceSettings::default()
        };
        let plant = Plant::new(clock.clone(), settings).await;
        Run {
            pump: plant.with_device("pump-7").await,
            clock,
            plant,
            model: Model {
                lock_expiry_counts,
                ..Model::default()
            },
            tokens: Vec::new(),
        }
    }

    async fn step(mut self, step: Step) -> Self {
        let now = self.clock.now();
        self.model.pass_to(now);
        match step {
            Step::Send { ttl, ack } => self.send(now.plus(Duration::from_secs(ttl)), ack).await,
            Step::Receive { handle, lock } => {
                self.receive(handle, Duration::from_secs(lock)).await;
            }
            Step::Settle { token, how } => {
                if let Some(token) = self.tokens.iter().rev().nth(token).copied() {
                    self.settle(&token, how).await;
                }
            }
            Step::Resume => self.resume().await,
            Step::Release => self.release().await,
            Step::Purge => self.purge().await,
            Step::Wait(seconds) => self.clock.advance(Duration::from_secs(seconds)),
            Step::Sweep => {
                self.plant.c2d.sweep().await.unwrap();
                let shown = self.plant.shown_count(self.pump.id()).await;
                assert_eq!(shown as usize, self.model.queue.len());
            }
            Step::Reopen => {
                self.plant = self.plant.reopen().await;
                self.pump = self.plant.receiver(self.pump.id()).await;
            }
            Step::Recreate => {
                // What is over, but not swept, would go without feedback.
                self.plant.c2d.sweep().await.unwrap();
                self.plant.delete_device("pump-7").await;
                // A namesake of the same moment would be the same.
                self.clock.advance(Duration::from_secs(1));
                self.pump = self.plant.with_device("pump-7").await;
                self.model.queue.clear();
                self.model.last = 0;
            }
        }
        self
    }

    async fn send(&mut self, expires: Timestamp, ack: Acknowledgement) {
        let number = self.model.last + 1;
        let mut new = message(&number.to_string(), ack);
        new.expires = Some(expires);
        let permit = self.plant.service().await;
        let sent = self.plant.c2d.send(&permit, self.pump.id(), new).await;
        if self.model.queue.len() == MAX_QUEUE_DEPTH {
            assert!(matches!(sent, Err(SendError::QueueFull(_))), "{sent:?}");
            return;
        }
        assert_eq!(sent.unwrap(), number);
        self.model.last = number;
        self.model.queue.push(Known {
            number,
            ack,
            expires,
            count: 0,
            lock: None,
            handle: None,
        });
    }

    async fn receive(&mut self, handle: Option<u32>, lock: Duration) {
        let holder = handle.map_or(Holder::Request, |handle| Holder::Session { handle });
        let received = self.pump.c2d.receive(&self.pump.permit, holder, lock);
        let received = received.await.unwrap();
        let free = |known: &&mut Known| known.lock.is_none();
        let Some(expected) = self.model.queue.iter_mut().find(free) else {
            assert_eq!(received, None);
            return;
        };
        let received = received.unwrap();
        assert_eq!(received.sequence_number, expected.number);
        assert_eq!(received.delivery_count, expected.count);
        assert_eq!(received.expires, expected.expires);
        assert_eq!(received.ack, expected.ack);
        assert_eq!(received.handle, handle);
        assert_eq!(received.message.body, expected.number.to_string());
        expected.lock = Some((received.lock, self.clock.now().plus(lock)));
        expected.handle = handle;
        self.tokens.push(received.lock);
    }

    async fn settle(&mut self, token: &LockToken, how: How) {
        let (c2d, permit) = (&self.pump.c2d, &self.pump.permit);
        let settled = match how {
            How::Complete => c2d.complete(permit, token).await,
            How::Reject => c2d.reject(permit, token).await,
            How::Abandon => c2d.abandon(permit, token).await,
        };
        let Some(at) = self.model.held_by(token) else {
            assert!(matches!(settled, Err(SettleError::LockLost)), "{settled:?}");
            return;
        };
        settled.unwrap();
        match how {
            How::Complete => self.model.end(at, FeedbackStatus::Success),
            How::Reject => self.model.end(at, FeedbackStatus::Rejected),
            How::Abandon => {
                self.model.queue[at].handle = None;
                self.model.give_back(at, true);
            }
        }
    }

    async fn resume(&mut self) {
        let resumed = self.pump.c2d.resume(&self.pump.permit).await.unwrap();
        let until = self.clock.now().plus(Duration::from_secs(60));
        let mut resumed = resumed.into_iter();
        for known in &mut self.model.queue {
            if known.handle.is_some() {
                let delivery = resumed.next().unwrap();
                assert_eq!(delivery.sequence_number, known.number);
                assert_eq!(delivery.handle, known.handle);
                assert!(delivery.redelivered);
                known.lock = Some((delivery.lock, until));
                self.tokens.push(delivery.lock);
            }
        }
        assert_eq!(resumed.next(), None);
    }

    async fn release(&mut self) {
        self.pump.c2d.release(&self.pump.permit).await.unwrap();
        for known in &mut self.model.queue {
            if known.handle.take().is_some() {
                known.lock = None;
            }
        }
    }

    async fn purge(&mut self) {
        let permit = self.plant.service().await;
        let purged = self.plant.c2d.purge(&permit, self.pump.id()).await;
        assert_eq!(purged.unwrap(), self.model.queue.len() as u64);
        while !self.model.queue.is_empty() {
            self.model.end(0, FeedbackStatus::Purged);
        }
    }

    /// When all time is over, nothing is left but feedback.
    async fn finish(mut self) {
        self.clock.advance(Duration::from_secs(1000));
        self.model.pass_to(self.clock.now());
        self.plant.c2d.sweep().await.unwrap();

        let (store, hub) = (&self.plant.engine, self.plant.hub.name());
        assert_eq!(store.due_queues(1).await.unwrap(), []);
        for number in 1..=self.model.last {
            let left = store.message(hub, self.pump.id(), number).await.unwrap();
            assert_eq!(left, None, "message {number} is left over");
        }
        let feedback = store.feedback(hub, 0, usize::MAX).await.unwrap();
        let mut feedback: Vec<_> = feedback
            .into_iter()
            .map(|found| {
                let id = found.record.original_message_id.unwrap();
                (id.parse().unwrap(), found.record.status)
            })
            .collect();
        // Those of one moment come in any order.
        let order = |(number, status): &(u64, FeedbackStatus)| (*number, status.to_string());
        feedback.sort_by_key(order);
        self.model.feedback.sort_by_key(order);
        assert_eq!(feedback, self.model.feedback);
    }
}

#[test]
fn a_queue_does_what_the_model_does() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(CASES)
    };
    let steps = prop::collection::vec(step(), 1..60);
    proptest!(config, |(counts: bool, steps in steps)| {
        runtime.block_on(async {
            let mut run = Run::new(counts).await;
            for step in steps {
                run = run.step(step).await;
            }
            run.finish().await;
        });
    });
}
