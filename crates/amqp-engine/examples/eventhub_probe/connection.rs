//! One connection: headers, SASL, then frames until the peer closes.

use std::collections::HashMap;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::frame::{Frame, FrameKind, RawFrame};
use twinhub_amqp_engine::performatives::{Begin, Close, End, Open, Performative};
use twinhub_amqp_engine::protocol_header::ProtocolHeader;
use twinhub_amqp_engine::sasl::{Mechanisms, Outcome, OutcomeCode, SaslFrame};
use twinhub_amqp_engine::value::Symbol;

use crate::Failure;
use crate::session::Session;

const MAX_FRAME_SIZE: u32 = 65_536;
const MECHANISMS: [Symbol; 3] = [
    Symbol::from_static("MSSBCBS"),
    Symbol::from_static("PLAIN"),
    Symbol::from_static("ANONYMOUS"),
];

/// Serves a connection until it is closed.
pub async fn serve(stream: TcpStream) -> Result<(), Failure> {
    let mut wire = Wire {
        stream,
        input: BytesMut::new(),
        output: BytesMut::new(),
    };
    let mut header = wire.header().await?;
    if header == ProtocolHeader::SASL {
        negotiate(&mut wire).await?;
        header = wire.header().await?;
    }
    if header != ProtocolHeader::AMQP {
        return Err(format!("cannot speak {header:?}").into());
    }
    ProtocolHeader::AMQP.encode(&mut wire.output);
    frames(&mut wire).await
}

async fn negotiate(wire: &mut Wire) -> Result<(), Failure> {
    ProtocolHeader::SASL.encode(&mut wire.output);
    let offer = SaslFrame::Mechanisms(Mechanisms {
        mechanisms: MECHANISMS.to_vec(),
    });
    offer.encode(MAX_FRAME_SIZE, &mut wire.output)?;

    let raw = wire.raw_frame().await?.ok_or("closed during sasl")?;
    let SaslFrame::Init(init) = SaslFrame::decode(raw, Limits::default())? else {
        return Err("expected sasl-init".into());
    };
    let known = MECHANISMS.contains(&init.mechanism);
    let outcome = SaslFrame::Outcome(Outcome {
        code: if known {
            OutcomeCode::Ok
        } else {
            OutcomeCode::Auth
        },
        additional_data: None,
    });
    outcome.encode(MAX_FRAME_SIZE, &mut wire.output)?;
    wire.flush().await
}

async fn frames(wire: &mut Wire) -> Result<(), Failure> {
    let mut peer_limit = 512;
    let mut sessions: HashMap<u16, Session> = HashMap::new();
    while let Some(raw) = wire.raw_frame().await? {
        if raw.kind != FrameKind::Amqp {
            return Err("a sasl frame after sasl".into());
        }
        let frame = Frame::decode(raw, Limits::default())?;
        let channel = frame.channel;
        let mut answers: Vec<Performative> = Vec::new();
        let mut closed = false;
        match frame.performative {
            None => {}
            Some(Performative::Open(open)) => {
                peer_limit = open.max_frame_size;
                answers.push(our_open().into());
            }
            Some(Performative::Begin(begin)) => {
                answers.push(our_begin(channel).into());
                sessions.insert(channel, Session::begun(&begin));
            }
            Some(Performative::End(_)) => {
                sessions.remove(&channel);
                answers.push(End::default().into());
            }
            Some(Performative::Close(_)) => {
                answers.push(Close::default().into());
                closed = true;
            }
            Some(performative) => match sessions.get_mut(&channel) {
                Some(session) => session.take(performative, &mut answers)?,
                // The client detaches its links after it has ended their session.
                None => eprintln!("on a channel without session: {performative:?}"),
            },
        }
        for answer in answers {
            Frame::new(channel, answer).encode(peer_limit, &mut wire.output)?;
        }
        if closed {
            return wire.flush().await;
        }
    }
    Ok(())
}

fn our_open() -> Open {
    Open {
        container_id: "eventhub-probe".into(),
        hostname: None,
        max_frame_size: MAX_FRAME_SIZE,
        channel_max: 255,
        idle_time_out: Some(240_000),
        outgoing_locales: Vec::new(),
        incoming_locales: Vec::new(),
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Default::default(),
    }
}

fn our_begin(channel: u16) -> Begin {
    Begin {
        remote_channel: Some(channel),
        next_outgoing_id: 0,
        incoming_window: 5000,
        outgoing_window: 5000,
        handle_max: 255,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Default::default(),
    }
}

struct Wire {
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
}

impl Wire {
    async fn header(&mut self) -> Result<ProtocolHeader, Failure> {
        loop {
            if let Some(header) = ProtocolHeader::take(&mut self.input)? {
                return Ok(header);
            }
            if !self.read().await? {
                return Err("closed before the protocol header".into());
            }
        }
    }

    /// The next frame, or nothing when the peer is gone.
    async fn raw_frame(&mut self) -> Result<Option<RawFrame>, Failure> {
        loop {
            if let Some(raw) = RawFrame::take(&mut self.input, MAX_FRAME_SIZE)? {
                return Ok(Some(raw));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Writes what is due, then reads; false when the peer is gone.
    async fn read(&mut self) -> Result<bool, Failure> {
        self.flush().await?;
        Ok(self.stream.read_buf(&mut self.input).await? > 0)
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        self.stream.write_all_buf(&mut self.output).await?;
        Ok(())
    }
}
