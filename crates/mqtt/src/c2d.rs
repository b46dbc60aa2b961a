//! Cloud-to-device messages over MQTT: where a delivery goes.
//!
//! ```text
//! devices/{id}[/modules/{mid}]/messages/devicebound/{bag}
//! ```
//!
//! Clients are particular about the bag: system properties first, `%24.to` at
//! least, everything encoded; see [`BagWriter`].

use twinhub_core::c2d::Delivery;
use twinhub_core::ids::IdentityId;
use twinhub_core::messages::SystemProperty;
use twinhub_mqtt_codec::{TopicError, TopicName};

use crate::bag::BagWriter;

/// The topic of a delivery. One with too many properties has none: they grow
/// when they are encoded.
pub(crate) fn topic(to: &IdentityId, delivery: &Delivery) -> Result<TopicName, TopicError> {
    let path = path(to);
    let mut topic = format!("{path}/");
    let mut bag = BagWriter::new(&mut topic);
    let message = &delivery.message;
    let system = |property| message.system(property);
    let known = |bag: &mut BagWriter<'_>, name, value: Option<&str>| {
        if let Some(value) = value {
            bag.known(name, value);
        }
    };
    known(&mut bag, "%24.mid", system(SystemProperty::MessageId));
    known(&mut bag, "%24.cid", system(SystemProperty::CorrelationId));
    known(&mut bag, "%24.uid", system(SystemProperty::UserId));
    if system(SystemProperty::AbsoluteExpiry).is_some() {
        // In one form, whatever the sender's was: .NET reads no other.
        bag.known("%24.exp", &delivery.expires.to_string());
    }
    // .NET and Java fail on a message without any system property.
    let destination = format!("/{path}");
    bag.known("%24.to", system(SystemProperty::To).unwrap_or(&destination));
    known(&mut bag, "%24.ct", system(SystemProperty::ContentType));
    known(&mut bag, "%24.ce", system(SystemProperty::ContentEncoding));
    if delivery.ack.is_wanted() {
        bag.known("iothub-ack", &delivery.ack.to_string());
    } else {
        known(
            &mut bag,
            "iothub-ack",
            system(SystemProperty::Acknowledgement),
        );
    }
    for (name, value) in &message.application {
        bag.application(name, value.as_deref());
    }
    TopicName::new(topic)
}

fn path(to: &IdentityId) -> String {
    let device = to.device_id();
    match to.module_id() {
        None => format!("devices/{device}/messages/devicebound"),
        Some(module) => format!("devices/{device}/modules/{module}/messages/devicebound"),
    }
}

#[cfg(test)]
mod tests {
    use twinhub_core::c2d::{Acknowledgement, LockToken};
    use twinhub_core::ids::{DeviceId, ModuleId};
    use twinhub_core::messages::Message;
    use twinhub_core::time::Timestamp;

    use super::*;

    fn delivery(message: Message, ack: Acknowledgement) -> Delivery {
        Delivery {
            lock: LockToken::random(),
            handle: Some(1),
            redelivered: false,
            sequence_number: 1,
            enqueued: Timestamp::from_unix_seconds(0),
            expires: Timestamp::from_unix_seconds(3600),
            delivery_count: 0,
            message,
            ack,
        }
    }

    fn device() -> DeviceId {
        DeviceId::parse("x").unwrap()
    }

    #[test]
    fn a_message_without_properties_says_where_it_goes() {
        let bare = delivery(Message::default(), Acknowledgement::None);

        assert_eq!(
            &*topic(&device().into(), &bare).unwrap(),
            "devices/x/messages/devicebound/%24.to=%2Fdevices%2Fx%2Fmessages%2Fdevicebound"
        );
        let module = IdentityId::module(device(), ModuleId::parse("m").unwrap());
        assert_eq!(
            &*topic(&module, &bare).unwrap(),
            "devices/x/modules/m/messages/devicebound/\
             %24.to=%2Fdevices%2Fx%2Fmodules%2Fm%2Fmessages%2Fdevicebound"
        );
    }

    #[test]
    fn properties_stand_in_the_order_that_clients_expect() {
        let message = Message {
            system: vec![
                (SystemProperty::ContentEncoding, "utf-8".into()),
                (
                    SystemProperty::AbsoluteExpiry,
                    "1970-01-01T01:00:00Z".into(),
                ),
                (SystemProperty::ContentType, "application/json".into()),
                (SystemProperty::To, "/elsewhere".into()),
                (SystemProperty::UserId, "u".into()),
                (SystemProperty::CorrelationId, "c".into()),
                (SystemProperty::MessageId, "m".into()),
            ],
            application: vec![
                ("a b".into(), Some("#".into())),
                ("flag".into(), None),
                ("empty".into(), Some("".into())),
            ],
            ..Message::default()
        };

        let topic = topic(&device().into(), &delivery(message, Acknowledgement::Full)).unwrap();

        assert_eq!(
            &*topic,
            "devices/x/messages/devicebound/%24.mid=m&%24.cid=c&%24.uid=u\
             &%24.exp=1970-01-01T01%3A00%3A00.0000000Z&%24.to=%2Felsewhere\
             &%24.ct=application%2Fjson&%24.ce=utf-8&iothub-ack=full\
             &a%20b=%23&flag&empty="
        );
    }

    #[test]
    fn properties_that_outgrow_a_topic_have_none() {
        let message = Message {
            application: vec![("a".into(), Some("ä".repeat(12_000).into()))],
            ..Message::default()
        };

        let topic = topic(&device().into(), &delivery(message, Acknowledgement::None));

        assert_eq!(topic, Err(TopicError::TooLong));
    }
}
