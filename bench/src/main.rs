//! Load on a running hub or another server, and what it costs.
//!
//! Every command is bounded by a count or by seconds, drives one server from one
//! thread, and prints a line per measurement to standard output. Nothing here
//! judges a figure: that is for who reads them, and knows the machine.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

mod amqp;
mod amqp_connect;
mod amqp_idle;
mod amqp_read;
mod amqp_telemetry;
mod c2d;
mod connect;
mod disk;
mod echo_server;
mod figures;
mod fleet;
mod https;
mod hub;
mod link;
mod load;
mod load_devices;
mod methods;
mod mqtt;
mod mqtt_idle;
mod mqtt_twin;
mod process;
mod publisher;
mod registry;
mod report;
mod routes;
mod running;
mod start_up;
mod table;
mod target;
mod telemetry;
mod tls;

use hub::HubArgs;
use report::{Form, Report};
use target::TargetArgs;

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
  twinhub-bench telemetry --data-dir ./hub --connections 100 --window 32
  twinhub-bench telemetry --data-dir ./hub --routes 10
  twinhub-bench telemetry --broker 127.0.0.1:1883 --plain --rate 20000
  twinhub-bench amqp-telemetry --data-dir ./hub --connections 10 --devices 200 --window 4
  twinhub-bench amqp-read --data-dir ./hub --fill 1000000
  twinhub-bench mqtt-idle --data-dir ./hub --connections 5000
  twinhub-bench start-up --binary target/release/twinhub --data-dir ./hub
  twinhub-bench disk --folder ./hub

The hub has to run on this machine, except for --login and --broker.")]
struct Cli {
    /// Print rows of a Markdown table
    #[arg(long, global = true)]
    markdown: bool,
    /// Print JSON, an object per line
    #[arg(long, global = true, conflicts_with = "markdown")]
    json: bool,
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
    /// Telemetry over MQTT at QoS 1, each message acknowledged
    Telemetry {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        args: telemetry::Args,
    },
    /// New TLS connections that authenticate and go
    Connect {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        args: connect::Args,
    },
    /// Direct methods; with another server, a question and its answer over MQTT
    Methods {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        args: methods::Args,
    },
    /// Messages to devices; with another server, from one client to another
    C2d {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        args: c2d::Args,
    },
    /// The limit: a server that does nothing but acknowledge
    EchoServer(echo_server::Args),
    /// Make a table of the medians of many runs
    Table(table::Args),
    /// The memory that idle MQTT connections cost the server
    MqttIdle {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        args: mqtt_idle::Args,
    },
    /// Telemetry over AMQP, each message accepted
    AmqpTelemetry {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        args: amqp_telemetry::Args,
    },
    /// All that the partitions hold, over AMQP
    AmqpRead {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        args: amqp_read::Args,
    },
    /// New AMQP connections that are let in, attach a link and go
    AmqpConnect {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        args: connect::Args,
    },
    /// The memory that idle AMQP connections cost the server
    AmqpIdle {
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        args: amqp_idle::Args,
    },
    /// Reported properties and reads of the twin over MQTT
    MqttTwin {
        #[command(flatten)]
        target: TargetArgs,
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
    let form = match (cli.markdown, cli.json) {
        (true, _) => Form::Markdown,
        (_, true) => Form::Json,
        _ => Form::Text,
    };
    let measured = rlimit::increase_nofile_limit(u64::MAX)
        .map_err(anyhow::Error::from)
        .and_then(|_| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(cli.command.run())
        });
    match measured.and_then(|report| report.print(form)) {
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
            Self::Telemetry { target, args } => telemetry::run(&target.find().await?, &args).await,
            Self::Connect { target, args } => connect::run(&target.find().await?, &args).await,
            Self::Methods { target, args } => methods::run(&target.find().await?, &args).await,
            Self::C2d { target, args } => c2d::run(&target.find().await?, &args).await,
            Self::EchoServer(args) => echo_server::run(&args).map(|()| Report::default()),
            Self::Table(args) => table::run(&args).map(|()| Report::default()),
            Self::MqttIdle { target, args } => mqtt_idle::run(&target.find().await?, &args).await,
            Self::AmqpTelemetry { target, args } => {
                amqp_telemetry::run(&target.find().await?, &args).await
            }
            Self::AmqpRead { target, args } => amqp_read::run(&target.find().await?, &args).await,
            Self::AmqpConnect { target, args } => {
                amqp_connect::run(&target.find().await?, &args).await
            }
            Self::AmqpIdle { target, args } => amqp_idle::run(&target.find().await?, &args).await,
            Self::MqttTwin { target, args } => mqtt_twin::run(&target.find().await?, &args).await,
            Self::StartUp(args) => start_up::run(&args).await,
            Self::Disk { folder, seconds } => disk::run(&folder, seconds),
        }
    }
}
