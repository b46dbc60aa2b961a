//! A client that speaks packets.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use twinhub_mqtt_codec::{
    ConnAck, Connect, ConnectReturnCode, Delivery, Packet, PacketId, Publish, QoS, SubAckCode,
    Subscribe, Subscription, TopicFilter, TopicName, Unsubscribe, decode,
};

use super::Someone;

/// Longer than what tests on a paused clock wait for.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Client {
    stream: DuplexStream,
    buffer: BytesMut,
    last_id: u16,
}

/// CONNECT as an SDK sends it; tests change what they are about.
pub fn connect_of(who: &Someone, token: &str) -> Connect {
    Connect {
        client_id: who.id.to_string().into(),
        clean_session: false,
        keep_alive: 240,
        will: None,
        username: Some(who.username().into()),
        password: Some(Bytes::copy_from_slice(token.as_bytes())),
    }
}

pub fn publish(topic: &str, payload: &[u8], id: Option<u16>) -> Packet {
    Packet::Publish(Publish {
        topic: TopicName::new(topic.to_owned()).unwrap(),
        delivery: match id {
            None => Delivery::AtMostOnce,
            Some(id) => Delivery::AtLeastOnce {
                id: PacketId::new(id).unwrap(),
                duplicate: false,
            },
        },
        retain: false,
        payload: Bytes::copy_from_slice(payload),
    })
}

pub fn bytes_of(packets: &[Packet]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for packet in packets {
        packet.encode(&mut bytes).unwrap();
    }
    bytes
}

impl Client {
    pub fn new(stream: DuplexStream) -> Self {
        Client {
            stream,
            buffer: BytesMut::new(),
            last_id: 0,
        }
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn send(&mut self, packet: Packet) {
        self.send_bytes(&bytes_of(&[packet])).await;
    }

    /// The next packet; `None` once the hub has closed.
    pub async fn next(&mut self) -> Option<Packet> {
        let patience = tokio::time::timeout(PATIENCE, self.next_in_time());
        patience.await.expect("the hub says nothing")
    }

    async fn next_in_time(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = decode(&mut self.buffer, usize::MAX).unwrap() {
                return Some(packet);
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap() == 0 {
                assert!(self.buffer.is_empty(), "closed within a packet");
                return None;
            }
        }
    }

    pub async fn receive(&mut self) -> Packet {
        self.next().await.expect("the hub has closed")
    }

    /// The hub closes, and says nothing before.
    pub async fn expect_closed(&mut self) {
        assert_eq!(self.next().await, None);
    }

    /// The next four bytes, as they are.
    pub async fn receive_raw(&mut self) -> [u8; 4] {
        let mut raw = [0; 4];
        self.stream.read_exact(&mut raw).await.unwrap();
        raw
    }

    /// Connects, and tells whether a session was present.
    pub async fn connect(&mut self, who: &Someone, token: &str) -> bool {
        self.connect_with(connect_of(who, token))
            .await
            .expect("refused")
    }

    pub async fn connect_with(&mut self, connect: Connect) -> Result<bool, ConnectReturnCode> {
        self.send(Packet::Connect(Box::new(connect))).await;
        match self.receive().await {
            Packet::ConnAck(ConnAck::Accepted { session_present }) => Ok(session_present),
            Packet::ConnAck(ConnAck::Refused(code)) => Err(code),
            other => panic!("expected a CONNACK, got {other:?}"),
        }
    }

    fn next_id(&mut self) -> PacketId {
        self.last_id += 1;
        PacketId::new(self.last_id).unwrap()
    }

    pub async fn ask_for(&mut self, filters: &[(&str, QoS)]) -> PacketId {
        let id = self.next_id();
        let subscription = |(filter, max_qos): &(&str, QoS)| Subscription {
            filter: TopicFilter::new((*filter).to_owned()).unwrap(),
            max_qos: *max_qos,
        };
        self.send(Packet::Subscribe(Subscribe {
            id,
            subscriptions: filters.iter().map(subscription).collect(),
        }))
        .await;
        id
    }

    /// Subscribes, and tells what was granted.
    pub async fn subscribe(&mut self, filters: &[(&str, QoS)]) -> Vec<SubAckCode> {
        let id = self.ask_for(filters).await;
        match self.receive().await {
            Packet::SubAck(suback) if suback.id == id => suback.codes,
            other => panic!("expected the SUBACK, got {other:?}"),
        }
    }

    pub async fn unsubscribe(&mut self, filter: &str) {
        let id = self.next_id();
        let filters = vec![TopicFilter::new(filter.to_owned()).unwrap()];
        self.send(Packet::Unsubscribe(Unsubscribe { id, filters }))
            .await;
        assert_eq!(self.receive().await, Packet::UnsubAck(id));
    }

    pub async fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.send(publish(topic, payload, None)).await;
    }

    pub async fn ping(&mut self) {
        self.send(Packet::PingReq).await;
        assert_eq!(self.receive().await, Packet::PingResp);
    }

    /// The next PUBLISH of the hub.
    pub async fn receive_publish(&mut self) -> Publish {
        match self.receive().await {
            Packet::Publish(publish) => {
                assert!(!publish.retain);
                publish
            }
            other => panic!("expected a PUBLISH, got {other:?}"),
        }
    }

    /// Topic and body of the next PUBLISH, the body as JSON if there is one.
    pub async fn receive_json(&mut self) -> (String, Option<Value>) {
        let publish = self.receive_publish().await;
        let body = (!publish.payload.is_empty())
            .then(|| serde_json::from_slice(&publish.payload).unwrap());
        (publish.topic.to_string(), body)
    }
}
