//! The command line.
//!
//! `serve` runs the hub; every other command is a client of a running hub's
//! HTTPS API and opens no database. `restore` alone needs no hub: it copies
//! files. Answers go to standard output as JSON or
//! a table, words to standard error, and the exit code tells what happened
//! ([`failure::Failure::exit_code`]).

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::config::Environment;

mod access;
mod answer;
mod authentication;
mod backup;
mod c2d_message;
mod certificate;
mod connection_string;
mod consumer_group;
mod device_identity;
mod document;
mod env;
mod failure;
mod https;
mod hub;
mod identity;
mod job;
mod management;
mod message_endpoint;
mod message_enrichment;
mod method;
mod module_identity;
mod monitor_events;
mod operator_token;
mod policy;
mod portal_link;
mod properties;
mod query;
mod refusal;
mod restore;
mod route;
mod routing;
mod sas_token;
mod serve;
mod simulate;
mod transfer;
mod twin;

use access::Access;
pub(crate) use access::service_hostname;
use answer::{Answer, Output};
use failure::Failure;

/// A self-hosted IoT hub that speaks Azure IoT Hub's protocols.
#[derive(Debug, Parser)]
#[command(
    name = "twinhub",
    version,
    // Lines as they are written, whether or not another crate of the build
    // turns on clap's wrapping.
    term_width = 0,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "\
Examples:
  twinhub serve
  eval \"$(twinhub env)\"
  twinhub device-identity create --device-id sensor-1
  twinhub connection-string --device-id sensor-1

Commands other than serve talk to the hub of --login, else of --data-dir or
TWINHUB_DATA_DIR, else of IOTHUB_CONNECTION_STRING, else of the platform's
data folder.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 not found, 4 not
authorised, 5 conflict or stale etag, 6 no hub reached.")]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Connection string of the hub to talk to
    #[arg(long, short = 'l', global = true, value_name = "CONNECTION_STRING")]
    login: Option<String>,
    /// Folder with everything that a hub keeps [default: TWINHUB_DATA_DIR, or the platform's]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Form of the answer [default: json]
    #[arg(long, short = 'o', global = true, value_name = "FORM")]
    output: Option<Output>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub in the foreground
    Serve(serve::Args),
    #[command(flatten)]
    Client(ClientCommand),
}

/// Commands that talk to a hub, or to its data folder.
#[derive(Debug, Subcommand)]
enum ClientCommand {
    /// Print shell exports that point SDKs and tools at the hub
    Env(env::Args),
    /// Print the connection string of a policy, device or module
    ConnectionString(connection_string::Args),
    /// Manage shared access policies
    #[command(subcommand)]
    Policy(policy::Command),
    /// Manage certificates of authorities that issue devices' certificates
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// Manage consumer groups, under which readers of events keep apart
    #[command(subcommand)]
    ConsumerGroup(consumer_group::Command),
    /// Manage routes, which take events to endpoints
    #[command(subcommand, visible_alias = "message-route")]
    Route(route::Command),
    /// Manage endpoints that routes lead to besides events
    #[command(subcommand)]
    MessageEndpoint(message_endpoint::Command),
    /// Manage enrichments, which stamp properties on events
    #[command(subcommand)]
    MessageEnrichment(message_enrichment::Command),
    /// Manage devices
    #[command(subcommand)]
    DeviceIdentity(device_identity::Command),
    /// Manage modules of a device
    #[command(subcommand)]
    ModuleIdentity(module_identity::Command),
    /// Show and cancel imports and exports
    #[command(subcommand)]
    Job(job::Command),
    /// Show and change the twin of a device
    #[command(subcommand)]
    DeviceTwin(twin::DeviceCommand),
    /// Show and change the twin of a module
    #[command(subcommand)]
    ModuleTwin(twin::ModuleCommand),
    /// Ask for twins, columns of them, or figures over them
    Query(query::Args),
    /// Call a method of a device and print its answer
    InvokeDeviceMethod(method::DeviceMethod),
    /// Call a method of a module and print its answer
    InvokeModuleMethod(method::ModuleMethod),
    /// Send messages to devices and modules, and remove those that wait
    #[command(subcommand, name = "c2d-message")]
    CloudToDeviceMessage(c2d_message::Command),
    /// Follow telemetry and other events as they come
    MonitorEvents(monitor_events::Args),
    /// Run devices that send messages, change twins and answer method calls
    Simulate(simulate::Args),
    /// Print a shared access signature token
    GenerateSasToken(sas_token::Args),
    /// Print a link that signs in to the portal once
    PortalLink(portal_link::Args),
    /// Copy everything that the running hub keeps, at one moment
    Backup(backup::Args),
    /// Make a data folder of a backup
    Restore(restore::Args),
    /// Show or replace the token that opens the management API
    #[command(subcommand)]
    OperatorToken(operator_token::Command),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let form = cli.global.output;
    let outcome = cli
        .run(Environment::of_process())
        .and_then(|answer| answer.print(form));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

impl Cli {
    fn run(self, environment: Environment) -> Result<Answer, Failure> {
        let Global {
            login,
            data_dir,
            output,
        } = self.global;
        let access = Access::choose(login, data_dir, environment)?;
        match self.command {
            Command::Serve(args) => serve::run(args, access),
            Command::Client(command) => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(command.run(&access, output)),
        }
    }
}

impl ClientCommand {
    async fn run(self, access: &Access, form: Option<Output>) -> Result<Answer, Failure> {
        match self {
            Self::Env(args) => env::run(&args, access).await,
            Self::ConnectionString(args) => connection_string::run(&args, access).await,
            Self::Policy(command) => policy::run(&command, access).await,
            Self::Certificate(command) => certificate::run(&command, access).await,
            Self::ConsumerGroup(command) => consumer_group::run(&command, access).await,
            Self::Route(command) => route::run(&command, access).await,
            Self::MessageEndpoint(command) => message_endpoint::run(&command, access).await,
            Self::MessageEnrichment(command) => message_enrichment::run(&command, access).await,
            Self::DeviceIdentity(command) => device_identity::run(&command, access).await,
            Self::ModuleIdentity(command) => module_identity::run(&command, access).await,
            Self::Job(command) => job::run(&command, access).await,
            Self::DeviceTwin(command) => twin::run_device(&command, access).await,
            Self::ModuleTwin(command) => twin::run_module(&command, access).await,
            Self::Query(args) => query::run(&args, access).await,
            Self::InvokeDeviceMethod(args) => method::run_device(&args, access).await,
            Self::InvokeModuleMethod(args) => method::run_module(&args, access).await,
            Self::CloudToDeviceMessage(command) => c2d_message::run(&command, access).await,
            Self::MonitorEvents(args) => monitor_events::run(&args, access, form).await,
            Self::Simulate(args) => simulate::run(&args, access).await,
            Self::GenerateSasToken(args) => sas_token::run(&args, access).await,
            Self::PortalLink(args) => portal_link::run(&args, access).await,
            Self::Backup(args) => backup::run(&args, access).await,
            Self::Restore(args) => restore::run(&args, access).await,
            Self::OperatorToken(command) => operator_token::run(&command, access).await,
        }
    }
}

/// `text` as one word of a POSIX shell.
pub(crate) fn shell_quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    always_quoted(text)
}

/// `text` between single quotes, whatever it holds.
fn always_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
