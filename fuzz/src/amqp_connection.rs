//! A connection whose peer sends anything.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::frame::{Frame, FrameKind, RawFrame};
use twinhub_amqp_engine::performatives::{DeliveryState, Role};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::sasl::SaslFrame;
use twinhub_amqp_engine::{
    Connection, Event, IncomingTerms, LinkId, NewDelivery, OutgoingTerms, Settings,
};

const MAX_LINKS: usize = 4;
const MAX_MESSAGE: u64 = 2048;

/// Feeds the bytes to a connection whose host agrees to everything, sends
/// whenever it can, and settles what arrives. What the connection writes are
/// headers and frames; no event comes after the last; links and messages stay
/// within their limits.
pub fn amqp_connection(bytes: &[u8]) {
    let now = Instant::now();
    let settings = Settings {
        max_frame_size: 4096,
        handle_max: 7,
        channel_max: 3,
        max_links: MAX_LINKS,
        max_partial_bytes: 4096,
        max_unsettled: 3,
        ..Settings::default()
    };
    let mut host = Host {
        connection: Connection::new(settings, now),
        now,
        links: Vec::new(),
        over: false,
    };
    // Half at first: a frame may be cut anywhere.
    let (first, second) = bytes.split_at(bytes.len() / 2);
    for part in [first, second] {
        host.connection.inbox().extend_from_slice(part);
        while let Some(event) = host.connection.next_event(now) {
            host.take(event);
        }
        let later = now + Duration::from_secs(30);
        host.connection.tick(later);
    }
    if host.connection.is_finished() {
        assert!(host.connection.next_event(now).is_none());
    }
    host.connection.close(None);
    is_written_properly(host.connection.outbox());
}

struct Host {
    connection: Connection,
    now: Instant,
    links: Vec<LinkId>,
    over: bool,
}

impl Host {
    fn take(&mut self, event: Event) {
        assert!(!self.over, "{event:?} after the end");
        match event {
            Event::SaslInit { .. } => self.connection.sasl_outcome(true),
            Event::Opened(_) => self.connection.admitted(),
            Event::Attach { link, attach, .. } => {
                self.links.push(link);
                assert!(self.links.len() <= MAX_LINKS);
                match attach.role {
                    Role::Sender => self.connection.accept_incoming(
                        link,
                        IncomingTerms {
                            credit: 5,
                            max_message_size: MAX_MESSAGE,
                        },
                    ),
                    Role::Receiver => self
                        .connection
                        .accept_outgoing(link, OutgoingTerms::default()),
                }
            }
            Event::Delivery { link, delivery } => {
                assert!(self.links.contains(&link));
                assert!(delivery.payload.len() as u64 <= MAX_MESSAGE);
                let id = delivery.id;
                let state = DeliveryState::Accepted;
                self.connection.settle_incoming(link, id, id, &state);
                self.connection.grant(link, 5);
            }
            Event::Flow { link, drain } => self.send(link, drain),
            Event::Settled {
                link,
                last,
                settled,
                ..
            } => {
                assert!(self.links.contains(&link));
                if !settled {
                    let state = DeliveryState::Released;
                    self.connection.settle_outgoing(link, last, &state);
                }
            }
            Event::Detached { link, .. } => {
                let before = self.links.len();
                self.links.retain(|known| *known != link);
                assert_eq!(self.links.len() + 1, before, "it was attached");
            }
            Event::Closed(_) => self.over = true,
        }
        assert!(self.connection.deadline().is_none_or(|at| at >= self.now));
    }

    /// A few messages of growing size, as far as the credit goes.
    fn send(&mut self, link: LinkId, drain: bool) {
        assert!(self.links.contains(&link));
        for round in 0..5_usize {
            if !self.connection.can_send(link) {
                break;
            }
            let delivery = NewDelivery {
                tag: &[0; 16],
                settled: round.is_multiple_of(2),
                message_format: 0,
            };
            let sent = self.connection.send(link, delivery, |out| {
                out.resize(out.len() + round * 1000, 0);
            });
            sent.expect("a link that can send does");
        }
        if drain {
            self.connection.drained(link);
        }
    }
}

fn is_written_properly(out: &mut BytesMut) {
    while !out.is_empty() {
        if ProtocolHeader::take(out).is_ok_and(|header| header.is_some()) {
            continue;
        }
        let raw = RawFrame::take(out, 4096).expect("our frames have a head");
        let raw = raw.expect("our frames are whole");
        let readable = match raw.kind {
            FrameKind::Sasl => SaslFrame::decode(raw, Limits::default()).is_ok(),
            FrameKind::Amqp => Frame::decode(raw, Limits::default()).is_ok(),
        };
        assert!(readable, "our frames can be read");
    }
}
