//! `amqp-telemetry`: devices that send over AMQP, and the time until each
//! message is settled as accepted.
//!
//! A device per connection with a token of its own, or many on each connection
//! that one token of a policy has let in, as a gateway has them.

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    amqp::{
        addresses,
        client::{Client, Handover},
        sender::Sender,
    },
    fleet::Fleet,
    report::{Report, grouped},
    target::Target,
    telemetry::PaceArgs,
};

/// Handshakes at once.
const HANDSHAKES: usize = 32;

/// How many, how much, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Connections
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Devices on each
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    devices: u16,
    /// Messages that each device may have in flight
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    window: u16,
    /// Bytes of a message
    #[arg(long, default_value_t = 256)]
    payload: usize,
    #[command(flatten)]
    pace: PaceArgs,
}

/// Measures `target`.
pub async fn run(target: &Target, args: &Args) -> anyhow::Result<Report> {
    let (connections, devices) = (usize::from(args.connections), usize::from(args.devices));
    let senders = connect(target, connections, devices, args.payload, args.window).await?;
    let rate = args.pace.measure(target, senders)?;
    let who = match devices {
        1 => format!("{connections} connections"),
        _ => format!(
            "{} devices on {connections} connections",
            grouped((connections * devices) as f64)
        ),
    };
    let how = match args.pace.rate {
        None => format!("window {}", args.window),
        Some(rate) => format!("{rate} messages/s"),
    };
    let what = format!("telemetry over AMQP, {who}, {how}, {} bytes", args.payload);
    Report::of_rate(what, &rate)
}

/// Senders that are let in, each for so many devices that did not exist before.
pub async fn connect(
    target: &Target,
    connections: usize,
    devices: usize,
    payload: usize,
    window: u16,
) -> anyhow::Result<Vec<Sender>> {
    let fleet = Fleet::fresh(connections * devices);
    target.admit(&fleet).await?;
    let fleet = &fleet;
    stream::iter(0..connections)
        .map(|index| async move {
            let of = index * devices..(index + 1) * devices;
            let handover = open(target, fleet, of).await;
            let handover = handover.with_context(|| format!("connection {index}"))?;
            let first = handover.links.len() - devices;
            Sender::new(handover, first, payload, window)
        })
        .buffer_unordered(HANDSHAKES)
        .try_collect()
        .await
}

/// One connection with the telemetry links of some devices.
async fn open(
    target: &Target,
    fleet: &Fleet,
    devices: std::ops::Range<usize>,
) -> anyhow::Result<Handover> {
    let alone = devices.len() == 1;
    let name = fleet.device(devices.start);
    let mut client = Client::connect(target, &name, devices.start).await?;
    if let Some(hub) = target.hub() {
        let audience = match alone {
            true => format!("{}/devices/{name}", hub.hostname()),
            false => hub.hostname().to_owned(),
        };
        client.authorize(&audience, hub.token(&audience)).await?;
    }
    for index in devices {
        let node = addresses::telemetry(target, &fleet.device(index), index);
        client.attach_sender(node).await?;
    }
    client.into_link()
}
