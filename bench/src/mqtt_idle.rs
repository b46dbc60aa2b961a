//! `mqtt-idle`: the memory that idle connections cost the hub.
//!
//! The hub's resident memory is read before the first connection and after the
//! last, and again when every device has been heard once more. A hub that has
//! worked before keeps memory that it no longer needs and gives it to
//! connections: only one that was just started shows what they cost.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;

use crate::{
    fleet::Fleet,
    hub::Hub,
    load_devices::progress,
    mqtt::Device,
    report::{Report, grouped},
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
pub async fn run(hub: &Hub, args: &Args) -> anyhow::Result<Report> {
    let process = hub
        .process()
        .context("whose memory is it: name the hub with --data-dir, or its process with --pid")?;
    let count = usize::try_from(args.connections)?;
    let fleet = match &args.prefix {
        Some(prefix) => Fleet::named(prefix, count),
        None => {
            let fleet = Fleet::fresh(count);
            fleet.create(hub, &ProgressBar::hidden()).await?;
            fleet
        }
    };
    let hold = Duration::from_secs(args.seconds);

    let before = process.resident_memory()?;
    let cpu = process.watch_cpu()?;
    let started = Instant::now();
    let mut devices = connect_all(hub, &fleet).await?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = cpu.read()?;
    tokio::time::sleep(hold).await;
    let idle = process.resident_memory()?;
    ping_all(&mut devices).await?;
    tokio::time::sleep(hold).await;
    let pinged = process.resident_memory()?;

    let connections = f64::from(args.connections);
    let mut report = Report::default();
    let shown = grouped(connections);
    report.add(
        format!("open {shown} MQTT connections with a full TLS handshake each"),
        format!("{}/s; {cpu}", grouped(connections / seconds)),
    );
    report.add(
        format!("{shown} idle MQTT connections"),
        cost(before, idle, connections),
    );
    report.add(
        format!("the same after a ping and its answer on each of the {shown}"),
        cost(before, pinged, connections),
    );
    Ok(report)
}

async fn connect_all(hub: &Hub, fleet: &Fleet) -> anyhow::Result<Vec<Device>> {
    let progress = progress(fleet.len());
    let devices = stream::iter(0..fleet.len())
        .map(|index| {
            let progress = &progress;
            async move {
                let id = fleet.device(index);
                let device = Device::connect(hub, &id, index)
                    .await
                    .with_context(|| format!("connection {index}"))?;
                progress.inc(1);
                anyhow::Ok(device)
            }
        })
        .buffer_unordered(HANDSHAKES)
        .try_collect()
        .await;
    progress.finish_and_clear();
    devices
}

async fn ping_all(devices: &mut [Device]) -> anyhow::Result<()> {
    for device in devices {
        device
            .ping()
            .await
            .context("a connection did not stay open")?;
    }
    Ok(())
}

fn cost(before: u64, after: u64, connections: f64) -> String {
    let [before, after] = [before, after].map(kibibytes);
    format!(
        "{:.1} KB each (hub {:.1} MB before, {:.1} MB with them)",
        (after - before) / connections,
        before / 1024.0,
        after / 1024.0
    )
}

fn kibibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}
