//! `connect`: new TLS connections that authenticate and go.
//!
//! Each is a whole handshake without resumption, a CONNECT that the server
//! accepts, and a DISCONNECT. So many are under way at once; the time is that
//! from the first packet until the server has accepted.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::try_join_all;

use crate::{
    figures::{Figures, Window},
    fleet::Fleet,
    mqtt::Client,
    report::Report,
    target::{CONNECTIONS_PER_SOURCE, Target},
};

/// How many addresses of loopback connections come from.
pub const SOURCES: usize = 16;
/// How long the last connections may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How many, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Connections under way at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// Seconds that are measured
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// Seconds before that, which are not
    #[arg(long, default_value_t = 1)]
    pub warm_up: u64,
}

/// Measures `target`.
pub async fn run(target: &Target, args: &Args) -> anyhow::Result<Report> {
    let fleet = Fleet::fresh(usize::try_from(args.connections)?);
    target.admit(&fleet).await?;
    let warm_up = Duration::from_secs(args.warm_up);
    let window = Window::after(warm_up, Duration::from_secs(args.seconds));
    let runs = (0..fleet.len()).map(|index| come_and_go(target, fleet.device(index), &window));
    let all = window.watch(target.process(), try_join_all(runs));
    let (per_client, cpu) = tokio::time::timeout(warm_up + window.length() + PATIENCE, all)
        .await
        .context("the server no longer answers")??;
    let figures = Figures::of_all(&per_client);
    let what = format!("new TLS connections, {} at once", args.connections);
    Report::of_rate(what, &figures.over(window.length(), cpu))
}

async fn come_and_go(target: &Target, client: String, window: &Window) -> anyhow::Result<Figures> {
    let mut figures = Figures::new();
    for turn in 0.. {
        if !window.is_open() {
            break;
        }
        let started = Instant::now();
        // A port that was closed is not free at once: other addresses have more.
        let source = turn % SOURCES * CONNECTIONS_PER_SOURCE;
        let connected = Client::connect(target, &client, source).await;
        match connected {
            Ok(connected) => {
                figures.count(window, started, Ok(()));
                // A server that has closed already is none the worse for it.
                drop(connected.disconnect().await);
            }
            Err(error) => figures.count(window, started, Err(format!("{error:#}"))),
        }
    }
    Ok(figures)
}
