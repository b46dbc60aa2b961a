//! The state that a connection's task and its handles share.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use twinhub_amqp_engine::connection::{Connection, IncomingDelivery, LinkId};

use super::{Gone, Settlement};
use crate::metrics::LinkMetrics;

/// What a settlement that waits to be taken counts, in bytes.
pub(super) const SETTLEMENT_BYTES: usize = 128;

/// When a connection stops reading, and when links stop writing; in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_untaken: usize,
    pub(crate) max_unread: usize,
    pub(crate) high_water: usize,
    pub(crate) max_unwritten: usize,
}

/// The links of a connection, and the engine below them.
#[derive(Clone)]
pub(crate) struct Links {
    inner: Arc<Mutex<Inner>>,
}

pub(crate) struct Inner {
    pub(crate) engine: Connection,
    pub(super) incoming: HashMap<LinkId, Receiving>,
    pub(super) outgoing: HashMap<LinkId, Sending>,
    /// Links that are not gone, pending ones among them.
    pub(super) open: HashSet<LinkId>,
    pub(super) untaken: usize,
    limits: Limits,
    /// The connection's task is polling the handles' futures: it will look at
    /// what they did without being woken.
    in_turn: bool,
    /// A handle did something that the task must look at.
    touched: bool,
    task: Option<Waker>,
    /// Links that wait until less waits to be written; each once.
    crowded_out: Vec<LinkId>,
    /// Counts what links have sent.
    sent: u64,
    /// What was sent and came when the metrics were told last.
    counted: (u64, u64),
    /// Counts what came.
    pub(super) received: u64,
    pub(super) metrics: LinkMetrics,
}

/// A link on which the peer sends.
pub(super) struct Receiving {
    pub(super) queue: VecDeque<IncomingDelivery>,
    pub(super) waker: Option<Waker>,
    pub(super) gone: Option<Gone>,
    /// How many deliveries the peer may have under way or untaken.
    pub(super) window: u32,
    /// What it may still send of them.
    pub(super) credit: u32,
}

/// A link on which we send.
pub(super) struct Sending {
    pub(super) settlements: VecDeque<Settlement>,
    /// It is among those that are crowded out.
    crowded_out: bool,
    /// When it sent last.
    sent: u64,
    pub(super) ready_waker: Option<Waker>,
    pub(super) settled_waker: Option<Waker>,
    pub(super) drain_waker: Option<Waker>,
    pub(super) left_waker: Option<Waker>,
    pub(super) draining: bool,
    pub(super) gone: Option<Gone>,
}

impl Links {
    pub(crate) fn new(engine: Connection, limits: Limits, metrics: LinkMetrics) -> Self {
        Links {
            inner: Arc::new(Mutex::new(Inner {
                engine,
                incoming: HashMap::new(),
                outgoing: HashMap::new(),
                open: HashSet::new(),
                untaken: 0,
                limits,
                in_turn: false,
                touched: false,
                task: None,
                crowded_out: Vec::new(),
                sent: 0,
                counted: (0, 0),
                received: 0,
                metrics,
            })),
        }
    }

    /// The lock. Never hold it across an await, or while foreign code runs
    /// that has handles.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// From now on the task looks by itself at what handles do.
    pub(crate) fn begin_turn(&mut self) {
        self.in_turn = true;
    }

    /// Tells the metrics what came and went: once for many deliveries.
    pub(super) fn count(&mut self) {
        let (received, sent) = self.counted;
        self.metrics
            .moved(self.received - received, self.sent - sent);
        self.counted = (self.received, self.sent);
    }

    /// From now on the task must be woken for what handles do.
    pub(crate) fn end_turn(&mut self, waker: &Waker) {
        self.count();
        self.in_turn = false;
        let known = self.task.as_ref();
        if !known.is_some_and(|known| known.will_wake(waker)) {
            self.task = Some(waker.clone());
        }
    }

    /// Whether a handle did something since this was asked last.
    pub(crate) fn was_touched(&mut self) -> bool {
        std::mem::take(&mut self.touched)
    }

    /// There may be something to write or to read again.
    pub(crate) fn touch(&mut self) {
        self.touched = true;
        if !self.in_turn
            && let Some(task) = &self.task
        {
            task.wake_by_ref();
        }
    }

    /// The peer has shown a credential that counts: it may have more.
    pub(crate) fn admitted(&mut self, limits: Limits) {
        self.limits = limits;
        self.engine.admitted();
        self.touch();
    }

    /// Whether so much waits, to be taken or to be written, that the peer is
    /// left unread: what it says may call for an answer.
    pub(crate) fn is_full(&mut self) -> bool {
        self.is_stuffed() || self.engine.outbox().len() > self.limits.max_unwritten
    }

    /// Whether the engine has so much that it gets no more now.
    pub(crate) fn is_fed(&mut self) -> bool {
        self.is_full() || self.engine.inbox().len() >= self.limits.max_unread
    }

    fn is_stuffed(&self) -> bool {
        self.untaken > self.limits.max_untaken
    }

    /// Whether so much waits to be written that no more is put there.
    pub(super) fn is_crowded(&mut self) -> bool {
        self.engine.outbox().len() >= self.limits.high_water
    }

    /// A link waits until less waits to be written.
    pub(super) fn crowd_out(&mut self, link: LinkId, waker: &Waker) {
        if let Some(sending) = self.outgoing.get_mut(&link) {
            remember(&mut sending.ready_waker, waker);
            if !sending.crowded_out {
                sending.crowded_out = true;
                self.crowded_out.push(link);
            }
        }
    }

    /// Some of what waited was written; whether links go on for that. Those
    /// that sent longest ago go first, so that nobody is crowded out for ever.
    pub(crate) fn uncrowd(&mut self) -> bool {
        if self.crowded_out.is_empty() || self.is_crowded() {
            return false;
        }
        let mut links = std::mem::take(&mut self.crowded_out);
        links.sort_by_key(|link| self.outgoing.get(link).map(|sending| sending.sent));
        for link in links {
            if let Some(sending) = self.outgoing.get_mut(&link) {
                sending.crowded_out = false;
                wake(&mut sending.ready_waker);
            }
        }
        true
    }

    /// A link has sent something.
    pub(super) fn has_sent(&mut self, link: LinkId) {
        self.sent += 1;
        if let Some(sending) = self.outgoing.get_mut(&link) {
            sending.sent = self.sent;
        }
    }

    /// A link waits for its answer.
    pub(super) fn attached(&mut self, link: LinkId) {
        self.open.insert(link);
        self.metrics.opened();
    }

    /// The peer is to send on a link, which may be gone already.
    pub(super) fn receive_on(&mut self, link: LinkId, window: u32) {
        let receiving = Receiving {
            queue: VecDeque::new(),
            waker: None,
            gone: self.gone(link),
            window,
            credit: window,
        };
        self.incoming.insert(link, receiving);
    }

    /// We are to send on a link, which may be gone already.
    pub(super) fn send_on(&mut self, link: LinkId) {
        let sending = Sending {
            settlements: VecDeque::new(),
            crowded_out: false,
            sent: 0,
            ready_waker: None,
            settled_waker: None,
            drain_waker: None,
            left_waker: None,
            draining: false,
            gone: self.gone(link),
        };
        self.outgoing.insert(link, sending);
    }

    fn gone(&self, link: LinkId) -> Option<Gone> {
        (!self.is_open(link)).then_some(Gone::ByPeer)
    }

    /// Counts what was taken out of the queues.
    pub(super) fn took(&mut self, bytes: usize) {
        let was_stuffed = self.is_stuffed();
        self.untaken -= bytes;
        if was_stuffed && !self.is_stuffed() {
            self.touch();
        }
    }

    /// Whether a link is not gone.
    pub(super) fn is_open(&self, link: LinkId) -> bool {
        self.open.contains(&link)
    }

    /// Counts a link as gone.
    pub(super) fn close(&mut self, link: LinkId) {
        if self.open.remove(&link) {
            self.metrics.closed();
        }
    }

    /// Forgets a link whose handle is gone, with what nobody took.
    pub(super) fn forget_incoming(&mut self, link: LinkId) {
        if let Some(receiving) = self.incoming.remove(&link) {
            self.took(receiving.queue.iter().map(bytes_of).sum());
            self.close(link);
        }
    }

    /// Forgets a link whose handle is gone, with what nobody took.
    pub(super) fn forget_outgoing(&mut self, link: LinkId) {
        if let Some(sending) = self.outgoing.remove(&link) {
            self.took(sending.settlements.len() * SETTLEMENT_BYTES);
            self.close(link);
        }
    }

    pub(super) fn took_settlement(&mut self) {
        self.took(SETTLEMENT_BYTES);
    }

    pub(super) fn took_delivery(&mut self, delivery: &IncomingDelivery) {
        self.took(bytes_of(delivery));
    }
}

/// What a delivery takes in memory, or nearly so.
pub(super) fn bytes_of(delivery: &IncomingDelivery) -> usize {
    const SELF: usize = size_of::<IncomingDelivery>();
    SELF + delivery.payload.len() + delivery.tag.len()
}

/// Wakes whoever waits.
pub(super) fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// Remembers whom to wake.
pub(super) fn remember(slot: &mut Option<Waker>, waker: &Waker) {
    if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
        *slot = Some(waker.clone());
    }
}
