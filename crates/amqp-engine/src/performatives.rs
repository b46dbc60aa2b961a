//! The nine performatives, and the composites they carry.

mod amqp_error;
mod attach;
mod begin;
mod close;
mod delivery_state;
mod detach;
mod disposition;
mod end;
mod flow;
mod open;
mod settle;
mod source;
mod target;
mod transfer;

use bytes::BytesMut;

pub use amqp_error::{AmqpError, condition};
pub use attach::Attach;
pub use begin::Begin;
pub use close::Close;
pub use delivery_state::{DeliveryState, Modified, Received, Rejected};
pub use detach::Detach;
pub use disposition::Disposition;
pub use end::End;
pub use flow::Flow;
pub use open::Open;
pub use settle::{ReceiverSettleMode, Role, SenderSettleMode};
pub use source::Source;
pub use target::{AttachTarget, Target};
pub use transfer::Transfer;

use crate::composite::read_fields;
use crate::decode::{DecodeError, Decoder};
use crate::descriptor;
use crate::encode::Encode;

/// What a frame asks its receiver to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Performative {
    /// Says what this side of the connection can do.
    Open(Box<Open>),
    /// Begins a session on a channel.
    Begin(Begin),
    /// Attaches a link to a session.
    Attach(Box<Attach>),
    /// Updates the windows of a session and the credit of a link.
    Flow(Flow),
    /// Carries a message, or a part of one.
    Transfer(Transfer),
    /// Tells the state of deliveries.
    Disposition(Disposition),
    /// Detaches a link.
    Detach(Detach),
    /// Ends a session.
    End(End),
    /// Closes the connection.
    Close(Close),
}

impl Performative {
    /// Reads a performative and, after a transfer, its payload: all that is left.
    ///
    /// # Errors
    /// When the bytes are no performative, or go on after one without payload.
    pub fn decode(mut decoder: Decoder) -> Result<Self, DecodeError> {
        Self::read(&mut decoder)
    }

    /// Reads a performative to the end of the bytes.
    pub(crate) fn read(input: &mut Decoder) -> Result<Self, DecodeError> {
        let descriptor = input.descriptor()?;
        let performative = match descriptor.code() {
            Some(descriptor::OPEN) => Self::Open(Box::new(read_fields(input)?)),
            Some(descriptor::BEGIN) => Self::Begin(read_fields(input)?),
            Some(descriptor::ATTACH) => Self::Attach(Box::new(read_fields(input)?)),
            Some(descriptor::FLOW) => Self::Flow(read_fields(input)?),
            Some(descriptor::TRANSFER) => {
                let mut transfer: Transfer = read_fields(input)?;
                transfer.payload = input.take_rest();
                return Ok(Self::Transfer(transfer));
            }
            Some(descriptor::DISPOSITION) => Self::Disposition(read_fields(input)?),
            Some(descriptor::DETACH) => Self::Detach(read_fields(input)?),
            Some(descriptor::END) => Self::End(read_fields(input)?),
            Some(descriptor::CLOSE) => Self::Close(read_fields(input)?),
            _ => {
                return Err(DecodeError::WrongDescriptor {
                    expected: "performative",
                    found: descriptor,
                });
            }
        };
        input.at_end()?;
        Ok(performative)
    }
}

impl Encode for Performative {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Open(open) => open.encode(out),
            Self::Begin(begin) => begin.encode(out),
            Self::Attach(attach) => attach.encode(out),
            Self::Flow(flow) => flow.encode(out),
            Self::Transfer(transfer) => {
                transfer.encode(out);
                out.extend_from_slice(&transfer.payload);
            }
            Self::Disposition(disposition) => disposition.encode(out),
            Self::Detach(detach) => detach.encode(out),
            Self::End(end) => end.encode(out),
            Self::Close(close) => close.encode(out),
        }
    }
}

macro_rules! from {
    ($($performative:ident => $wrap:expr,)*) => {
        $(
            impl From<$performative> for Performative {
                fn from(performative: $performative) -> Self {
                    $wrap(performative)
                }
            }
        )*
    };
}

from! {
    Open => |open| Self::Open(Box::new(open)),
    Begin => Self::Begin,
    Attach => |attach| Self::Attach(Box::new(attach)),
    Flow => Self::Flow,
    Transfer => Self::Transfer,
    Disposition => Self::Disposition,
    Detach => Self::Detach,
    End => Self::End,
    Close => Self::Close,
}
