//! `mqtt-twin`: reported properties and reads of the twin over MQTT.
//!
//! Each connection is a device with one request in flight: first all report,
//! then all read.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum;
use futures_util::future::try_join_all;

use crate::{
    figures::{Figures, Rate, Window},
    fleet::Fleet,
    mqtt::Device,
    report::Report,
    target::Target,
};

const WARM_UP: Duration = Duration::from_secs(1);
/// How long answers may be overdue before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Connections, each with one request in flight
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds that each of the two is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Measure one of the two alone
    #[arg(long, value_enum)]
    operation: Option<Operation>,
}

/// What a device does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// Report a property
    Report,
    /// Read the twin
    Read,
}

/// Measures reports, then reads.
pub async fn run(target: &Target, args: &Args) -> anyhow::Result<Report> {
    let fleet = Fleet::fresh(args.connections);
    target.admit(&fleet).await?;
    let ids: Vec<String> = (0..fleet.len()).map(|index| fleet.device(index)).collect();
    let connects = ids.iter().enumerate();
    let connects = connects.map(|(index, id)| Device::connect(target, id, index));
    let mut devices = try_join_all(connects).await?;

    let length = Duration::from_secs(args.seconds);
    let mut report = Report::default();
    for (operation, words) in [
        (Operation::Report, "report a property"),
        (Operation::Read, "read the twin"),
    ] {
        if args.operation.is_none_or(|wanted| wanted == operation) {
            let what = format!("{words} over MQTT, {} connections", args.connections);
            let rate = measure(target, &mut devices, operation, length).await?;
            report.add_values(what, &rate, rate.values());
        }
    }
    Ok(report)
}

async fn measure(
    target: &Target,
    devices: &mut [Device],
    operation: Operation,
    length: Duration,
) -> anyhow::Result<Rate> {
    let window = Window::after(WARM_UP, length);
    let runs = devices
        .iter_mut()
        .map(|device| repeat(device, operation, window));
    let all = window.watch(target.process(), try_join_all(runs));
    let (per_device, cpu) = tokio::time::timeout(WARM_UP + length + PATIENCE, all)
        .await
        .context("the hub no longer answers")??;
    let figures = Figures::of_all(&per_device);
    Ok(figures.over(length, cpu))
}

async fn repeat(
    device: &mut Device,
    operation: Operation,
    window: Window,
) -> anyhow::Result<Figures> {
    let mut figures = Figures::new();
    while window.is_open() {
        let started = Instant::now();
        let outcome = match operation {
            Operation::Report => device.report().await?,
            Operation::Read => device.read_twin().await?,
        };
        figures.count(&window, started, outcome);
    }
    Ok(figures)
}
