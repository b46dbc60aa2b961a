//! How a connection begins: protocol headers, the SASL layer if the peer
//! wants it, `open`.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::breach::Breach;
use super::{CloseReason, Connection, Event, Progress};
use crate::frame::{Frame, FrameKind, MIN_MAX_FRAME_SIZE, RawFrame};
use crate::performatives::{Open, Performative, condition};
use crate::protocol_header::ProtocolHeader;
use crate::sasl::{Mechanisms, Outcome, OutcomeCode, SaslFrame};
use crate::value::Map;

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first protocol header is to come.
    Header,
    /// The client is to choose a mechanism.
    SaslInit,
    /// The host is to say whether the client is let in.
    SaslOutcome,
    /// The header of AMQP is to come, behind the SASL layer.
    AmqpHeader,
    /// `open` is to come.
    Open,
    /// Open on both sides.
    Running,
    /// Closed from here; the peer's `close` is to come until then.
    Closing {
        /// When it is not waited for any longer.
        until: Instant,
    },
    /// Nothing is read any more.
    Finished,
}

impl Connection {
    /// Takes the next piece of the handshake.
    pub(super) fn shake_hands(&mut self) -> Progress {
        match self.phase {
            Phase::Header | Phase::AmqpHeader => self.take_header(),
            Phase::SaslInit => self.take_sasl_init(),
            Phase::Open => self.take_open(),
            Phase::SaslOutcome | Phase::Running | Phase::Closing { .. } | Phase::Finished => {
                Progress::Waiting
            }
        }
    }

    /// Ends the SASL layer: whether the client is who it says.
    pub fn sasl_outcome(&mut self, ok: bool) {
        if self.phase != Phase::SaslOutcome {
            return;
        }
        self.write_outcome(if ok {
            OutcomeCode::Ok
        } else {
            OutcomeCode::Auth
        });
        self.phase = if ok {
            Phase::AmqpHeader
        } else {
            Phase::Finished
        };
    }

    fn take_header(&mut self) -> Progress {
        let header = match ProtocolHeader::take(&mut self.inbox) {
            Ok(Some(header)) => header,
            Ok(None) => return Progress::Waiting,
            Err(_) => return self.speaks_otherwise(ProtocolHeader::AMQP),
        };
        let offers_sasl = self.phase == Phase::Header && !self.settings.mechanisms.is_empty();
        if header == ProtocolHeader::AMQP {
            self.write_header(header);
            self.phase = Phase::Open;
        } else if header == ProtocolHeader::SASL && offers_sasl {
            self.write_header(header);
            self.wire.sasl(&SaslFrame::Mechanisms(Mechanisms {
                mechanisms: self.settings.mechanisms.clone(),
            }));
            self.phase = Phase::SaslInit;
        } else if header.id == ProtocolHeader::SASL.id && offers_sasl {
            return self.speaks_otherwise(ProtocolHeader::SASL);
        } else {
            return self.speaks_otherwise(ProtocolHeader::AMQP);
        }
        Progress::Read
    }

    fn write_header(&mut self, header: ProtocolHeader) {
        self.wire.last_sent = self.wire.now;
        header.encode(&mut self.wire.outbox);
    }

    fn speaks_otherwise(&mut self, spoken: ProtocolHeader) -> Progress {
        self.write_header(spoken);
        self.over(CloseReason::OtherProtocol);
        Progress::Read
    }

    fn take_sasl_init(&mut self) -> Progress {
        let raw = match RawFrame::take(&mut self.inbox, self.settings.max_frame_size) {
            Ok(Some(raw)) => raw,
            Ok(None) => return Progress::Waiting,
            Err(_) => {
                self.over(CloseReason::Sasl);
                return Progress::Read;
            }
        };
        let frame = match raw.kind {
            FrameKind::Sasl => SaslFrame::decode(raw, self.settings.limits).ok(),
            FrameKind::Amqp => None,
        };
        match frame {
            Some(SaslFrame::Init(init)) if self.settings.mechanisms.contains(&init.mechanism) => {
                self.phase = Phase::SaslOutcome;
                self.events.push_back(Event::SaslInit {
                    mechanism: init.mechanism,
                    response: init.initial_response.unwrap_or(Bytes::new()),
                    hostname: init.hostname,
                });
            }
            _ => {
                self.write_outcome(OutcomeCode::Auth);
                self.over(CloseReason::Sasl);
            }
        }
        Progress::Read
    }

    fn write_outcome(&mut self, code: OutcomeCode) {
        self.wire.sasl(&SaslFrame::Outcome(Outcome {
            code,
            additional_data: None,
        }));
    }

    fn take_open(&mut self) -> Progress {
        let raw = match RawFrame::take(&mut self.inbox, self.settings.max_frame_size) {
            Ok(Some(raw)) => raw,
            Ok(None) => return Progress::Waiting,
            Err(error) => {
                self.cut_off(condition::FRAMING_ERROR, error);
                return Progress::Read;
            }
        };
        if let Err(breach) = self.opened(raw) {
            self.punish(0, breach);
        }
        Progress::Read
    }

    fn opened(&mut self, raw: RawFrame) -> Result<(), Breach> {
        let frame = match raw.kind {
            FrameKind::Amqp => Frame::decode(super::with_own_memory(raw), self.settings.limits)
                .map_err(|error| Breach::connection(condition::DECODE_ERROR, error))?,
            FrameKind::Sasl => {
                let why = "a sasl frame after the protocol header of amqp";
                return Err(Breach::connection(condition::FRAMING_ERROR, why));
            }
        };
        let open = match frame.performative {
            // Some peers show that they are alive before anything else.
            None => return Ok(()),
            Some(Performative::Open(open)) => open,
            Some(_) => {
                let why = "the first frame of a connection is open";
                return Err(Breach::connection(condition::ILLEGAL_STATE, why));
            }
        };
        if open.max_frame_size < MIN_MAX_FRAME_SIZE {
            let why = format!("max-frame-size is at least {MIN_MAX_FRAME_SIZE}");
            return Err(Breach::connection(condition::INVALID_FIELD, why));
        }
        self.wire.frame_limit = open.max_frame_size.min(self.settings.max_frame_size);
        self.write_open()?;
        self.phase = Phase::Running;
        let idle = open.idle_time_out.filter(|millis| *millis > 0);
        let idle = idle.map(|millis| Duration::from_millis(millis.into()));
        self.liveness.peer_wants(idle);
        self.events.push_back(Event::Opened(open));
        Ok(())
    }

    pub(super) fn write_open(&mut self) -> Result<(), Breach> {
        let idle = self.settings.idle_timeout.as_millis();
        let open = Open {
            container_id: self.settings.container_id.clone().into(),
            hostname: None,
            max_frame_size: self.settings.max_frame_size,
            channel_max: self.settings.channel_max,
            idle_time_out: Some(u32::try_from(idle).unwrap_or(u32::MAX)),
            outgoing_locales: Vec::new(),
            incoming_locales: Vec::new(),
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            properties: Map::new(),
        };
        self.wire.frame(0, open)
    }
}
