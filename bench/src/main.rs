//! Load on a running hub, and what it costs.
//!
//! Every command is bounded by a count or by seconds, drives one hub from one
//! thread, and prints a line per measurement to standard output. Nothing here
//! judges a figure: that is for who reads them, and knows the machine.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

mod disk;
mod figures;
mod fleet;
mod https;
mod hub;
mod load_devices;
mod mqtt;
mod mqtt_idle;
mod mqtt_twin;
mod process;
mod registry;
mod report;
mod running;
mod start_up;

use hub::HubArgs;
use report::Report;

/// Measures a Twinhub.
#[derive(Debug, Parser)]
#[command(
    name = "twinhub-bench",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "\
Examples:
  twinhub-bench registry --data-dir ./hub --operation create
  twinhub-bench mqtt-idle --data-dir ./hub --connections 5000
  twinhub-bench start-up --binary target/release/twinhub --data-dir ./hub
  twinhub-bench disk --folder ./hub

The hub has to run on this machine, except for --login.")]
struct Cli {
    /// Print rows of a Markdown table
    #[arg(long, global = true)]
    markdown: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Identities and twins over HTTPS keep-alive
    Registry {
        #[command(flatten)]
        hub: HubArgs,
        #[command(flatten)]
        args: registry::Args,
    },
    /// Fill a hub with devices, a hundred per request
    LoadDevices {
        #[command(flatten)]
        hub: HubArgs,
        #[command(flatten)]
        args: load_devices::Args,
    },
    /// The memory that idle MQTT connections cost the hub
    MqttIdle {
        #[command(flatten)]
        hub: HubArgs,
        #[command(flatten)]
        args: mqtt_idle::Args,
    },
    /// Reported properties and reads of the twin over MQTT
    MqttTwin {
        #[command(flatten)]
        hub: HubArgs,
        #[command(flatten)]
        args: mqtt_twin::Args,
    },
    /// The time from start to ready, and the memory then
    StartUp(start_up::Args),
    /// The time that this disk takes to make a write durable
    Disk {
        /// Folder on the disk
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
        /// Seconds for each way of writing
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let measured = rlimit::increase_nofile_limit(u64::MAX)
        .map_err(anyhow::Error::from)
        .and_then(|_| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(cli.command.run())
        });
    match measured.and_then(|report| report.print(cli.markdown)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    async fn run(self) -> anyhow::Result<Report> {
        match self {
            Self::Registry { hub, args } => registry::run(&hub.find().await?, &args).await,
            Self::LoadDevices { hub, args } => load_devices::run(&hub.find().await?, &args).await,
            Self::MqttIdle { hub, args } => mqtt_idle::run(&hub.find().await?, &args).await,
            Self::MqttTwin { hub, args } => mqtt_twin::run(&hub.find().await?, &args).await,
            Self::StartUp(args) => start_up::run(&args).await,
            Self::Disk { folder, seconds } => disk::run(&folder, seconds),
        }
    }
}
