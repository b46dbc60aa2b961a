//! One publisher of a loop that has many: QoS 1 with a window.
//!
//! A message is copied from a template and given a packet identifier, which
//! is also the place where its start is kept: an acknowledgement costs a look
//! into an array. Nothing is allocated and no clock read per message.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    num::NonZeroU16,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use bytes::{Bytes, BytesMut};
use mio::{Registry, Token};
use rustls::{ClientConnection, Connection, Stream};
use twinhub_mqtt_codec::{Delivery, Packet, Publish, TopicName};

use crate::{
    figures::{Figures, Window},
    link::{Link, PeerState},
    load::{Buffers, Sends},
    routes,
    target::{Target, telemetry_topic},
};

/// How long a server may take to let a client in.
const ADMISSION: Duration = Duration::from_secs(10);
/// CONNACK of a client that is let in without a session.
const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];
/// The first two bytes of a PUBACK; its identifier follows.
const PUBACK: [u8; 2] = [0x40, 2];
const ACK_LENGTH: usize = 4;

/// A client that publishes.
pub struct Publisher {
    link: Link,
    message: Template,
    window: InFlight,
    inbox: Vec<u8>,
}

/// What messages hold.
#[derive(Debug, Clone, Copy)]
pub enum Contents {
    /// So many bytes.
    Filling(usize),
    /// A JSON document of so many bytes, and said to be one.
    Document(usize),
}

/// What a topic of telemetry ends with then.
const SAID_TO_BE_JSON: &str = "$.ct=application%2Fjson&$.ce=utf-8";

/// A PUBLISH, whole but for its packet identifier.
struct Template {
    packet: Vec<u8>,
    id_at: usize,
}

/// The messages that are not acknowledged yet.
struct InFlight {
    /// By packet identifier less one.
    started: Vec<Option<Instant>>,
    free: Vec<u16>,
}

impl Publisher {
    /// Connects `client`, which is let in when this returns. It may have
    /// `window` messages in flight.
    pub fn connect(
        target: &Target,
        client: &str,
        contents: Contents,
        window: u16,
    ) -> anyhow::Result<Self> {
        let mut socket = TcpStream::connect(target.mqtt())
            .with_context(|| format!("no server answers on {}", target.mqtt()))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ADMISSION))?;
        let connect = target.connect_packet(client)?;
        let tls = match target.tls() {
            None => {
                introduce(&mut socket, &connect)?;
                None
            }
            Some(tls) => {
                let mut tls = ClientConnection::new(tls.clone(), target.server_name())?;
                tls.set_buffer_limit(None);
                introduce(&mut Stream::new(&mut tls, &mut socket), &connect)?;
                Some(Connection::from(tls))
            }
        };
        socket.set_nonblocking(true)?;
        Ok(Self {
            link: Link::new(mio::net::TcpStream::from_std(socket), tls),
            message: Template::new(client, contents)?,
            window: InFlight::new(window),
            inbox: Vec::new(),
        })
    }
}

impl Sends for Publisher {
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
        let mut acks = self.inbox.chunks_exact(ACK_LENGTH);
        for ack in &mut acks {
            ensure!(ack[..2] == PUBACK, "the server sends {ack:02x?}");
            let id = u16::from_be_bytes([ack[2], ack[3]]);
            let started = self
                .window
                .end(id)
                .with_context(|| format!("message {id} is acknowledged, but was not sent"))?;
            figures.count_until(count, started, now);
        }
        let taken = self.inbox.len() - acks.remainder().len();
        self.inbox.drain(..taken);
        ensure!(
            state == PeerState::Open,
            "the server has closed the connection"
        );
        Ok(())
    }

    fn fill(&mut self, buffers: &mut Buffers, now: Instant) -> io::Result<()> {
        buffers.outbox.clear();
        while let Some(id) = self.window.begin(now) {
            self.message.append(id, &mut buffers.outbox);
        }
        self.link.send(&buffers.outbox)
    }

    fn send_due(&mut self, buffers: &mut Buffers, due: Instant) -> io::Result<bool> {
        let Some(id) = self.window.begin(due) else {
            return Ok(false);
        };
        buffers.outbox.clear();
        self.message.append(id, &mut buffers.outbox);
        self.link.send(&buffers.outbox)?;
        Ok(true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.link.flush()
    }

    fn in_flight(&self) -> usize {
        self.window.started.len() - self.window.free.len()
    }
}

/// Sends the CONNECT and waits for the answer.
fn introduce(stream: &mut (impl Read + Write), connect: &[u8]) -> anyhow::Result<()> {
    stream.write_all(connect)?;
    stream.flush()?;
    let mut answer = [0; ACCEPTED.len()];
    stream
        .read_exact(&mut answer)
        .context("the server does not answer a CONNECT")?;
    if answer != ACCEPTED {
        bail!("the server answers a CONNECT with {answer:02x?}");
    }
    Ok(())
}

impl Template {
    fn new(client: &str, contents: Contents) -> anyhow::Result<Self> {
        let (topic, payload) = match contents {
            Contents::Filling(bytes) => (telemetry_topic(client), vec![b'x'; bytes]),
            Contents::Document(bytes) => {
                let topic = telemetry_topic(client) + SAID_TO_BE_JSON;
                (topic, routes::document(bytes))
            }
        };
        let payload_length = payload.len();
        let topic_length = topic.len();
        let publish = Publish {
            topic: TopicName::new(topic)?,
            delivery: Delivery::AtLeastOnce {
                id: NonZeroU16::MIN,
                duplicate: false,
            },
            retain: false,
            payload: Bytes::from(payload),
        };
        let mut packet = BytesMut::new();
        Packet::Publish(publish).encode(&mut packet)?;
        // The topic's length, the topic, the identifier and the payload end it.
        let id_at = packet.len() - payload_length - size_of::<u16>();
        ensure!(
            id_at > topic_length + size_of::<u16>(),
            "the packet has no topic"
        );
        Ok(Self {
            packet: packet.to_vec(),
            id_at,
        })
    }

    fn append(&self, id: u16, outbox: &mut Vec<u8>) {
        let start = outbox.len() + self.id_at;
        outbox.extend_from_slice(&self.packet);
        outbox[start..start + size_of::<u16>()].copy_from_slice(&id.to_be_bytes());
    }
}

impl InFlight {
    fn new(window: u16) -> Self {
        Self {
            started: vec![None; usize::from(window)],
            free: (1..=window).rev().collect(),
        }
    }

    fn begin(&mut self, now: Instant) -> Option<u16> {
        let id = self.free.pop()?;
        self.started[usize::from(id) - 1] = Some(now);
        Some(id)
    }

    fn end(&mut self, id: u16) -> Option<Instant> {
        let place = usize::from(id).checked_sub(1)?;
        let started = self.started.get_mut(place)?.take()?;
        self.free.push(id);
        Some(started)
    }
}

#[cfg(test)]
mod tests {
    use twinhub_mqtt_codec::decode;

    use super::*;

    #[test]
    fn messages_of_a_template_differ_in_their_identifier_alone() {
        let template = Template::new("pump-7", Contents::Filling(256)).unwrap();
        let mut outbox = Vec::new();

        template.append(1, &mut outbox);
        template.append(0x1234, &mut outbox);

        let mut bytes = BytesMut::from(&outbox[..]);
        for id in [1, 0x1234] {
            let Some(Packet::Publish(publish)) = decode(&mut bytes, 1 << 20).unwrap() else {
                panic!("no PUBLISH");
            };
            assert_eq!(publish.delivery.packet_id(), NonZeroU16::new(id));
            assert_eq!(&*publish.topic, "devices/pump-7/messages/events/");
            assert_eq!(publish.payload.len(), 256);
        }
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_window_has_as_much_room_as_it_is_wide_and_each_message_ends_once() {
        let now = Instant::now();
        let mut window = InFlight::new(2);

        let ids = [window.begin(now), window.begin(now), window.begin(now)];

        assert_eq!(ids, [Some(1), Some(2), None]);
        assert_eq!(window.end(2), Some(now));
        assert_eq!(window.end(2), None);
        assert_eq!(window.end(0), None);
        assert_eq!(window.end(3), None);
        assert_eq!(window.begin(now), Some(2));
    }
}
