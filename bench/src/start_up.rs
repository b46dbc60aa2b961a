//! `start-up`: the time from start to ready, and the memory then.
//!
//! Ready is what a probe sees: `GET /readyz` answers 200 over TLS. The time
//! counts from before the process is made, and has the probe's connection in
//! it. The hub is asked to stop after each run.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{
    https::HttpsConnection,
    hub::{connect, trusting},
    process::Process,
    report::Report,
    running::Running,
};

const LOOK_EVERY: Duration = Duration::from_millis(1);
const START_WITHIN: Duration = Duration::from_secs(60);
/// The hub itself promises ten seconds.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// Which hub, how often.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The hub's program
    #[arg(long, value_name = "FILE")]
    binary: PathBuf,
    /// Its data folder; no hub may run on it
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// How often
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Run the hub on this processor alone (with taskset)
    #[arg(long, value_name = "NUMBER")]
    cpu: Option<u32>,
}

/// One start.
#[derive(Debug, Clone, Copy)]
struct Start {
    ready_after: Duration,
    resident: u64,
}

/// Starts and stops the hub; the first start on an empty folder, which makes
/// its certificates, is told apart.
pub async fn run(args: &Args) -> anyhow::Result<Report> {
    let is_new = !args.data_dir.join("format").exists();
    let mut starts = Vec::new();
    for _ in 0..args.runs {
        starts.push(start_and_stop(args).await?);
    }
    let mut report = Report::default();
    if is_new && !starts.is_empty() {
        report.add(
            "first start, which makes the certificates",
            starts.remove(0),
        );
    }
    starts.sort_by_key(|start| start.ready_after);
    if let Some(median) = starts.get(starts.len() / 2) {
        report.add(format!("start, median of {}", starts.len()), *median);
    }
    Ok(report)
}

async fn start_and_stop(args: &Args) -> anyhow::Result<Start> {
    // A killed hub leaves its notice behind, which must not be taken for this one's.
    if let Err(error) = std::fs::remove_file(args.data_dir.join("running.json")) {
        ensure!(error.kind() == std::io::ErrorKind::NotFound, error);
    }
    let mut command = match args.cpu {
        None => Command::new(&args.binary),
        Some(cpu) => {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(cpu.to_string()).arg(&args.binary);
            command
        }
    };
    command
        .args(["serve", "--listen", "127.0.0.1", "--https-port", "0"])
        .args(["--mqtts-port", "0", "--data-dir"])
        .arg(&args.data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let started = Instant::now();
    let mut hub = command
        .spawn()
        .with_context(|| format!("could not start {}", args.binary.display()))?;
    let ready = wait_until_ready(&mut hub, &args.data_dir);
    let running = tokio::time::timeout(START_WITHIN, ready)
        .await
        .context("the hub did not become ready")??;
    let ready_after = started.elapsed();
    let resident = Process::of_id(running.pid).resident_memory()?;
    stop(&mut hub).await?;
    Ok(Start {
        ready_after,
        resident,
    })
}

async fn wait_until_ready(hub: &mut Child, data_dir: &Path) -> anyhow::Result<Running> {
    let running = loop {
        if let Some(status) = hub.try_wait()? {
            bail!("the hub did not start ({status}): run it by hand to see why");
        }
        if data_dir.join("running.json").exists() {
            break Running::read(data_dir)?;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let hostname = running.hostnames.first().context("the hub has no name")?;
    let address = SocketAddr::new(running.address, running.ports.https);
    let stream = connect(&trusting(&running.ca)?, hostname, address).await?;
    let mut probe = HttpsConnection::new(stream, hostname, "none");
    while !probe.send("GET", "/readyz", "", b"").await?.is_success() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(running)
}

async fn stop(hub: &mut Child) -> anyhow::Result<()> {
    let pid = hub
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
        .context("the hub has ended by itself")?;
    kill_process(pid, Signal::TERM)?;
    let status = tokio::time::timeout(STOP_WITHIN, hub.wait())
        .await
        .context("the hub did not stop")??;
    ensure!(status.success(), "the hub stopped with {status}");
    Ok(())
}

impl std::fmt::Display for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ready after {:.0} ms, {} MB resident",
            self.ready_after.as_secs_f64() * 1000.0,
            self.resident / (1024 * 1024)
        )
    }
}
