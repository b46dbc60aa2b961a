//! `mqtt-idle`: the memory that idle connections cost a server.
//!
//! Its resident memory is read before the first connection and after the
//! last, and again when every client has been heard once more. A server that has
//! worked before keeps memory that it no longer needs and gives it to
//! connections: only one that was just started shows what they cost.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use twinhub_mqtt_codec::QoS;

use crate::{
    fleet::Fleet,
    load_devices::progress,
    mqtt::{Client, TWIN_FILTERS},
    report::{Report, grouped},
    target::Target,
};

/// Handshakes at once.
const HANDSHAKES: usize = 64;

/// How many, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Connections, each of a device of its own
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Seconds that they are held before the memory is read
    #[arg(long, default_value_t = 5)]
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
    let mut clients = connect_all(target, &fleet).await?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu.read()?;
    tokio::time::sleep(hold).await;
    let idle = process.resident_memory()?;
    ping_all(&mut clients).await?;
    tokio::time::sleep(hold).await;
    let pinged = process.resident_memory()?;

    let connections = f64::from(args.connections);
    let mut report = Report::default();
    let shown = grouped(connections);
    report.add_values(
        format!("open {shown} MQTT connections with a full TLS handshake each"),
        format!("{}/s; {cpu}", grouped(connections / seconds)),
        vec![("rate", connections / seconds)],
    );
    report.add_values(
        format!("{shown} idle MQTT connections"),
        cost(before, idle, connections),
        vec![("each_kb", each(before, idle, connections))],
    );
    report.add_values(
        format!("the same after a ping and its answer on each of the {shown}"),
        cost(before, pinged, connections),
        vec![("pinged_kb", each(before, pinged, connections))],
    );
    Ok(report)
}

async fn connect_all(target: &Target, fleet: &Fleet) -> anyhow::Result<Vec<Client>> {
    let progress = progress(fleet.len());
    let clients = stream::iter(0..fleet.len())
        .map(|index| {
            let progress = &progress;
            async move {
                let id = fleet.device(index);
                let client = open(target, &id, index)
                    .await
                    .with_context(|| format!("connection {index}"))?;
                progress.inc(1);
                anyhow::Ok(client)
            }
        })
        .buffer_unordered(HANDSHAKES)
        .try_collect()
        .await;
    progress.finish_and_clear();
    clients
}

/// Connects a client and subscribes, as SDKs do, to two filters of its own.
async fn open(target: &Target, id: &str, index: usize) -> anyhow::Result<Client> {
    let mut client = Client::connect(target, id, index).await?;
    let filters = match target.hub() {
        Some(_) => TWIN_FILTERS.map(str::to_owned),
        None => TWIN_FILTERS.map(|filter| format!("{id}/{}", filter.trim_start_matches('$'))),
    };
    client
        .subscribe(&[&filters[0], &filters[1]], QoS::AtMostOnce)
        .await?;
    Ok(client)
}

async fn ping_all(clients: &mut [Client]) -> anyhow::Result<()> {
    for client in clients {
        client
            .ping()
            .await
            .context("a connection did not stay open")?;
    }
    Ok(())
}

/// What one connection costs, in KB.
pub fn each(before: u64, after: u64, connections: f64) -> f64 {
    (kibibytes(after) - kibibytes(before)) / connections
}

/// The same for people, with the memory before and after.
pub fn cost(before: u64, after: u64, connections: f64) -> String {
    format!(
        "{:.1} KB each (server {:.1} MB before, {:.1} MB with them)",
        each(before, after, connections),
        kibibytes(before) / 1024.0,
        kibibytes(after) / 1024.0
    )
}

fn kibibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
