//! `twinhub simulate`
//!
//! Devices that send telemetry, report and take properties, and answer method
//! calls, over MQTT as real ones do. Each is a connection and a task of its
//! own; what was not acknowledged is sent again after a reconnect.

mod device;
mod fleet;
mod mqtt;
mod payload;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::{ArgAction, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::device::{Behaviour, Device};
use self::payload::Template;
use super::{
    access::{Access, Target},
    answer::Answer,
    document,
    failure::Failure,
    properties,
};

const MQTTS_PORT: u16 = 8883;
/// How often the progress is drawn anew.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub simulate
  twinhub simulate --devices 100 --interval 0.5 --messages 20 --delete
  twinhub simulate -n 3 --data '{\"id\": \"{device}\", \"n\": {number}, \"at\": \"{time}\", \"t\": {random}}'

Devices are called sim-1, sim-2 and so on, and made when they are missing.
Ctrl-C ends it in good order. In --data, {device}, {number}, {time} and
{random} stand for the device, the number of its message, the time, and a
number from 0 to 100.")]
pub struct Args {
    /// How many devices
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    devices: u32,
    /// What the devices' IDs begin with
    #[arg(long, value_name = "TEXT", default_value = "sim")]
    prefix: String,
    /// Seconds between two messages of a device
    #[arg(
        long,
        visible_alias = "mi",
        value_name = "SECONDS",
        default_value = "1",
        value_parser = seconds
    )]
    interval: Duration,
    /// Messages of each device after which to end [default: until Ctrl-C]
    #[arg(
        long,
        visible_alias = "mc",
        visible_alias = "count",
        value_name = "NUMBER"
    )]
    messages: Option<u64>,
    /// Body of the messages, with placeholders
    #[arg(
        long,
        visible_alias = "da",
        value_name = "TEMPLATE",
        default_value = r#"{"device": "{device}", "number": {number}, "temperature": {random}}"#
    )]
    data: String,
    /// Application properties: NAME=VALUE;NAME=VALUE
    #[arg(long, visible_alias = "props", short = 'p', value_name = "PAIRS")]
    properties: Option<String>,
    /// Status that method calls are answered with
    #[arg(
        long,
        visible_alias = "mrc",
        value_name = "STATUS",
        default_value_t = 200
    )]
    method_response_code: i32,
    /// Payload that method calls are answered with: JSON, or @file
    #[arg(long, visible_alias = "mrp", value_name = "JSON", default_value = "{}")]
    method_response_payload: String,
    /// Protocol that the devices speak
    #[arg(long, visible_alias = "proto", value_enum, default_value = "mqtt")]
    protocol: Protocol,
    /// Whether to make devices that are missing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    create: bool,
    /// Delete the devices that were made, at the end
    #[arg(long)]
    delete: bool,
    /// Port of MQTT over TLS [default: the running hub's, or 8883]
    #[arg(long, value_name = "PORT")]
    mqtts_port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// MQTT 3.1.1 over TLS
    Mqtt,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "it must be a number of seconds, such as 0.5".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|interval| *interval >= Duration::from_millis(1))
        .ok_or_else(|| "it must be at least 0.001".to_owned())
}

/// What has happened so far.
#[derive(Debug, Default)]
pub struct Counts {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    methods: AtomicU64,
    desired: AtomicU64,
    received: AtomicU64,
    reconnects: AtomicU64,
}

impl Counts {
    fn of(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

pub async fn run(args: &Args, access: &Access) -> Result<Answer, Failure> {
    let behaviour = Arc::new(args.behaviour()?);
    let hub = Arc::new(access.hub().await?);
    let port = args.port(access)?;
    let ids: Vec<String> = (1..=args.devices)
        .map(|number| format!("{}-{number}", args.prefix))
        .collect();
    let stop = CancellationToken::new();
    let counts = Arc::new(Counts::default());
    let started = Instant::now();

    let fleet = fleet::prepare(&hub, &ids, args.create).await?;
    let mut devices = JoinSet::new();
    for (number, (id, key)) in (0_u32..).zip(fleet.keys) {
        let device = Device {
            hub: hub.clone(),
            port,
            id,
            key,
            behaviour: behaviour.clone(),
            counts: counts.clone(),
            // Messages of a fleet are spread over the interval.
            first: args
                .interval
                .mul_f64(f64::from(number) / f64::from(args.devices)),
        };
        devices.spawn(device.run(stop.clone()));
    }
    let outcome = watch(&mut devices, &stop, args, &counts).await;
    let took = started.elapsed();
    if args.delete {
        fleet::delete(&hub, &fleet.made).await?;
    }
    outcome?;
    Ok(answer(args, &counts, took))
}

/// Waits until every device is done, and ends them when somebody says so or
/// one of them fails.
async fn watch(
    devices: &mut JoinSet<Result<(), Failure>>,
    stop: &CancellationToken,
    args: &Args,
    counts: &Counts,
) -> Result<(), Failure> {
    let total = args
        .messages
        .map(|messages| messages.saturating_mul(args.devices.into()));
    let progress = bar(total);
    let mut failed = None;
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let mut drawn = tokio::time::interval(DRAWN_EVERY);
    loop {
        tokio::select! {
            done = devices.join_next() => match done {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(failure))) => {
                    stop.cancel();
                    failed.get_or_insert(failure);
                }
                Some(Err(broken)) => {
                    stop.cancel();
                    failed.get_or_insert(Failure::Other(broken.into()));
                }
            },
            _ = &mut interrupted, if !stop.is_cancelled() => stop.cancel(),
            _ = drawn.tick() => {
                progress.set_position(Counts::of(&counts.acknowledged));
            }
        }
    }
    progress.finish_and_clear();
    failed.map_or(Ok(()), Err)
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{bar:30} {pos}/{len} messages, {per_sec}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {pos} messages, {per_sec}; Ctrl-C ends it",
        ),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn answer(args: &Args, counts: &Counts, took: Duration) -> Answer {
    let acknowledged = Counts::of(&counts.acknowledged);
    let rate = (acknowledged as f64 / took.as_secs_f64().max(0.001)).round();
    Answer::Documents {
        value: json!({
            "devices": args.devices,
            "messagesSent": Counts::of(&counts.sent),
            "messagesAcknowledged": acknowledged,
            "messagesPerSecond": rate,
            "messagesReceived": Counts::of(&counts.received),
            "desiredChanges": Counts::of(&counts.desired),
            "methodsAnswered": Counts::of(&counts.methods),
            "reconnects": Counts::of(&counts.reconnects),
        }),
        columns: &[
            "devices",
            "messagesSent",
            "messagesAcknowledged",
            "messagesPerSecond",
            "methodsAnswered",
            "reconnects",
        ],
    }
}

impl Args {
    fn behaviour(&self) -> Result<Behaviour, Failure> {
        let Protocol::Mqtt = self.protocol;
        let given = self.properties.as_deref().unwrap_or_default();
        let payload = document::any("--method-response-payload", &self.method_response_payload)?;
        Ok(Behaviour {
            interval: self.interval,
            messages: self.messages,
            template: Template::new(&self.data),
            bag: payload::property_bag(&properties::parse("--properties", given)?),
            method_status: self.method_response_code,
            method_payload: payload.to_string(),
        })
    }

    fn port(&self, access: &Access) -> Result<u16, Failure> {
        if let Some(port) = self.mqtts_port {
            return Ok(port);
        }
        Ok(match access.target() {
            Target::Login(_) | Target::Variable(_) => MQTTS_PORT,
            Target::Folder => access.running()?.ports.mqtts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_may_be_a_part_of_a_second() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "soon", "0.0001", "inf"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
