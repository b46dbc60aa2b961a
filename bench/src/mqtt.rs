//! A device over MQTT: enough of a client to measure with.

use std::num::NonZeroU16;

use anyhow::{bail, ensure};
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use twinhub_mqtt_codec::{
    ConnAck, Connect, Delivery, Packet, PacketId, Publish, QoS, SubAckCode, Subscribe,
    Subscription, TopicFilter, TopicName, decode,
};

use crate::hub::Hub;

const MAX_PACKET: usize = 1024 * 1024;
/// What SDKs use, four minutes; runs are shorter than one and a half of it.
const KEEP_ALIVE: u16 = 240;
const TWIN_FILTERS: [&str; 2] = [
    "$iothub/twin/res/#",
    "$iothub/twin/PATCH/properties/desired/#",
];

/// A device that is connected and follows its twin.
pub struct Device {
    stream: TlsStream<TcpStream>,
    inbox: BytesMut,
    requests: u64,
}

impl Device {
    /// Connects `device`, the `index`th of all, and subscribes to its twin.
    pub async fn connect(hub: &Hub, device: &str, index: usize) -> anyhow::Result<Self> {
        let host = hub.hostname();
        let mut this = Self {
            stream: hub.mqtts(index).await?,
            inbox: BytesMut::new(),
            requests: 0,
        };
        let token = hub.token(&format!("{host}/devices/{device}"));
        let connect = Connect {
            client_id: device.into(),
            clean_session: true,
            keep_alive: KEEP_ALIVE,
            will: None,
            username: Some(format!("{host}/{device}/?api-version=2021-04-12").into()),
            password: Some(Bytes::from(token)),
        };
        match this.exchange(&Packet::Connect(Box::new(connect))).await? {
            Packet::ConnAck(ConnAck::Accepted { .. }) => {}
            other => bail!("{device} is not let in: {other:?}"),
        }
        this.subscribe().await?;
        Ok(this)
    }

    async fn subscribe(&mut self) -> anyhow::Result<()> {
        let subscriptions = TWIN_FILTERS.map(|filter| {
            TopicFilter::new(filter).map(|filter| Subscription {
                filter,
                max_qos: QoS::AtMostOnce,
            })
        });
        let subscribe = Subscribe {
            id: PacketId::from(NonZeroU16::MIN),
            subscriptions: subscriptions.into_iter().collect::<Result<_, _>>()?,
        };
        match self.exchange(&Packet::Subscribe(subscribe)).await? {
            Packet::SubAck(suback) if !suback.codes.contains(&SubAckCode::Failure) => Ok(()),
            other => bail!("the subscriptions are refused: {other:?}"),
        }
    }

    /// Sends a ping and waits for its answer.
    pub async fn ping(&mut self) -> anyhow::Result<()> {
        match self.exchange(&Packet::PingReq).await? {
            Packet::PingResp => Ok(()),
            other => bail!("a ping is answered by {other:?}"),
        }
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
        let answer = match self.exchange(&Packet::Publish(publish)).await? {
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

    /// Sends a packet and returns the next one that comes.
    async fn exchange(&mut self, packet: &Packet) -> anyhow::Result<Packet> {
        let mut bytes = BytesMut::new();
        packet.encode(&mut bytes)?;
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await?;
        loop {
            if let Some(packet) = decode(&mut self.inbox, MAX_PACKET)? {
                return Ok(packet);
            }
            let read = self.stream.read_buf(&mut self.inbox).await?;
            ensure!(read > 0, "the hub has closed the connection");
        }
    }
}
