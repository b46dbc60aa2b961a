//! One sender's way in: a message may go into several logs, and is one message
//! all the same.

mod missing;

use std::sync::Arc;
use std::task::{Context, Poll};

use super::copying::{BUILT_IN, Copying, NotTaken};
use super::counts::Counts;
use super::hub_routes::{HubRoutes, InForce};
use super::lane::{Lane, Told};
use super::sender_twin::SenderTwin;
use crate::events::{EventRef, EventSource, Origin};
use crate::messages::{Message, MessageRef};
use crate::ports::{Busy, LogError};
use crate::routing::destinations::Destinations;
use crate::time::Timestamp;

/// One origin's way to wherever the routes lead.
///
/// It keeps what the port's [`Producer`](crate::ports::Producer) promises:
/// messages count from 1, whatever the number of their copies, and one that
/// nobody wants counts, too. One is durable once all of its copies are, and all
/// before it.
///
/// After [`Busy`], the same message is to be appended again: what took its
/// copy does not get another. A change of routes holds from the next message
/// on.
pub struct RoutedProducer {
    hub: Arc<HubRoutes>,
    in_force: Arc<InForce>,
    origin: Origin,
    /// Whether all goes to the built-in endpoint as it is, and whether it is
    /// the fallback route that leads there.
    is_plain: bool,
    falls_back: bool,
    /// The hub's own log comes first; the others once they are needed.
    lanes: Vec<Lane>,
    taken: u64,
    /// A message of which some logs have their copy, and others do not yet.
    partial: Option<Partial>,
    twin: SenderTwin,
    waits_for_twin: bool,
    counts: Counts,
    /// When something was last appended.
    now: Timestamp,
    failed: Option<LogError>,
}

struct Partial {
    message: Message,
    done: Destinations,
}

impl Partial {
    fn is_of(&self, message: &MessageRef<'_>) -> bool {
        self.message == Message::from(message)
    }
}

impl RoutedProducer {
    pub(super) fn new(hub: Arc<HubRoutes>, origin: Origin) -> Result<Self, LogError> {
        let built_in = hub.log.producer(&hub.name, &origin)?;
        let in_force = hub.in_force();
        let mut producer = RoutedProducer {
            lanes: vec![Lane::new(None, built_in, 0)],
            hub,
            in_force,
            origin,
            is_plain: false,
            falls_back: false,
            taken: 0,
            partial: None,
            twin: SenderTwin::default(),
            waits_for_twin: false,
            counts: Counts::default(),
            now: Timestamp::NEVER,
            failed: None,
        };
        producer.look_at_table();
        Ok(producer)
    }

    /// Tells at once that the sender's twin could not be read, which is tried
    /// again otherwise: for who has others to send for meanwhile.
    pub(crate) fn failing_at_once(mut self) -> Self {
        self.twin.fail_at_once();
        self
    }

    /// Takes a message; it need not be on its way before
    /// [`hand_over`](Self::hand_over).
    pub fn append(&mut self, message: &MessageRef<'_>, enqueued: Timestamp) -> Result<(), Busy> {
        if self.failed.is_some() {
            return Ok(());
        }
        if self.hub.version() != self.in_force.version {
            self.follow();
        }
        self.now = enqueued;
        if self.is_plain {
            if !self.has_its_copy(message) {
                self.lanes[BUILT_IN].append(message, enqueued, self.taken)?;
            }
            self.taken += 1;
            self.counts.built_in += 1;
            self.counts.by_fallback += u64::from(self.falls_back);
            return Ok(());
        }
        match self.append_routed(message, enqueued) {
            Ok(counts) => {
                self.taken += 1;
                self.counts.add(counts);
                Ok(())
            }
            Err(NotTaken::Busy) => Err(Busy),
            // Told by `poll_durable`, behind what is durable.
            Err(NotTaken::Failed(error)) => {
                self.failed.get_or_insert(error);
                Ok(())
            }
        }
    }

    /// Sends what was taken on its way to the disk, to be called after a
    /// handful of messages; does nothing if there is nothing.
    pub fn hand_over(&mut self) {
        let taken = self.taken;
        for lane in &mut self.lanes {
            lane.hand_over(taken);
        }
        let counts = std::mem::take(&mut self.counts);
        if counts != Counts::default() && self.origin.source == EventSource::Telemetry {
            self.hub.counts.add(counts, self.now);
        }
    }

    /// How many messages are durable, once that is more than `known`, or,
    /// after [`Busy`], once the message may be appended again: then it may be
    /// `known` itself. An error is final.
    pub fn poll_durable(
        &mut self,
        cx: &mut Context<'_>,
        known: u64,
    ) -> Poll<Result<u64, LogError>> {
        let may_go_on = self.poll_twin(cx) | self.poll_lanes(cx);
        let durable = self.durable();
        if durable > known {
            return Poll::Ready(Ok(durable));
        }
        match &self.failed {
            Some(error) => Poll::Ready(Err(error.clone())),
            None if may_go_on => Poll::Ready(Ok(durable)),
            None => Poll::Pending,
        }
    }

    fn durable(&self) -> u64 {
        let covered = self.lanes.iter().map(|lane| lane.covered(self.taken));
        covered.min().unwrap_or(self.taken)
    }

    /// Whether the twin that was waited for is there.
    fn poll_twin(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.waits_for_twin {
            return false;
        }
        match self.twin.poll(cx) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                let error = LogError::Failed(format!("could not read the twin: {error}"));
                self.failed.get_or_insert(error);
            }
        }
        self.waits_for_twin = false;
        true
    }

    /// Whether a log that was busy has room.
    fn poll_lanes(&mut self, cx: &mut Context<'_>) -> bool {
        let mut has_room = false;
        let mut failed = Vec::new();
        for lane in &mut self.lanes {
            match lane.poll(cx) {
                Told::Nothing => {}
                Told::Room => has_room = true,
                Told::Failed(error) => failed.push((lane.endpoint, error)),
            }
        }
        for (endpoint, error) in failed {
            // An endpoint that was removed takes what waited for it along.
            if endpoint.is_some_and(|endpoint| self.hub.has_lost(endpoint)) {
                self.lanes.retain(|lane| lane.endpoint != endpoint);
                has_room = true;
            } else {
                self.failed.get_or_insert(error);
            }
        }
        has_room
    }

    /// Goes by the routes that are in force by now.
    fn follow(&mut self) {
        // What was taken for an endpoint that is no destination any more still
        // goes there.
        let taken = self.taken;
        for lane in &mut self.lanes {
            lane.hand_over(taken);
        }
        let before = std::mem::replace(&mut self.in_force, self.hub.in_force());
        let endpoints = self.in_force.table.endpoints();
        if let Some(partial) = &mut self.partial {
            partial.done = partial.done.moved(before.table.endpoints(), endpoints);
        }
        self.lanes.retain(|lane| match lane.endpoint {
            None => true,
            Some(endpoint) => lane.is_pending() || endpoints.contains(&endpoint),
        });
        self.look_at_table();
    }

    /// Whether the built-in endpoint got this message by routes that changed
    /// while another had no room for it.
    fn has_its_copy(&mut self, message: &MessageRef<'_>) -> bool {
        self.partial.is_some()
            && self
                .partial
                .take()
                .is_some_and(|known| known.is_of(message) && known.done.has_built_in())
    }

    fn look_at_table(&mut self) {
        let table = self.in_force.table.of(self.origin.source);
        self.is_plain = table.is_plain();
        self.falls_back = table.is_all_by_fallback();
    }

    fn append_routed(
        &mut self,
        message: &MessageRef<'_>,
        enqueued: Timestamp,
    ) -> Result<Counts, NotTaken> {
        let (hub, in_force, origin) = (&self.hub, &self.in_force, &self.origin);
        if in_force.table.reads_twin(origin.source) && !self.twin.is_fresh(enqueued) {
            let id = &origin.identity;
            self.twin.begin(hub, id, enqueued);
            self.waits_for_twin = true;
            return Err(NotTaken::Busy);
        }
        let event = EventRef::on_its_way(origin, message, enqueued);
        let twin = self.twin.get();
        let routed = in_force.table.route(event, twin);
        let partial = self.partial.take().filter(|known| known.is_of(message));
        let mut copying = Copying {
            hub,
            in_force,
            origin,
            lanes: &mut self.lanes,
            enqueued,
            taken: self.taken,
            done: partial.map_or(Destinations::NONE, |partial| partial.done),
        };
        let copied = copying.all(message, twin, routed);
        if matches!(copied, Err(NotTaken::Busy)) && !copying.done.is_empty() {
            let message = Message::from(message);
            let done = copying.done;
            self.partial = Some(Partial { message, done });
        }
        copied
    }
}
