//! A connection of a loop that has several: it takes all messages of one link.

use std::io;

use anyhow::{bail, ensure};
use bytes::{Bytes, BytesMut};
use mio::{Registry, Token};
use twinhub_amqp_engine::{
    decode::Limits,
    frame::Frame,
    message::{Section, Sections},
    performatives::Performative,
    value::Value,
};

use super::{
    channel::MAX_FRAME,
    client::Handover,
    session::{Attached, SessionState},
    wire::Frames,
};
use crate::link::{Link, PeerState};

const SEQUENCE_NUMBER: &str = "x-opt-sequence-number";

/// How closely a reader looks at what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Care {
    /// It counts messages.
    Count,
    /// It decodes their sections as a client does, and checks that the numbers
    /// of a partition's events follow one another.
    Decode,
}

/// A connection that reads.
pub struct Reader {
    link: Link,
    inbox: Vec<u8>,
    session: SessionState,
    attached: Attached,
    care: Care,
    /// The most that the server may send ahead.
    credit: u32,
    granted: u32,
    received: u64,
    bytes: u64,
    expected: u64,
    next_number: Option<i64>,
}

impl Reader {
    /// Reads `expected` messages over the last link of the connection.
    pub fn new(from: Handover, credit: u32, expected: u64, care: Care) -> anyhow::Result<Self> {
        let Some(attached) = from.links.last().copied() else {
            bail!("nothing is attached");
        };
        Ok(Self {
            link: from.link,
            inbox: from.inbox,
            session: from.session,
            attached,
            care,
            credit,
            granted: 0,
            received: 0,
            bytes: 0,
            expected,
            next_number: None,
        })
    }

    /// Has the poll of `registry` tell of it under `token`.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.link.register(registry, token)
    }

    /// Whether all messages have come.
    pub fn is_done(&self) -> bool {
        self.received >= self.expected
    }

    /// How many have.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The bytes of all frames that have been read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lets the server send ahead.
    pub fn grant(&mut self) -> anyhow::Result<()> {
        let flow = self.session.grant(&self.attached, self.credit);
        self.granted = self.credit;
        let mut frame = BytesMut::new();
        Frame::new(0, flow).encode(MAX_FRAME, &mut frame)?;
        self.link.send(&frame)?;
        Ok(())
    }

    /// Sends what the kernel had no room for.
    pub fn flush(&mut self) -> io::Result<()> {
        self.link.flush()
    }

    /// Takes what has come.
    pub fn receive(&mut self, scratch: &mut [u8]) -> anyhow::Result<()> {
        let state = self.link.receive(scratch, &mut self.inbox)?;
        let inbox = std::mem::take(&mut self.inbox);
        let mut frames = Frames::of(&inbox);
        while let Some(body) = frames.next()? {
            match body.transfer()? {
                Some(part) => {
                    self.session.next_incoming = self.session.next_incoming.wrapping_add(1);
                    if !part.more {
                        self.take(part.payload)?;
                    }
                }
                None => match body.decode()? {
                    None | Some(Performative::Flow(_) | Performative::Disposition(_)) => {}
                    Some(other) => bail!("the server says {other:?}"),
                },
            }
        }
        let left = frames.left();
        self.bytes += (inbox.len() - left) as u64;
        self.inbox = inbox;
        self.inbox.drain(..self.inbox.len() - left);
        ensure!(
            state == PeerState::Open,
            "the server has closed the connection"
        );
        if self.granted <= self.credit / 2 && !self.is_done() {
            self.grant()?;
        }
        Ok(())
    }

    fn take(&mut self, message: &[u8]) -> anyhow::Result<()> {
        self.received += 1;
        self.granted = self.granted.saturating_sub(1);
        self.attached.delivery_count = self.attached.delivery_count.wrapping_add(1);
        if self.care == Care::Decode {
            let number = decode(message)?;
            if let (Some(number), Some(next)) = (number, self.next_number) {
                ensure!(number == next, "event {number} comes where {next} was due");
            }
            self.next_number = number.map(|number| number + 1);
        }
        Ok(())
    }
}

/// Decodes all sections, and returns the number of the event if it is one.
fn decode(message: &[u8]) -> anyhow::Result<Option<i64>> {
    let mut number = None;
    let mut body = 0;
    for section in Sections::new(Bytes::copy_from_slice(message), Limits::default()) {
        match section? {
            Section::MessageAnnotations(annotations) => {
                if let Some(Value::Long(found)) = annotations.get(SEQUENCE_NUMBER) {
                    number = Some(*found);
                }
            }
            Section::Data(data) => body += data.len(),
            _ => {}
        }
    }
    ensure!(body > 0, "a message without a body");
    Ok(number)
}

#[cfg(test)]
mod tests {
    use twinhub_amqp_engine::{
        message::{Body, Message},
        value::{Map, Symbol},
    };

    use super::*;

    #[test]
    fn an_event_is_known_by_its_number() {
        let mut bytes = BytesMut::new();
        Message {
            message_annotations: Map::new().with(Symbol::from_static(SEQUENCE_NUMBER), 41_i64),
            body: Body::Data(vec![Bytes::from_static(b"body")]),
            ..Message::default()
        }
        .encode(&mut bytes)
        .unwrap();

        assert_eq!(decode(&bytes).unwrap(), Some(41));
        assert!(decode(&[]).is_err());
    }
}
