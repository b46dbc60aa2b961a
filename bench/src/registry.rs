//! `registry`: identities and twins over HTTPS keep-alive.
//!
//! Each connection has one request in flight. Reads and patches go round the
//! devices of one fleet, which is created beforehand; every connection has its
//! own part of it, so that no two write to the same twin.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum;
use futures_util::future::try_join_all;

use crate::{
    figures::{Figures, Window},
    fleet::{Fleet, fresh_prefix},
    https::{Answer, HttpsConnection},
    hub::Hub,
    load_devices::progress,
    report::Report,
};

const API: &str = "api-version=2021-04-12";
/// How long answers may be overdue before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to do, how often at once, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Connections, each with one request in flight
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds that are measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds before that, which are not
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
    /// Devices of each connection that are read and patched
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    devices: u64,
    /// What to do
    #[arg(long, value_enum)]
    operation: Operation,
}

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// Create devices with generated keys
    Create,
    /// Read devices
    Get,
    /// Change a desired property and a tag of twins
    PatchTwin,
    /// Of twenty requests sixteen reads, three patches, one create
    Mixed,
}

/// One connection with its part of the fleet.
struct Client<'a> {
    connection: HttpsConnection,
    fleet: &'a Fleet,
    /// The first device of its part, and how many there are.
    part: (usize, usize),
    /// The names of devices that it creates begin with this.
    prefix: String,
    done: usize,
}

/// Measures one operation.
pub async fn run(hub: &Hub, args: &Args) -> anyhow::Result<Report> {
    let devices = usize::try_from(args.devices)?;
    let fleet = Fleet::fresh(match args.operation {
        Operation::Create => 0,
        _ => devices * args.connections,
    });
    fleet.create(hub, &progress(fleet.len())).await?;
    let prefix = fresh_prefix();
    let clients = (0..args.connections).map(|index| {
        let (fleet, prefix) = (&fleet, format!("{prefix}-new-{index}"));
        async move {
            anyhow::Ok(Client {
                connection: hub.https().await?,
                fleet,
                part: (index * devices, devices),
                prefix,
                done: 0,
            })
        }
    });
    let clients = try_join_all(clients).await?;

    let warm_up = Duration::from_secs(args.warm_up);
    let window = Window::after(warm_up, Duration::from_secs(args.seconds));
    let runs = clients
        .into_iter()
        .map(|client| client.run(args.operation, window));
    let all = window.watch(hub.process(), try_join_all(runs));
    let (per_client, cpu) = tokio::time::timeout(warm_up + window.length() + PATIENCE, all)
        .await
        .context("the hub no longer answers")??;
    let figures = Figures::of_all(&per_client);
    let what = format!(
        "{} over HTTPS, {} connections",
        args.operation.words(),
        args.connections
    );
    Report::of_rate(what, &figures.over(window.length(), cpu))
}

impl Operation {
    fn words(self) -> &'static str {
        match self {
            Self::Create => "create device",
            Self::Get => "get device",
            Self::PatchTwin => "patch twin",
            Self::Mixed => "80% get, 15% patch, 5% create",
        }
    }

    /// The plain operation that is due.
    fn at(self, turn: usize) -> Self {
        match (self, turn % 20) {
            (Self::Mixed, 0) => Self::Create,
            (Self::Mixed, 1..4) => Self::PatchTwin,
            (Self::Mixed, _) => Self::Get,
            (plain, _) => plain,
        }
    }
}

impl Client<'_> {
    async fn run(mut self, operation: Operation, window: Window) -> anyhow::Result<Figures> {
        let mut figures = Figures::new();
        while window.is_open() {
            let started = Instant::now();
            let answer = self.operate(operation.at(self.done)).await?;
            self.done += 1;
            figures.count(&window, started, answer.accepted().map(drop));
        }
        Ok(figures)
    }

    async fn operate(&mut self, operation: Operation) -> anyhow::Result<Answer> {
        let turn = self.done;
        match operation {
            Operation::Create => {
                let id = format!("{}-{turn}", self.prefix);
                let path = format!("/devices/{id}?{API}");
                let body = format!(r#"{{"deviceId":"{id}"}}"#);
                self.connection
                    .send("PUT", &path, "", body.as_bytes())
                    .await
            }
            Operation::PatchTwin => {
                let path = format!("/twins/{}?{API}", self.device());
                let body = format!(
                    r#"{{"tags":{{"round":{turn}}},"properties":{{"desired":{{"interval":{turn}}}}}}}"#
                );
                self.connection
                    .send("PATCH", &path, "If-Match: *\r\n", body.as_bytes())
                    .await
            }
            Operation::Get | Operation::Mixed => {
                let path = format!("/devices/{}?{API}", self.device());
                self.connection.send("GET", &path, "", b"").await
            }
        }
    }

    fn device(&self) -> String {
        let (first, count) = self.part;
        self.fleet.device(first + self.done % count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_run_keeps_its_shares() {
        let of = |wanted| {
            (0..2000)
                .filter(|turn| Operation::Mixed.at(*turn) == wanted)
                .count()
        };

        assert_eq!(of(Operation::Get), 1600);
        assert_eq!(of(Operation::PatchTwin), 300);
        assert_eq!(of(Operation::Create), 100);
    }
}
