//! SUBSCRIBE, SUBACK and UNSUBSCRIBE: the packets that carry lists.

use super::reader::Reader;
use crate::{
    error::DecodeError,
    packet::{PacketType, QoS, SubAck, SubAckCode, Subscribe, Subscription, Unsubscribe},
    topic::TopicFilter,
};

pub(super) fn subscribe(reader: &mut Reader) -> Result<Subscribe, DecodeError> {
    let id = reader.packet_id()?;
    let mut subscriptions = Vec::new();
    while !reader.is_empty() {
        let filter = TopicFilter::new(reader.string()?)?;
        let byte = reader.u8()?;
        let max_qos = QoS::from_bits(byte).ok_or(DecodeError::SubscribeQos(byte))?;
        subscriptions.push(Subscription { filter, max_qos });
    }
    if subscriptions.is_empty() {
        return Err(DecodeError::NoFilter(PacketType::Subscribe));
    }
    Ok(Subscribe { id, subscriptions })
}

pub(super) fn suback(reader: &mut Reader) -> Result<SubAck, DecodeError> {
    let id = reader.packet_id()?;
    let mut codes = Vec::new();
    while !reader.is_empty() {
        codes.push(match reader.u8()? {
            0x80 => SubAckCode::Failure,
            byte => SubAckCode::Granted(QoS::from_bits(byte).ok_or(DecodeError::SubAckCode(byte))?),
        });
    }
    Ok(SubAck { id, codes })
}

pub(super) fn unsubscribe(reader: &mut Reader) -> Result<Unsubscribe, DecodeError> {
    let id = reader.packet_id()?;
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(TopicFilter::new(reader.string()?)?);
    }
    if filters.is_empty() {
        return Err(DecodeError::NoFilter(PacketType::Unsubscribe));
    }
    Ok(Unsubscribe { id, filters })
}
