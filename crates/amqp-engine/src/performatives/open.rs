//! `open`: what each side of a connection can do, said once, on channel 0.

use bytestring::ByteString;

use crate::composite::{Composite, FieldReader, FieldWriter};
use crate::decode::DecodeError;
use crate::descriptor;
use crate::value::{Map, Symbol};

/// The first frame of a connection, from each side.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// Who is speaking.
    pub container_id: ByteString,
    /// The host the client means.
    pub hostname: Option<ByteString>,
    /// The largest frame this side reads.
    pub max_frame_size: u32,
    /// The highest channel this side accepts.
    pub channel_max: u16,
    /// Milliseconds of silence after which this side gives up.
    pub idle_time_out: Option<u32>,
    /// Languages this side can speak.
    pub outgoing_locales: Vec<Symbol>,
    /// Languages this side wants to hear.
    pub incoming_locales: Vec<Symbol>,
    /// Extensions this side has.
    pub offered_capabilities: Vec<Symbol>,
    /// Extensions this side would use.
    pub desired_capabilities: Vec<Symbol>,
    /// Properties of the connection.
    pub properties: Map,
}

impl Composite for Open {
    const CODE: u64 = descriptor::OPEN;
    const NAME: &'static str = "amqp:open:list";

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields
            .field(&self.container_id)
            .field(&self.hostname)
            .field(&self.max_frame_size)
            .field(&self.channel_max)
            .field(&self.idle_time_out)
            .symbols(&self.outgoing_locales)
            .symbols(&self.incoming_locales)
            .symbols(&self.offered_capabilities)
            .symbols(&self.desired_capabilities)
            .map(&self.properties);
    }

    fn read(fields: &mut FieldReader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            container_id: fields.required("container-id")?,
            hostname: fields.optional()?,
            max_frame_size: fields.or(u32::MAX)?,
            channel_max: fields.or(u16::MAX)?,
            idle_time_out: fields.optional()?,
            outgoing_locales: fields.symbols()?,
            incoming_locales: fields.symbols()?,
            offered_capabilities: fields.symbols()?,
            desired_capabilities: fields.symbols()?,
            properties: fields.map()?,
        })
    }
}
