//! `c2d`: messages to devices.
//!
//! Of a hub: a service sends over HTTPS keep-alive, the device receives over
//! MQTT at QoS 1 and acknowledges. Of another MQTT server, for comparison: one
//! client publishes at QoS 1, the other receives and acknowledges; nothing is
//! stored there. The time is that from the sending until the device has the
//! message. A pair has one message under way.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use twinhub_mqtt_codec::{Delivery, Packet, PacketId, Publish, QoS, TopicName};

use crate::{
    figures::{Figures, Window},
    fleet::Fleet,
    https::HttpsConnection,
    mqtt::Client,
    report::Report,
    target::Target,
};

const API: &str = "api-version=2021-04-12";
/// How long a message may be overdue before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many, how much, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Devices, each with a sender of its own
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    devices: u32,
    /// Bytes of a message
    #[arg(long, default_value_t = 256)]
    payload: usize,
    /// Seconds that are measured
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Seconds before that, which are not
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
}

/// A sender.
enum Sender {
    Service {
        https: HttpsConnection,
        path: String,
    },
    Client {
        mqtt: Client,
        topic: TopicName,
    },
}

/// Measures `target`.
pub async fn run(target: &Target, args: &Args) -> anyhow::Result<Report> {
    let fleet = Fleet::fresh(usize::try_from(args.devices)?);
    target.admit(&fleet).await?;
    let pairs = (0..fleet.len()).map(|index| {
        let device = fleet.device(index);
        async move { pair(target, &device).await }
    });
    let pairs = try_join_all(pairs).await?;

    let payload = Bytes::from(vec![b'x'; args.payload]);
    let warm_up = Duration::from_secs(args.warm_up);
    let window = Window::after(warm_up, Duration::from_secs(args.seconds));
    let runs = pairs
        .into_iter()
        .map(|(sender, device)| send_all(sender, device, &payload, &window));
    let all = window.watch(target.process(), try_join_all(runs));
    let (per_pair, cpu) = tokio::time::timeout(warm_up + window.length() + PATIENCE, all)
        .await
        .context("the server no longer answers")??;
    let figures = Figures::of_all(&per_pair);
    let what = format!("messages to {} devices", args.devices);
    Report::of_rate(what, &figures.over(window.length(), cpu))
}

/// A sender, and the device that it sends to.
async fn pair(target: &Target, device: &str) -> anyhow::Result<(Sender, Client)> {
    let mut receiver = Client::connect(target, device, 0).await?;
    let filter = format!("devices/{device}/messages/devicebound/#");
    receiver.subscribe(&[&filter], QoS::AtLeastOnce).await?;
    let sender = match target.hub() {
        Some(hub) => Sender::Service {
            https: hub.https().await?,
            path: format!("/devices/{device}/messages/deviceBound?{API}"),
        },
        None => Sender::Client {
            mqtt: Client::connect(target, &format!("{device}-sender"), 0).await?,
            topic: TopicName::new(format!("devices/{device}/messages/devicebound/"))?,
        },
    };
    Ok((sender, receiver))
}

async fn send_all(
    mut sender: Sender,
    mut device: Client,
    payload: &Bytes,
    window: &Window,
) -> anyhow::Result<Figures> {
    let mut figures = Figures::new();
    while window.is_open() {
        let started = Instant::now();
        let received = async {
            receive(&mut device).await?;
            Ok(Instant::now())
        };
        let (ended, ()) = tokio::try_join!(received, sender.send(payload))?;
        figures.count_until(window, started, ended);
    }
    Ok(figures)
}

/// Receives a message and acknowledges it.
async fn receive(device: &mut Client) -> anyhow::Result<()> {
    match device.receive().await? {
        Packet::Publish(Publish {
            delivery: Delivery::AtLeastOnce { id, .. },
            ..
        }) => device.send(&Packet::PubAck(id)).await,
        other => bail!("instead of a message comes {other:?}"),
    }
}

impl Sender {
    /// Sends, and waits until the server has taken it.
    async fn send(&mut self, payload: &Bytes) -> anyhow::Result<()> {
        match self {
            Self::Service { https, path } => {
                let answer = https.send("POST", path, "", payload).await?;
                ensure!(answer.is_success(), "the hub takes no message: {answer}");
            }
            Self::Client { mqtt, topic } => {
                let id = PacketId::MIN;
                let publish = Packet::Publish(Publish {
                    topic: topic.clone(),
                    delivery: Delivery::AtLeastOnce {
                        id,
                        duplicate: false,
                    },
                    retain: false,
                    payload: payload.clone(),
                });
                let answer = mqtt.exchange(&publish).await?;
                ensure!(
                    answer == Packet::PubAck(id),
                    "a message is answered by {answer:?}"
                );
            }
        }
        Ok(())
    }
}
