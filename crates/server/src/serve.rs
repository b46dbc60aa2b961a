//! Runs the hub in the foreground until it is told to stop.
//!
//! The one place that names gateways and engines. In order: the data folder's
//! lock, the certificate, the ports, the state; then everything is told to
//! commands and probes. Stopping goes the other way round: no new connections,
//! sessions told to go, everything acknowledged on disk.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use twinhub_http::Health;
use twinhub_portal::Portal;

use crate::certificates::{CertificateSource, ServerCertificate};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::logging::Recent;
use crate::operator_token::OperatorToken;
use crate::running::{RunningHub, reachable};
use crate::{clock, welcome};

use self::core::Core;
use self::gateways::{Gateways, Sockets, Upkeep};
use self::installation::LocalInstallation;

mod amqp;
mod core;
mod gateways;
mod installation;
mod metrics;
mod portal;
mod shutdown;

/// How long a stop may take before what still runs is dropped.
const DRAIN_DEADLINE: Duration = Duration::from_secs(8);
/// How often the operator token's file is looked at.
const TOKEN_LOOK_EVERY: Duration = Duration::from_secs(2);
/// The limit of open files that systems have unless asked.
const USUAL_OPEN_FILES: u64 = 1024;
/// With fewer open files, a middling fleet does not fit.
const ENOUGH_OPEN_FILES: u64 = 4096;

/// Starts the hub and returns when it has drained. `recent` keeps what is
/// logged.
pub fn run(config: Config, data_dir: DataDir, recent: &'static Recent) -> anyhow::Result<()> {
    let _lock = data_dir.open_for_serving()?;
    let open_files = raise_open_files_limit();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start the runtime")?
        .block_on(serve(&config, &data_dir, recent, open_files))
}

async fn serve(
    config: &Config,
    data_dir: &DataDir,
    recent: &'static Recent,
    open_files: u64,
) -> anyhow::Result<()> {
    let signals = shutdown::Signals::listen()?;
    let operator_token = OperatorToken::of(data_dir);
    operator_token.create_if_missing()?;
    let token = operator_token.read()?.unwrap_or_default();
    let source = CertificateSource::of(config, data_dir);
    let trusted = source.trusted_by_clients();
    let has_authority = source.is_local();
    let certificate = ServerCertificate::prepare(source, clock::now())?;
    let sockets = Sockets::bind(config)?;
    let ports = sockets.ports();
    let health = Health::new(metrics::install()?);
    let core = Core::open(config, data_dir, &operator_token).await?;
    let logs = core.logs.clone();
    let health = health.unless(move || logs.refusing());

    let shutdown = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(certificate.clone().run(clock::now, shutdown.clone()));
    tasks.spawn(follow_operator_token(
        operator_token,
        core.access.clone(),
        shutdown.clone(),
    ));
    tasks.spawn(core.clone().write_presence_behind(shutdown.clone()));
    tasks.spawn(core.cloud_to_device.clone().run(shutdown.clone()));
    let logs = core.logs.clone();
    tasks.spawn(logs.drop_old_events(core.clock.clone(), shutdown.clone()));
    core.routing.spawn(&mut tasks, &shutdown);
    tasks.spawn(core.history.clone().run(shutdown.clone()));
    let installation = LocalInstallation::new(&core, config, ports, data_dir, recent)?;
    let backups = core.backups(&config.hub.name, data_dir);
    tasks.spawn(backups.clone().run(shutdown.clone()));
    let upkeep = Upkeep {
        backups,
        installation: Arc::new(installation),
    };
    let authority = match has_authority {
        true => std::fs::read_to_string(&trusted).ok(),
        false => None,
    };
    let portal = twinhub_portal::Settings {
        hub: config.hub.name.clone(),
        host: config.hostname[0].clone(),
        https_port: ports.https,
        authority,
        clock: core.clock.clone(),
    };
    let gateways = Gateways::new(&core, ports, health.clone(), upkeep, portal, &shutdown).await;
    let portal = gateways.portal();
    gateways.spawn(sockets, open_files, certificate, &shutdown, &mut tasks)?;

    let hub = RunningHub {
        pid: std::process::id(),
        hub: config.hub.name.clone(),
        hostnames: config.hostname.clone(),
        address: reachable(config.listen[0]),
        ports,
        ca: trusted,
    };
    let notice = hub.announce(data_dir)?;
    health.set_ready(true);
    say_welcome(&core, &portal, &token, &hub, data_dir);

    signals.stop_requested().await;
    tracing::info!("stopping");
    health.set_ready(false);
    drop(notice);
    shutdown.cancel();
    if tokio::time::timeout(DRAIN_DEADLINE, drain(&mut tasks))
        .await
        .is_err()
    {
        tracing::warn!("some connections did not end in time and are dropped");
        tasks.shutdown().await;
    }
    core.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn drain(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a task of the hub failed");
        }
    }
}

/// Standard error is also the log: secrets are shown on a terminal alone.
fn say_welcome(core: &Core, portal: &Portal, token: &str, hub: &RunningHub, data_dir: &DataDir) {
    let is_terminal = std::io::stderr().is_terminal();
    let link = is_terminal.then(|| portal.link(token).ok()).flatten();
    let link = link.as_ref().map(twinhub_portal::Link::expose);
    if !core.is_new {
        eprint!("{}", welcome::later_start(hub, link, data_dir.root()));
        return;
    }
    let owner = match is_terminal {
        true => core.owner_connection_string(hub),
        false => None,
    };
    let text = welcome::first_start(hub, owner.as_deref(), link, data_dir.root());
    eprint!("{text}");
}

/// A rotated token counts without a restart.
async fn follow_operator_token(
    file: OperatorToken,
    access: Arc<twinhub_core::access::Access>,
    shutdown: CancellationToken,
) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(TOKEN_LOOK_EVERY) => {}
        }
        match file.read() {
            Ok(Some(token)) => access.set_operator_token(token),
            Ok(None) => tracing::warn!("the operator token's file is gone; the last token counts"),
            Err(error) => {
                tracing::warn!(%error, "could not read the operator token; the last one counts")
            }
        }
    }
}

/// Each connection takes a file descriptor; systems allow a thousand unless
/// asked. How many files may be open now.
fn raise_open_files_limit() -> u64 {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "could not raise the limit of open files");
        USUAL_OPEN_FILES
    });
    if limit < ENOUGH_OPEN_FILES {
        tracing::warn!(
            limit,
            "few open files are allowed, and each connection takes one; raise the limit (ulimit -n)"
        );
    } else {
        tracing::debug!(limit, "open files allowed");
    }
    limit
}
