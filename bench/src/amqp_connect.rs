//! `amqp-connect`: new connections over TLS that are let in, attach a device's
//! telemetry link, and go.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::try_join_all;

use crate::{
    amqp::addresses,
    amqp_idle::open,
    connect::{Args, PATIENCE, SOURCES},
    figures::{Figures, Window},
    fleet::Fleet,
    report::Report,
    target::{CONNECTIONS_PER_SOURCE, Target},
};

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
    let what = format!("new AMQP connections, {} at once", args.connections);
    Report::of_rate(what, &figures.over(window.length(), cpu))
}

async fn come_and_go(target: &Target, device: String, window: &Window) -> anyhow::Result<Figures> {
    let mut figures = Figures::new();
    for turn in 0.. {
        if !window.is_open() {
            break;
        }
        let started = Instant::now();
        let source = turn % SOURCES * CONNECTIONS_PER_SOURCE;
        let come = async {
            let mut client = open(target, &device, source).await?;
            let node = addresses::telemetry(target, &device, turn);
            client.attach_sender(node).await?;
            anyhow::Ok(client)
        };
        match come.await {
            Ok(client) => {
                figures.count(window, started, Ok(()));
                // A server that has closed already is none the worse for it.
                drop(client.close().await);
            }
            Err(error) => figures.count(window, started, Err(format!("{error:#}"))),
        }
    }
    Ok(figures)
}
