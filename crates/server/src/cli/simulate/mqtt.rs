//! A device's connection over MQTT, as far as a simulated one needs it.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use twinhub_mqtt_codec::{
    ConnAck, Connect, ConnectReturnCode, Delivery, Packet, PacketId, Publish, QoS, Subscribe,
    Subscription, TopicFilter, TopicName, decode,
};

use crate::cli::{failure::Failure, hub::Hub, hub::sign};

const API_VERSION: &str = "2021-04-12";
const TOKEN_LIFE: Duration = Duration::from_secs(3600);
const KEEP_ALIVE: u16 = 240;
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// A message of the largest size, and its topic.
const MAX_PACKET: usize = 512 * 1024;

/// Why a device is not connected.
#[derive(Debug)]
pub enum Lost {
    /// It won't be let in later either.
    Refused(Failure),
    /// The hub went away, or can't be reached.
    Gone(Failure),
}

/// A connection that was accepted.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    received: BytesMut,
    last_id: u16,
}

impl Connection {
    /// Connects as a device, and subscribes to what the hub tells devices.
    pub async fn open(hub: &Hub, port: u16, device: &str, key: &str) -> Result<Self, Lost> {
        let stream = hub.client().connect_to(port).await.map_err(Lost::Gone)?;
        let mut connection = Connection {
            stream,
            received: BytesMut::new(),
            last_id: 0,
        };
        let introduced = timeout(ANSWER_WITHIN, connection.introduce(hub, device, key));
        introduced
            .await
            .map_err(|_| Lost::Gone(gone("it gave no answer")))??;
        Ok(connection)
    }

    async fn introduce(&mut self, hub: &Hub, device: &str, key: &str) -> Result<(), Lost> {
        let host = &hub.client().endpoint().hostname;
        let token = sign(&format!("{host}/devices/{device}"), key, None, TOKEN_LIFE)
            .map_err(Lost::Refused)?;
        let connect = Connect {
            client_id: device.into(),
            clean_session: true,
            keep_alive: KEEP_ALIVE,
            will: None,
            username: Some(format!("{host}/{device}/?api-version={API_VERSION}").into()),
            password: Some(Bytes::from(token)),
        };
        self.send(&Packet::Connect(Box::new(connect))).await?;
        match self.receive().await? {
            Packet::ConnAck(ConnAck::Accepted { .. }) => {}
            Packet::ConnAck(ConnAck::Refused(ConnectReturnCode::ServerUnavailable)) => {
                return Err(Lost::Gone(gone("it can't serve now")));
            }
            Packet::ConnAck(ConnAck::Refused(code)) => {
                return Err(Lost::Refused(Failure::Other(anyhow::anyhow!(
                    "the hub refused device {device}: {code:?}"
                ))));
            }
            _ => return Err(Lost::Gone(gone("it does not speak MQTT"))),
        }
        let devicebound = format!("devices/{device}/messages/devicebound/#");
        let filters = [
            "$iothub/methods/POST/#",
            "$iothub/twin/PATCH/properties/desired/#",
            &devicebound,
        ];
        let subscriptions = filters
            .into_iter()
            .filter_map(|filter| TopicFilter::new(filter.to_owned()).ok())
            .map(|filter| Subscription {
                filter,
                max_qos: QoS::AtLeastOnce,
            })
            .collect();
        let id = self.next_id();
        let subscribe = Subscribe { id, subscriptions };
        self.send(&Packet::Subscribe(subscribe)).await
    }

    /// An identifier for a packet: others come first before one comes again.
    pub fn next_id(&mut self) -> PacketId {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        PacketId::new(self.last_id).unwrap_or(PacketId::MIN)
    }

    /// Publishes at QoS 1 under an identifier, or at QoS 0.
    pub async fn publish(
        &mut self,
        topic: &str,
        payload: &str,
        id: Option<PacketId>,
    ) -> Result<(), Lost> {
        let topic = TopicName::new(topic.to_owned()).map_err(|error| {
            Lost::Refused(Failure::Usage(format!("{topic:?} is no topic: {error}")))
        })?;
        let delivery = match id {
            None => Delivery::AtMostOnce,
            Some(id) => Delivery::AtLeastOnce {
                id,
                duplicate: false,
            },
        };
        self.send(&Packet::Publish(Publish {
            topic,
            delivery,
            retain: false,
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }))
        .await
    }

    /// Sends a packet.
    pub async fn send(&mut self, packet: &Packet) -> Result<(), Lost> {
        let mut bytes = BytesMut::new();
        packet.encode(&mut bytes).map_err(|error| {
            Lost::Refused(Failure::Usage(format!("this can't be sent: {error}")))
        })?;
        let sent = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| Lost::Gone(broken(&error)))
    }

    /// The next packet. Safe to cancel.
    pub async fn receive(&mut self) -> Result<Packet, Lost> {
        loop {
            let packet = decode(&mut self.received, MAX_PACKET)
                .map_err(|error| Lost::Gone(gone(&format!("it sent what is no MQTT: {error}"))))?;
            if let Some(packet) = packet {
                return Ok(packet);
            }
            let read = self.stream.read_buf(&mut self.received).await;
            if read.map_err(|error| Lost::Gone(broken(&error)))? == 0 {
                return Err(Lost::Gone(gone("it closed the connection")));
            }
        }
    }

    /// Takes leave.
    pub async fn close(mut self) {
        let farewell = async {
            let _ = self.send(&Packet::Disconnect).await;
            let _ = self.stream.shutdown().await;
        };
        let _ = timeout(Duration::from_secs(2), farewell).await;
    }
}

fn broken(error: &io::Error) -> Failure {
    gone(&format!("the connection broke: {error}"))
}

fn gone(reason: &str) -> Failure {
    Failure::NoHub(format!("the hub is lost: {reason}"))
}
