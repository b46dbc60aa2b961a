//! `load-devices`: fills a hub.

use std::{io::IsTerminal as _, time::Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    fleet::{Fleet, fresh_prefix},
    hub::Hub,
    report::{Report, grouped},
};

/// What to load.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many devices
    #[arg(long, default_value_t = 100_000)]
    count: usize,
    /// Their names begin with this [default: one that no earlier run has used]
    #[arg(long)]
    prefix: Option<String>,
}

/// Creates the devices and tells how fast.
pub async fn run(hub: &Hub, args: &Args) -> anyhow::Result<Report> {
    let prefix = args.prefix.clone().unwrap_or_else(fresh_prefix);
    let fleet = Fleet::named(&prefix, args.count);
    let progress = progress(args.count);
    let cpu = hub
        .process()
        .map(|process| process.watch_cpu())
        .transpose()?;
    let started = Instant::now();

    fleet.create(hub, &progress).await?;

    progress.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    let count = args.count as f64;
    let mut figures = format!("{}/s, {seconds:.1} s", grouped(count / seconds));
    if let Some(cpu) = cpu {
        figures = format!("{figures}; {}", cpu.read()?);
    }
    let what = format!("load {} devices, 100 per request", grouped(count));
    Ok(Report::of(what, figures))
}

/// A bar for people; nothing where nobody looks.
pub fn progress(count: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(Some(count as u64), ProgressDrawTarget::hidden());
    }
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} {per_sec}, {eta} left")
            .expect("the template is a valid one");
    ProgressBar::new(count as u64).with_style(style)
}
