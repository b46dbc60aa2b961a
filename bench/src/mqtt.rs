//! A client over MQTT: enough of one to measure with.

use std::num::NonZeroU16;

use anyhow::{Context as _, bail, ensure};
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use twinhub_mqtt_codec::{
    ConnAck, Delivery, Packet, PacketId, Publish, QoS, SubAckCode, Subscribe, Subscription,
    TopicFilter, TopicName, decode,
};

use crate::target::Target;

const MAX_PACKET: usize = 1024 * 1024;
/// What a device subscribes to that follows its twin.
pub const TWIN_FILTERS: [&str; 2] = [
    "$iothub/twin/res/#",
    "$iothub/twin/PATCH/properties/desired/#",
];

/// A client that is let in.
pub struct Client {
    stream: TlsStream<TcpStream>,
    inbox: BytesMut,
    outbox: BytesMut,
}

/// A device that is connected and follows its twin.
pub struct Device {
    client: Client,
    requests: u64,
}

impl Client {
    /// Connects `client`, the `index`th of all.
    pub async fn connect(target: &Target, client: &str, index: usize) -> anyhow::Result<Self> {
        let tls = target.tls().context("this measures servers with TLS")?;
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = target.source(index)? {
            socket.bind(source)?;
        }
        let tcp = socket
            .connect(target.mqtt())
            .await
            .with_context(|| format!("no server answers on {}", target.mqtt()))?;
        tcp.set_nodelay(true)?;
        let tls = TlsConnector::from(tls.clone());
        let mut this = Self {
            stream: tls.connect(target.server_name(), tcp).await?,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
        };
        let connect = Packet::Connect(Box::new(target.introduction(client)));
        match this.exchange(&connect).await? {
            Packet::ConnAck(ConnAck::Accepted { .. }) => Ok(this),
            other => bail!("{client} is not let in: {other:?}"),
        }
    }

    /// Subscribes to all of `filters` at `qos`.
    pub async fn subscribe(&mut self, filters: &[&str], qos: QoS) -> anyhow::Result<()> {
        let subscriptions = filters.iter().map(|filter| {
            TopicFilter::new(*filter).map(|filter| Subscription {
                filter,
                max_qos: qos,
            })
        });
        let subscribe = Subscribe {
            id: PacketId::from(NonZeroU16::MIN),
            subscriptions: subscriptions.collect::<Result<_, _>>()?,
        };
        match self.exchange(&Packet::Subscribe(subscribe)).await? {
            Packet::SubAck(suback) if !suback.codes.contains(&SubAckCode::Failure) => Ok(()),
            other => bail!("the subscriptions are refused: {other:?}"),
        }
    }

    /// Publishes at QoS 0.
    pub async fn publish(&mut self, topic: &str, payload: &[u8]) -> anyhow::Result<()> {
        let publish = Publish {
            topic: TopicName::new(topic)?,
            delivery: Delivery::AtMostOnce,
            retain: false,
            payload: payload.to_vec().into(),
        };
        self.send(&Packet::Publish(publish)).await
    }

    /// Sends a packet and returns the next one that comes.
    pub async fn exchange(&mut self, packet: &Packet) -> anyhow::Result<Packet> {
        self.send(packet).await?;
        self.receive().await
    }

    /// Sends a packet.
    pub async fn send(&mut self, packet: &Packet) -> anyhow::Result<()> {
        self.outbox.clear();
        packet.encode(&mut self.outbox)?;
        self.stream.write_all(&self.outbox).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Returns the next packet that comes. Nothing is lost if it is not awaited
    /// to the end.
    pub async fn receive(&mut self) -> anyhow::Result<Packet> {
        loop {
            if let Some(packet) = decode(&mut self.inbox, MAX_PACKET)? {
                return Ok(packet);
            }
            let read = self.stream.read_buf(&mut self.inbox).await?;
            ensure!(read > 0, "the server has closed the connection");
        }
    }

    /// Takes leave.
    pub async fn disconnect(mut self) -> anyhow::Result<()> {
        self.send(&Packet::Disconnect).await
    }

    /// Sends a ping and waits for its answer.
    pub async fn ping(&mut self) -> anyhow::Result<()> {
        match self.exchange(&Packet::PingReq).await? {
            Packet::PingResp => Ok(()),
            other => bail!("a ping is answered by {other:?}"),
        }
    }
}

impl Device {
    /// Connects `device`, the `index`th of all, and subscribes to its twin.
    pub async fn connect(target: &Target, device: &str, index: usize) -> anyhow::Result<Self> {
        let mut client = Client::connect(target, device, index).await?;
        client.subscribe(&TWIN_FILTERS, QoS::AtMostOnce).await?;
        Ok(Self {
            client,
            requests: 0,
        })
    }

    /// Reports a property; the error is what the hub answers instead.
    pub async fn report(&mut self) -> anyhow::Result<Result<(), String>> {
        let payload = format!(r#"{{"round":{}}}"#, self.requests);
        self.ask("PATCH/properties/reported/", payload, "204").await
    }

    /// Reads the twin; the error is what the hub answers instead.
    pub async fn read_twin(&mut self) -> anyhow::Result<Result<(), String>> {
        self.ask("GET/", String::new(), "200").await
    }

    async fn ask(
        &mut self,
        what: &str,
        payload: String,
        expected: &str,
    ) -> anyhow::Result<Result<(), String>> {
        self.requests += 1;
        let request = self.requests;
        let publish = Publish {
            topic: TopicName::new(format!("$iothub/twin/{what}?$rid={request}"))?,
            delivery: Delivery::AtMostOnce,
            retain: false,
            payload: payload.into(),
        };
        let answer = match self.client.exchange(&Packet::Publish(publish)).await? {
            Packet::Publish(answer) => answer,
            other => bail!("a twin request is answered by {other:?}"),
        };
        let as_expected = answer
            .topic
            .strip_prefix("$iothub/twin/res/")
            .and_then(|rest| rest.strip_prefix(expected))
            .is_some();
        Ok(if as_expected {
            Ok(())
        } else {
            let body = String::from_utf8_lossy(&answer.payload);
            Err(format!("{} {body}", &*answer.topic))
        })
    }
}
