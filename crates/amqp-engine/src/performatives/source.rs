//! Sources: where the messages of a link come from, and which of them.

use bytestring::ByteString;

use super::DeliveryState;
use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;
use crate::value::{Map, Symbol};

/// The sending end of a link.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Source {
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
    /// Whether messages are moved or copied to the link.
    pub distribution_mode: Option<Symbol>,
    /// Which messages are wanted: filters by name.
    pub filter: Map,
    /// The outcome of deliveries that the receiver settles without one.
    pub default_outcome: Option<DeliveryState>,
    /// The outcomes that can be chosen on this link.
    pub outcomes: Vec<Symbol>,
    /// Extensions of the terminus.
    pub capabilities: Vec<Symbol>,
}

impl Composite for Source {
    const CODE: u64 = descriptor::SOURCE;
    const NAME: &'static str = "amqp:source:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.address)
            .field(&self.durable)
            .field(&self.expiry_policy)
            .field(&self.timeout)
            .field(&self.dynamic)
            .map(&self.dynamic_node_properties)
            .field(&self.distribution_mode)
            .map(&self.filter)
            .field(&self.default_outcome)
            .symbols(&self.outcomes)
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
            distribution_mode: fields.optional()?,
            filter: fields.map()?,
            default_outcome: fields.optional()?,
            outcomes: fields.symbols()?,
            capabilities: fields.symbols()?,
        })
    }
}
