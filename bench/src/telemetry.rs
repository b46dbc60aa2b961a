//! `telemetry`: publishers at QoS 1, and the time until each acknowledgement.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::{
    figures::{Rate, Window},
    fleet::Fleet,
    load::{Load, Pace, Sends},
    process::CpuWatch,
    publisher::{Contents, Publisher},
    report::Report,
    routes::Routes,
    target::Target,
};

/// How many, how much, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Publishers, each on a connection of its own
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Messages that each may have in flight
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    window: u16,
    /// Bytes of a message
    #[arg(long, default_value_t = 256)]
    payload: usize,
    /// Send JSON documents that are said to be such
    #[arg(long)]
    documents: bool,
    /// Have the hub ask so many routes about the documents, and remove all of
    /// its routes afterwards
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=10))]
    routes: u8,
    #[command(flatten)]
    pace: PaceArgs,
}

/// How fast, for how long.
#[derive(Debug, clap::Args)]
pub struct PaceArgs {
    /// Seconds that are measured
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Seconds before that, which are not
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
    /// Messages a second of all together, rather than as many as go
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
}

/// Measures `target`.
pub async fn run(target: &Target, args: &Args) -> anyhow::Result<Report> {
    let fleet = Fleet::fresh(usize::try_from(args.connections)?);
    target.admit(&fleet).await?;
    let contents = match args.documents || args.routes > 0 {
        true => Contents::Document(args.payload),
        false => Contents::Filling(args.payload),
    };
    let routes = match args.routes {
        0 => None,
        count => {
            let hub = target.hub().context("only a hub has routes")?;
            Some(Routes::set(hub, count.into()).await?)
        }
    };
    let publishers = (0..fleet.len()).map(|index| {
        let client = fleet.device(index);
        Publisher::connect(target, &client, contents, args.window)
            .with_context(|| format!("connection {index}"))
    });
    let publishers = publishers.collect::<Result<_, _>>();
    let rate = publishers.and_then(|publishers| args.pace.measure(target, publishers));
    if let Some(routes) = routes {
        routes.remove().await?;
    }
    let rate = rate?;
    let of_what = match (args.routes, args.documents) {
        (0, false) => format!("{} bytes", args.payload),
        (0, true) => format!("{} bytes of JSON", args.payload),
        (routes, _) => format!("{} bytes of JSON, {routes} routes", args.payload),
    };
    let what = match args.pace.rate {
        None => format!(
            "telemetry, {} connections, window {}, {of_what}",
            args.connections, args.window
        ),
        Some(rate) => format!(
            "telemetry, {} connections, {rate} messages/s, {of_what}",
            args.connections
        ),
    };
    Report::of_rate(what, &rate)
}

impl PaceArgs {
    /// Has all `senders` send to `target`.
    pub fn measure<S: Sends>(&self, target: &Target, senders: Vec<S>) -> anyhow::Result<Rate> {
        let mut load = Load::new(senders)?;
        let warm_up = Duration::from_secs(self.warm_up);
        let window = Window::after(warm_up, Duration::from_secs(self.seconds));
        let mut watch = None;
        let pace = self.rate.map(|rate| Pace::new(rate, Instant::now()));
        load.run(&window, pace, || {
            if watch.is_none()
                && let Some(process) = target.process()
            {
                watch = Some(process.watch_cpu()?);
            }
            Ok(())
        })?;
        let cpu = watch.as_ref().map(CpuWatch::read).transpose()?;
        load.drain(&window)?;
        Ok(load.into_figures().over(window.length(), cpu))
    }
}
