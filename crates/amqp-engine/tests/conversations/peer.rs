//! The other side of a connection, and the host on this one.

mod frames;

use std::time::{Duration, Instant};

use bytes::Bytes;
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::frame::{Frame, RawFrame};
use twinhub_amqp_engine::performatives::{AmqpError, Attach, Begin, Open, Performative};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::{
    CloseReason, Connection, DeliveryId, Event, IncomingDelivery, IncomingTerms, LinkId,
    OutgoingTerms, SessionId, Settings,
};

pub use frames::*;

pub struct Peer {
    pub connection: Connection,
    pub now: Instant,
}

impl Peer {
    /// A connection that was just accepted.
    pub fn connected(settings: Settings) -> Self {
        let now = Instant::now();
        Self {
            connection: Connection::new(settings, now),
            now,
        }
    }

    /// A connection that is open, of an admitted client.
    pub fn opened(settings: Settings) -> Self {
        Self::opened_with(settings, open())
    }

    pub fn opened_with(settings: Settings, open: Open) -> Self {
        let mut peer = Self::connected(settings);
        peer.says_header(ProtocolHeader::AMQP);
        peer.says(0, open);
        assert!(matches!(peer.events()[..], [Event::Opened(_)]));
        peer.connection.admitted();
        peer.connection.outbox().clear();
        peer
    }

    /// An open connection with a session on channel 1.
    pub fn begun(settings: Settings) -> Self {
        Self::begun_with(settings, open(), begin())
    }

    pub fn begun_with(settings: Settings, open: Open, begin: Begin) -> Self {
        let mut peer = Self::opened_with(settings, open);
        peer.begins(1, begin);
        peer
    }

    pub fn begins(&mut self, channel: u16, begin: Begin) {
        self.says(channel, begin);
        assert_eq!(self.events(), []);
        assert!(matches!(self.hears()[..], [(_, Performative::Begin(_))]));
    }

    pub fn says_header(&mut self, header: ProtocolHeader) {
        header.encode(self.connection.inbox());
    }

    pub fn says(&mut self, channel: u16, performative: impl Into<Performative>) {
        Frame::new(channel, performative)
            .encode(u32::MAX, self.connection.inbox())
            .unwrap();
    }

    pub fn says_bytes(&mut self, bytes: &[u8]) {
        self.connection.inbox().extend_from_slice(bytes);
    }

    pub fn hears_header(&mut self) -> ProtocolHeader {
        ProtocolHeader::take(self.connection.outbox())
            .unwrap()
            .unwrap()
    }

    /// Every frame of the outbox.
    pub fn hears_frames(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(raw) = RawFrame::take(self.connection.outbox(), u32::MAX).unwrap() {
            frames.push(Frame::decode(raw, Limits::default()).unwrap());
        }
        assert!(self.connection.outbox().is_empty(), "half a frame");
        frames
    }

    /// Every performative of the outbox, with its channel.
    pub fn hears(&mut self) -> Vec<(u16, Performative)> {
        let frames = self.hears_frames().into_iter();
        frames
            .filter_map(|frame| Some((frame.channel, frame.performative?)))
            .collect()
    }

    /// The performatives of the outbox, which are on channel 1.
    pub fn hears_on_1(&mut self) -> Vec<Performative> {
        let heard = self.hears().into_iter();
        heard
            .map(|(channel, performative)| {
                assert_eq!(channel, 1, "{performative:?}");
                performative
            })
            .collect()
    }

    pub fn event(&mut self) -> Option<Event> {
        self.connection.next_event(self.now)
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.event()).collect()
    }

    pub fn passes(&mut self, time: Duration) {
        self.now += time;
        self.connection.tick(self.now);
    }

    /// Attaches on channel 1; the host has not answered.
    pub fn attaches(&mut self, attach: Attach) -> LinkId {
        self.attaches_on(1, attach).0
    }

    pub fn attaches_on(&mut self, channel: u16, attach: Attach) -> (LinkId, SessionId) {
        self.says(channel, attach.clone());
        let events = self.events();
        let [
            Event::Attach {
                link,
                session,
                attach: told,
            },
        ] = &events[..]
        else {
            panic!("not one attach: {events:?}");
        };
        assert_eq!(**told, attach);
        (*link, *session)
    }

    /// A link that the client sends on, accepted with this credit.
    pub fn sender(&mut self, handle: u32, credit: u32) -> LinkId {
        let link = self.attaches(sender(handle));
        let terms = IncomingTerms {
            credit,
            max_message_size: 1000,
        };
        self.connection.accept_incoming(link, terms);
        self.connection.outbox().clear();
        link
    }

    /// A link that the host sends on, accepted; the client gives this credit.
    pub fn receiver(&mut self, handle: u32, credit: u32) -> LinkId {
        let link = self.attaches(receiver(handle));
        let terms = OutgoingTerms::default();
        self.connection.accept_outgoing(link, terms);
        if credit > 0 {
            self.grants(handle, 0, credit);
            assert_eq!(self.events(), [Event::Flow { link, drain: false }]);
        }
        self.connection.outbox().clear();
        link
    }

    pub fn grants(&mut self, handle: u32, delivery_count: u32, credit: u32) {
        self.says(1, credit_flow(handle, delivery_count, credit));
    }

    /// Sends settled, with the tag `tag`.
    pub fn send(&mut self, link: LinkId, message: &[u8]) -> DeliveryId {
        self.send_as(link, message, true)
    }

    pub fn send_as(&mut self, link: LinkId, message: &[u8], settled: bool) -> DeliveryId {
        let delivery = delivery(settled);
        self.connection
            .send(link, delivery, |out| out.extend_from_slice(message))
            .unwrap()
    }

    /// The deliveries told by the events, and nothing else.
    pub fn deliveries(&mut self) -> Vec<IncomingDelivery> {
        let events = self.events().into_iter();
        events
            .map(|event| match event {
                Event::Delivery { delivery, .. } => delivery,
                other => panic!("not a delivery: {other:?}"),
            })
            .collect()
    }

    /// Feeds a byte stream; gives what it led to.
    pub fn hearing_all_of(&mut self, bytes: &[u8]) -> (Vec<Event>, Bytes) {
        self.says_bytes(bytes);
        (self.events(), self.takes_outbox())
    }

    pub fn takes_outbox(&mut self) -> Bytes {
        self.connection.outbox().split().freeze()
    }

    /// The error that the connection was closed with.
    pub fn violation(&mut self) -> AmqpError {
        let events = self.events();
        let Some(Event::Closed(CloseReason::Violation(error))) = events.last() else {
            panic!("not closed for a violation: {events:?}");
        };
        error.clone()
    }
}
