//! `amqp-idle`: the memory that idle AMQP connections cost a server.
//!
//! Its resident memory is read before the first connection, with all of them
//! open and let in, and again when each has the links of a device. A server
//! that has worked before has memory left over and shows less.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    amqp::{
        addresses::{self, from, to},
        client::Client,
    },
    fleet::Fleet,
    mqtt_idle::{cost, each},
    report::{Report, grouped},
    target::Target,
};

/// Handshakes at once.
const HANDSHAKES: usize = 64;
/// What SDKs for Node let a server send ahead; others have less.
const CREDIT: u32 = 1000;

/// How many, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Connections, each of a device of its own
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Seconds that they are held before the memory is read
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Use the devices that `load-devices --prefix` created, rather than create new ones
    #[arg(long)]
    prefix: Option<String>,
}

/// Opens the connections and tells what they cost.
pub async fn run(target: &Target, args: &Args) -> anyhow::Result<Report> {
    let process = target
        .process()
        .context("whose memory is it: name the server's process with --pid")?;
    let count = usize::try_from(args.connections)?;
    let fleet = match &args.prefix {
        Some(prefix) => Fleet::named(prefix, count),
        None => {
            let fleet = Fleet::fresh(count);
            target.admit(&fleet).await?;
            fleet
        }
    };
    let hold = Duration::from_secs(args.seconds);

    let before = process.resident_memory()?;
    let cpu = process.watch_cpu()?;
    let started = Instant::now();
    let fleet = &fleet;
    let clients: Vec<(usize, Client)> = stream::iter(0..count)
        .map(|index| async move {
            let client = open(target, &fleet.device(index), index).await;
            anyhow::Ok((
                index,
                client.with_context(|| format!("connection {index}"))?,
            ))
        })
        .buffer_unordered(HANDSHAKES)
        .try_collect()
        .await?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu.read()?;
    tokio::time::sleep(hold).await;
    let open = process.resident_memory()?;
    let clients: Vec<Client> = stream::iter(clients)
        .map(|(index, mut client)| async move {
            attach_all(target, &mut client, &fleet.device(index), index)
                .await
                .with_context(|| format!("connection {index}"))?;
            anyhow::Ok(client)
        })
        .buffer_unordered(HANDSHAKES)
        .try_collect()
        .await?;
    tokio::time::sleep(hold).await;
    let attached = process.resident_memory()?;
    drop(clients);

    let connections = f64::from(args.connections);
    let shown = grouped(connections);
    let mut report = Report::default();
    report.add_values(
        format!("open {shown} AMQP connections with a full TLS handshake each"),
        format!("{}/s; {cpu}", grouped(connections / seconds)),
        vec![("rate", connections / seconds)],
    );
    report.add_values(
        format!("{shown} AMQP connections that are let in, without links"),
        cost(before, open, connections),
        vec![("each_kb", each(before, open, connections))],
    );
    report.add_values(
        format!("the same with a device's links on each of the {shown}"),
        cost(before, attached, connections),
        vec![("attached_kb", each(before, attached, connections))],
    );
    Ok(report)
}

/// A connection of a device that is let in.
pub async fn open(target: &Target, device: &str, index: usize) -> anyhow::Result<Client> {
    let mut client = Client::connect(target, device, index).await?;
    if let Some(hub) = target.hub() {
        let audience = format!("{}/devices/{device}", hub.hostname());
        client.authorize(&audience, hub.token(&audience)).await?;
    }
    Ok(client)
}

/// Telemetry, messages, twin and methods; of another server a queue to send to.
async fn attach_all(
    target: &Target,
    client: &mut Client,
    device: &str,
    index: usize,
) -> anyhow::Result<()> {
    client
        .attach_sender(addresses::telemetry(target, device, index))
        .await?;
    if target.hub().is_none() {
        return Ok(());
    }
    client
        .attach_receiver(
            from(format!("/devices/{device}/messages/deviceBound")),
            None,
            CREDIT,
        )
        .await?;
    for (node, kind) in [("twin", "twin"), ("methods/deviceBound", "methods")] {
        let address = format!("/devices/{device}/{node}");
        let pair = format!("{kind}:{device}");
        client
            .attach_sender_of_pair(to(address.clone()), &pair)
            .await?;
        client
            .attach_receiver_of_pair(from(address), &pair, CREDIT)
            .await?;
    }
    Ok(())
}
