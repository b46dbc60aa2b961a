//! Whatever a peer sends and a host calls, in whatever order: nothing panics,
//! what is counted is what is there, and the limits hold.

mod acts;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use proptest::sample::Index;

use super::link::LinkEnd;
use super::*;
use crate::performatives::{AmqpError, DeliveryState, Role};
use crate::protocol_header::ProtocolHeader;
use acts::{Act, act, begin, open};

const MAX_LINKS: usize = 6;
const MAX_PARTIAL: usize = 600;
/// Fewer than the most links have.
const MAX_ATTACHES: usize = 500;
const MAX_UNSETTLED: usize = 5;
const PEER_FRAME: u32 = 512;

/// A connection, and the host's idea of it.
struct Table {
    connection: Connection,
    now: Instant,
    links: Vec<LinkId>,
    sessions: HashMap<LinkId, SessionId>,
    closed: bool,
}

impl Table {
    fn new() -> Self {
        let now = Instant::now();
        let settings = Settings {
            channel_max: 2,
            handle_max: 3,
            incoming_window: 4,
            max_links: MAX_LINKS,
            max_partial_bytes: MAX_PARTIAL,
            max_attach_bytes: MAX_ATTACHES,
            max_unsettled: MAX_UNSETTLED,
            ..Settings::default()
        };
        let mut table = Self {
            connection: Connection::new(settings, now),
            now,
            links: Vec::new(),
            sessions: HashMap::new(),
            closed: false,
        };
        ProtocolHeader::AMQP.encode(table.connection.inbox());
        table.frame(0, open().into());
        for channel in 0..3 {
            table.frame(channel, begin().into());
        }
        table.pull();
        ProtocolHeader::take(table.connection.outbox())
            .expect("a header")
            .expect("all of it");
        table.connection.admitted();
        table
    }

    fn frame(&mut self, channel: u16, performative: Performative) {
        Frame::new(channel, performative)
            .encode(u32::MAX, self.connection.inbox())
            .expect("the frame is small");
    }

    fn link(&self, index: &Index) -> Option<LinkId> {
        (!self.links.is_empty()).then(|| *index.get(&self.links))
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Frame(channel, performative, None) => self.frame(channel, *performative),
            Act::Frame(channel, performative, Some(aim)) => {
                if let Some((channel, aimed)) = self.aimed(channel, *performative, &aim) {
                    self.frame(channel, aimed);
                }
            }
            Act::Bytes(bytes) => self.connection.inbox().extend_from_slice(&bytes),
            Act::Wait(seconds) => {
                self.now += Duration::from_secs(seconds);
                self.connection.tick(self.now);
            }
            Act::Close => self.connection.close(None),
            Act::EndSession => {
                if let Some(session) = self.sessions.values().next() {
                    let error = AmqpError::new(condition::DETACH_FORCED, "over");
                    self.connection.end_session(*session, error);
                }
            }
            Act::Accept(link, _)
            | Act::Refuse(link)
            | Act::Detach(link)
            | Act::Grant(link, _)
            | Act::Send(link, ..)
            | Act::SettleIncoming(link, _)
            | Act::SettleOutgoing(link, _)
            | Act::Drained(link)
                if self.link(&link).is_none() => {}
            on_link => self.act_on_link(&on_link),
        }
    }

    /// The frame as a peer would send it that keeps to the handles and channels in use.
    fn aimed(
        &self,
        channel: u16,
        performative: Performative,
        aim: &Index,
    ) -> Option<(u16, Performative)> {
        let links = &self.connection.links;
        let of_role = |role: Option<Role>| {
            let live = self.links.iter().filter_map(|id| links.get(*id));
            let fit: Vec<_> = live
                .filter(|link| role == Some(link.peer_role()) || role.is_none())
                .collect();
            (!fit.is_empty()).then(|| *aim.get(&fit))
        };
        let session = self.connection.sessions.get(channel);
        Some(match performative {
            Performative::Begin(_) if session.is_some() => return None,
            Performative::Attach(attach) => {
                let handle = session?.handles.get(attach.handle);
                if matches!(handle, Some(session::Handle::Attached(_))) {
                    return None;
                }
                (channel, Performative::Attach(attach))
            }
            Performative::Transfer(mut transfer) => {
                let link = of_role(Some(Role::Sender))?;
                transfer.handle = link.handle;
                (link.channel, transfer.into())
            }
            Performative::Flow(mut flow) if flow.handle.is_some() => {
                let link = of_role(None)?;
                flow.handle = Some(link.handle);
                (link.channel, flow.into())
            }
            Performative::Detach(mut detach) => {
                let link = of_role(None)?;
                detach.handle = link.handle;
                (link.channel, detach.into())
            }
            other => (channel, other),
        })
    }

    fn act_on_link(&mut self, act: &Act) {
        let connection = &mut self.connection;
        let pick = |index: &Index| *index.get(&self.links);
        let accepted = DeliveryState::Accepted;
        match act {
            Act::Accept(link, credit) => {
                let link = pick(link);
                match connection.links.get(link).map(link::Link::peer_role) {
                    Some(Role::Sender) => connection.accept_incoming(
                        link,
                        IncomingTerms {
                            credit: *credit,
                            max_message_size: 700,
                        },
                    ),
                    _ => connection.accept_outgoing(link, OutgoingTerms::default()),
                }
            }
            Act::Refuse(link) => {
                let error = AmqpError::new(condition::NOT_FOUND, "x".repeat(600));
                connection.refuse(pick(link), error);
            }
            Act::Detach(link) => connection.detach(pick(link), None),
            Act::Grant(link, credit) => connection.grant(pick(link), *credit),
            Act::Drained(link) => connection.drained(pick(link)),
            Act::SettleIncoming(link, id) => {
                let id = DeliveryId(*id);
                connection.settle_incoming(pick(link), id, id.next(), &accepted);
            }
            Act::SettleOutgoing(link, id) => {
                connection.settle_outgoing(pick(link), DeliveryId(*id), &accepted);
            }
            Act::Send(link, length, settled) => {
                let link = pick(link);
                let can = connection.can_send(link);
                let delivery = NewDelivery {
                    tag: b"tag",
                    settled: *settled,
                    message_format: 0,
                };
                let sent = connection.send(link, delivery, |out| out.put_bytes(b'x', *length));
                if can {
                    sent.expect("a link that can send does");
                } else if !settled {
                    sent.expect_err("a link that cannot send does not");
                }
            }
            _ => unreachable!("the rest is not on a link"),
        }
    }

    /// Takes all events, which must fit what was told before.
    fn pull(&mut self) {
        while let Some(event) = self.connection.next_event(self.now) {
            assert!(!self.closed, "{event:?} after the end");
            let of = match &event {
                Event::Attach { link, session, .. } => {
                    assert!(!self.sessions.contains_key(link), "an id is used again");
                    self.links.push(*link);
                    self.sessions.insert(*link, *session);
                    Some(*link)
                }
                Event::Delivery { link, .. }
                | Event::Flow { link, .. }
                | Event::Settled { link, .. }
                | Event::Detached { link, .. } => Some(*link),
                Event::Opened(_) | Event::SaslInit { .. } => None,
                Event::Closed(_) => {
                    self.closed = true;
                    None
                }
            };
            if let Some(link) = of {
                assert!(self.sessions.contains_key(&link), "{event:?} before attach");
            }
            self.check();
        }
    }

    fn check(&self) {
        let Connection {
            links,
            partial,
            attaches,
            unsettled,
            sessions,
            ..
        } = &self.connection;
        let live: Vec<_> = links.all().collect();
        let mut held = 0;
        let mut owed = 0;
        for link in &live {
            assert!(sessions.get(link.channel).is_some(), "a link has a session");
            match &link.end {
                LinkEnd::Incoming(incoming) => held += incoming.held(),
                LinkEnd::Outgoing(outgoing) => owed += outgoing.unsettled,
            }
        }
        let in_tables: usize = (0..3)
            .filter_map(|channel| sessions.get(channel))
            .map(|session| session.unsettled(0, u32::MAX / 2).count())
            .sum();
        let weight: usize = live.iter().map(|link| link.weight).sum();
        assert!(links.len() <= MAX_LINKS);
        assert_eq!(attaches.held, weight);
        assert!(weight <= MAX_ATTACHES);
        assert_eq!(partial.held, held);
        assert!(held <= MAX_PARTIAL);
        assert_eq!(*unsettled, owed);
        assert_eq!(*unsettled, in_tables);
        assert!(owed <= MAX_UNSETTLED);
    }

    /// Takes the outbox, which must be frames that the peer can read.
    fn listen(&mut self) {
        let out: &mut BytesMut = self.connection.outbox();
        while let Some(raw) = RawFrame::take(out, PEER_FRAME).expect("frames of the peer's size") {
            Frame::decode(raw, crate::decode::Limits::default()).expect("frames in order");
        }
        assert!(out.is_empty(), "half a frame");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_order_of_frames_and_calls_breaks_them(acts in prop::collection::vec(act(), 1..200)) {
        let mut table = Table::new();

        for act in acts {
            table.act(act);
            table.check();
            table.pull();
            table.listen();
            table.check();
        }
    }
}
