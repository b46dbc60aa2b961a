//! A connection of a loop that has many: unsettled messages over its links,
//! each link with a window of its own.
//!
//! A delivery's number is its place in a queue of start times: what settles a
//! range costs a look at each. Nothing is allocated and no clock read per
//! message.

use std::{collections::VecDeque, io, time::Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::{Bytes, BytesMut};
use mio::{Registry, Token};
use twinhub_amqp_engine::{
    message::{Body, Header, Message},
    performatives::{DeliveryState, Disposition, Performative},
};

use super::{
    client::Handover,
    session::{Attached, SessionState},
    wire::{Frames, put_transfer},
};
use crate::{
    figures::{Figures, Window},
    link::{Link, PeerState},
    load::{Buffers, Sends},
};

/// A connection that sends.
pub struct Sender {
    link: Link,
    inbox: Vec<u8>,
    links: Vec<Attached>,
    session: SessionState,
    message: Vec<u8>,
    /// The links that may send, once for each message.
    ready: VecDeque<usize>,
    /// The links that may, as soon as the server gives them credit.
    waiting: Vec<usize>,
    in_flight: InFlight,
}

/// The deliveries that are not settled yet, in the order of their numbers.
#[derive(Debug, Default)]
struct InFlight {
    oldest: u32,
    deliveries: VecDeque<Option<(Instant, usize)>>,
    count: usize,
}

impl Sender {
    /// Sends over all links from `first` on, each with `window` messages of
    /// `payload` bytes in flight.
    pub fn new(from: Handover, first: usize, payload: usize, window: u16) -> anyhow::Result<Self> {
        let message = Message {
            header: Some(Header {
                durable: true,
                ..Header::default()
            }),
            body: Body::Data(vec![Bytes::from(vec![b'x'; payload])]),
            ..Message::default()
        };
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes)?;
        let senders = first..from.links.len();
        Ok(Self {
            link: from.link,
            inbox: from.inbox,
            in_flight: InFlight {
                oldest: from.session.next_outgoing,
                ..InFlight::default()
            },
            session: from.session,
            message: bytes.to_vec(),
            ready: (0..window).flat_map(|_| senders.clone()).collect(),
            waiting: Vec::new(),
            links: from.links,
        })
    }

    /// Appends a message of the next link that may send; false if none may.
    fn put(&mut self, started: Instant, outbox: &mut Vec<u8>) -> bool {
        while self.session.window > 0 {
            let Some(index) = self.ready.pop_front() else {
                return false;
            };
            let link = &mut self.links[index];
            if link.credit == 0 {
                self.waiting.push(index);
                continue;
            }
            link.credit -= 1;
            link.delivery_count = link.delivery_count.wrapping_add(1);
            put_transfer(
                link.handle,
                self.session.next_outgoing,
                &self.message,
                outbox,
            );
            self.session.next_outgoing = self.session.next_outgoing.wrapping_add(1);
            self.session.window -= 1;
            self.in_flight.begin(started, index);
            return true;
        }
        false
    }

    fn settle(
        &mut self,
        disposition: &Disposition,
        now: Instant,
        count: &Window,
        figures: &mut Figures,
    ) -> anyhow::Result<()> {
        ensure!(
            disposition.settled && disposition.state == Some(DeliveryState::Accepted),
            "the server answers a message with {disposition:?}"
        );
        let last = disposition.last.unwrap_or(disposition.first);
        for offset in 0..=last.wrapping_sub(disposition.first) {
            let delivery = disposition.first.wrapping_add(offset);
            let (started, link) = self
                .in_flight
                .end(delivery)
                .with_context(|| format!("delivery {delivery} is settled, but was not sent"))?;
            figures.count_until(count, started, now);
            self.ready.push_back(link);
        }
        Ok(())
    }
}

impl Sends for Sender {
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.link.register(registry, token)
    }

    fn receive(
        &mut self,
        buffers: &mut Buffers,
        count: &Window,
        figures: &mut Figures,
    ) -> anyhow::Result<()> {
        let state = self.link.receive(&mut buffers.scratch, &mut self.inbox)?;
        let now = Instant::now();
        let inbox = std::mem::take(&mut self.inbox);
        let mut frames = Frames::of(&inbox);
        while let Some(body) = frames.next()? {
            match body.decode()? {
                None => {}
                Some(Performative::Disposition(disposition)) => {
                    self.settle(&disposition, now, count, figures)?;
                }
                Some(Performative::Flow(flow)) => {
                    self.session.hear(&flow, &mut self.links);
                    self.ready.extend(self.waiting.drain(..));
                }
                Some(other) => bail!("the server says {other:?}"),
            }
        }
        let left = frames.left();
        self.inbox = inbox;
        self.inbox.drain(..self.inbox.len() - left);
        ensure!(
            state == PeerState::Open,
            "the server has closed the connection"
        );
        Ok(())
    }

    fn fill(&mut self, buffers: &mut Buffers, now: Instant) -> io::Result<()> {
        buffers.outbox.clear();
        while self.put(now, &mut buffers.outbox) {}
        self.link.send(&buffers.outbox)
    }

    fn send_due(&mut self, buffers: &mut Buffers, due: Instant) -> io::Result<bool> {
        buffers.outbox.clear();
        if !self.put(due, &mut buffers.outbox) {
            return Ok(false);
        }
        self.link.send(&buffers.outbox)?;
        Ok(true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.link.flush()
    }

    fn in_flight(&self) -> usize {
        self.in_flight.count
    }
}

impl InFlight {
    /// The next delivery has been sent.
    fn begin(&mut self, started: Instant, link: usize) {
        self.deliveries.push_back(Some((started, link)));
        self.count += 1;
    }

    /// A delivery is settled: when it began, and over which link.
    fn end(&mut self, delivery: u32) -> Option<(Instant, usize)> {
        let place = delivery.wrapping_sub(self.oldest) as usize;
        let ended = self.deliveries.get_mut(place)?.take()?;
        self.count -= 1;
        while let Some(None) = self.deliveries.front() {
            self.deliveries.pop_front();
            self.oldest = self.oldest.wrapping_add(1);
        }
        Some(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_end_once_in_any_order_and_their_numbers_may_wrap() {
        let now = Instant::now();
        let mut in_flight = InFlight {
            oldest: u32::MAX,
            ..InFlight::default()
        };
        for link in [3, 4, 5] {
            in_flight.begin(now, link);
        }

        assert_eq!(in_flight.end(0), Some((now, 4)));
        assert_eq!(in_flight.end(0), None);
        assert_eq!(in_flight.end(u32::MAX), Some((now, 3)));
        assert_eq!(in_flight.end(2), None);
        assert_eq!(in_flight.end(1), Some((now, 5)));
        assert_eq!((in_flight.count, in_flight.deliveries.len()), (0, 0));
    }
}
