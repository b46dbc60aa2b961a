//! Targets: where the messages of a link go.

use bytes::BytesMut;
use bytestring::ByteString;

use crate::composite::{Composite, FieldReader, FieldWriter, read_fields};
use crate::decode::{Decode, DecodeError, Decoder};
use crate::descriptor;
use crate::encode::Encode;
use crate::value::{Described, Map, Symbol, Value};

/// The receiving end of a link.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Target {
    /// The address of the node.
    pub address: Option<ByteString>,
    /// What of the terminus outlives its link: 0 nothing, 1 its configuration, 2 unsettled deliveries, too.
    pub durable: u32,
    /// When the terminus begins to expire; null means at the end of the session.
    pub expiry_policy: Option<Symbol>,
    /// Seconds until an expiring terminus is gone.
    pub timeout: u32,
    /// Whether the other side is to make up a node and its address.
    pub dynamic: bool,
    /// Properties of the node made up.
    pub dynamic_node_properties: Map,
    /// Extensions of the terminus.
    pub capabilities: Vec<Symbol>,
}

impl Composite for Target {
    const CODE: u64 = descriptor::TARGET;
    const NAME: &'static str = "amqp:target:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.address)
            .field(&self.durable)
            .field(&self.expiry_policy)
            .field(&self.timeout)
            .field(&self.dynamic)
            .map(&self.dynamic_node_properties)
            .symbols(&self.capabilities);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            address: fields.optional()?,
            durable: fields.or(0)?,
            expiry_policy: fields.optional()?,
            timeout: fields.or(0)?,
            dynamic: fields.or(false)?,
            dynamic_node_properties: fields.map()?,
            capabilities: fields.symbols()?,
        })
    }
}

/// What a link may have as its target.
#[derive(Debug, Clone, PartialEq)]
pub enum AttachTarget {
    /// A node.
    Node(Target),
    /// A target of an extension, such as a transaction coordinator.
    Other(Box<Described>),
}

impl From<Target> for AttachTarget {
    fn from(target: Target) -> Self {
        Self::Node(target)
    }
}

impl Encode for AttachTarget {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Node(target) => target.encode(out),
            Self::Other(other) => other.encode(out),
        }
    }
}

impl Decode for AttachTarget {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let descriptor = decoder.descriptor()?;
        if descriptor.code() == Some(Target::CODE) {
            return read_fields(decoder).map(Self::Node);
        }
        let value = Value::decode(decoder)?;
        Ok(Self::Other(Box::new(Described { descriptor, value })))
    }
}
