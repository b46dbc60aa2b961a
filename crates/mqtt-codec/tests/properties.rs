//! Any packet survives the wire, however the wire cuts it up; any bytes are
//! either a packet, part of one, or refused.

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, option, prelude::*};
use twinhub_mqtt_codec::{
    ConnAck, Connect, ConnectReturnCode, Delivery, Packet, PacketId, Publish, QoS, SubAck,
    SubAckCode, Subscribe, Subscription, TopicFilter, TopicName, Unsubscribe, Will, decode,
};

const LIMIT: usize = 64 * 1024;

fn packet_id() -> impl Strategy<Value = PacketId> {
    any::<PacketId>()
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![
        Just(QoS::AtMostOnce),
        Just(QoS::AtLeastOnce),
        Just(QoS::ExactlyOnce)
    ]
}

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,40}"
}

fn name() -> impl Strategy<Value = TopicName> {
    "[^\0+#]{1,40}".prop_map(|text| TopicName::new(text).expect("the pattern has no wildcard"))
}

fn filter() -> impl Strategy<Value = TopicFilter> {
    "([^\0+#/]{0,5}/|\\+/){0,4}(#|\\+|[^\0+#/]{1,5})"
        .prop_map(|text| TopicFilter::new(text).expect("the pattern is a filter"))
}

fn binary() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..400).prop_map(Bytes::from)
}

fn will() -> impl Strategy<Value = Will> {
    (name(), binary(), qos(), any::<bool>()).prop_map(|(topic, payload, qos, retain)| Will {
        topic,
        payload,
        qos,
        retain,
    })
}

fn connect() -> impl Strategy<Value = Packet> {
    let login = option::of((text(), option::of(binary())));
    (
        text(),
        any::<bool>(),
        any::<u16>(),
        option::of(will()),
        login,
    )
        .prop_map(|(client_id, clean_session, keep_alive, will, login)| {
            let (username, password) = match login {
                Some((username, password)) => (Some(username.into()), password),
                None => (None, None),
            };
            Packet::Connect(Box::new(Connect {
                client_id: client_id.into(),
                clean_session,
                keep_alive,
                will,
                username,
                password,
            }))
        })
}

fn connack() -> impl Strategy<Value = Packet> {
    prop_oneof![
        any::<bool>().prop_map(|session_present| ConnAck::Accepted { session_present }),
        Just(ConnAck::Refused(ConnectReturnCode::ServerUnavailable)),
        Just(ConnAck::Refused(ConnectReturnCode::NotAuthorized)),
    ]
    .prop_map(Packet::ConnAck)
}

fn publish() -> impl Strategy<Value = Packet> {
    let delivery = (qos(), packet_id(), any::<bool>()).prop_map(|(qos, id, duplicate)| match qos {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id, duplicate },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id, duplicate },
    });
    (name(), delivery, any::<bool>(), binary()).prop_map(|(topic, delivery, retain, payload)| {
        Packet::Publish(Publish {
            topic,
            delivery,
            retain,
            payload,
        })
    })
}

fn list_packets() -> impl Strategy<Value = Packet> {
    let subscription =
        (filter(), qos()).prop_map(|(filter, max_qos)| Subscription { filter, max_qos });
    let code = prop_oneof![
        Just(SubAckCode::Failure),
        qos().prop_map(SubAckCode::Granted)
    ];
    prop_oneof![
        (packet_id(), vec(subscription, 1..6))
            .prop_map(|(id, subscriptions)| Packet::Subscribe(Subscribe { id, subscriptions })),
        (packet_id(), vec(filter(), 1..6))
            .prop_map(|(id, filters)| Packet::Unsubscribe(Unsubscribe { id, filters })),
        (packet_id(), vec(code, 1..6)).prop_map(|(id, codes)| Packet::SubAck(SubAck { id, codes })),
    ]
}

fn packet() -> impl Strategy<Value = Packet> {
    prop_oneof![
        connect(),
        connack(),
        publish(),
        list_packets(),
        packet_id().prop_map(Packet::PubAck),
        packet_id().prop_map(Packet::PubRec),
        packet_id().prop_map(Packet::PubRel),
        packet_id().prop_map(Packet::PubComp),
        packet_id().prop_map(Packet::UnsubAck),
        Just(Packet::PingReq),
        Just(Packet::PingResp),
        Just(Packet::Disconnect),
    ]
}

proptest! {
    #[test]
    fn packets_survive_a_wire_that_cuts_them_anywhere(
        packets in vec(packet(), 1..6),
        cuts in vec(1_usize..50, 1..20),
    ) {
        let mut wire = BytesMut::new();
        for packet in &packets {
            packet.encode(&mut wire).unwrap();
        }

        let mut buffer = BytesMut::new();
        let mut received = Vec::new();
        for cut in cuts.iter().cycle() {
            let piece = wire.split_to((*cut).min(wire.len()));
            buffer.extend_from_slice(&piece);
            while let Some(packet) = decode(&mut buffer, LIMIT).unwrap() {
                received.push(packet);
            }
            if wire.is_empty() {
                break;
            }
        }

        prop_assert_eq!(received, packets);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn any_bytes_are_a_packet_or_part_of_one_or_refused(bytes in vec(any::<u8>(), 0..64)) {
        let mut buffer = BytesMut::from(&bytes[..]);

        if let Ok(Some(packet)) = decode(&mut buffer, LIMIT) {
            let mut written = BytesMut::new();
            packet.encode(&mut written).unwrap();
            let taken = bytes.len() - buffer.len();
            // Lengths may come in more bytes than they need.
            prop_assert!(written.len() <= taken);
            prop_assert_eq!(decode(&mut written, LIMIT), Ok(Some(packet)));
        }
    }
}
