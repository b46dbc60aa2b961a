//! `methods`: a question to a device and its answer.
//!
//! Of a hub: a direct method, called over HTTPS keep-alive and answered over
//! MQTT. Of another MQTT server, for comparison: one client publishes the
//! question, the other, who is subscribed to it, publishes the answer, both at
//! QoS 0. Each caller has one question under way.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures_util::future::try_join_all;
use twinhub_mqtt_codec::{Packet, Publish, QoS};

use crate::{
    figures::{Figures, Window},
    fleet::Fleet,
    https::HttpsConnection,
    hub::Hub,
    mqtt::Client,
    report::Report,
    target::Target,
};

const API: &str = "api-version=2021-04-12";
const CALL: &[u8] = br#"{"methodName":"ping","payload":{},"responseTimeoutInSeconds":30}"#;
const PAYLOAD: &[u8] = b"{}";
const REQUESTS: &str = "$iothub/methods/POST/#";
/// How long answers may be overdue before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Devices, each with a caller of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    devices: u32,
    /// Seconds that are measured
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Seconds before that, which are not
    #[arg(long, default_value_t = 1)]
    warm_up: u64,
}

/// A caller.
enum Caller {
    Service {
        https: HttpsConnection,
        path: String,
    },
    Client {
        mqtt: Client,
        question: String,
    },
}

/// What a device publishes as the answer to a question on this topic.
type AnswerTopic = fn(question: &str) -> anyhow::Result<String>;

/// Measures `target`.
pub async fn run(target: &Target, args: &Args) -> anyhow::Result<Report> {
    let fleet = Fleet::fresh(usize::try_from(args.devices)?);
    target.admit(&fleet).await?;
    let pairs = (0..fleet.len()).map(|index| {
        let device = fleet.device(index);
        async move { pair(target, &device).await }
    });
    let pairs = try_join_all(pairs).await?;
    let answer_topic = match target.hub() {
        Some(_) => method_answer,
        None => client_answer,
    };

    let warm_up = Duration::from_secs(args.warm_up);
    let window = Window::after(warm_up, Duration::from_secs(args.seconds));
    let runs = pairs.into_iter().map(|(caller, device)| async {
        // The device goes on answering until its caller has enough.
        tokio::select! {
            figures = ask(caller, &window) => figures,
            stopped = answer_all(device, answer_topic) => match stopped {
                Err(error) => Err(error),
            },
        }
    });
    let all = window.watch(target.process(), try_join_all(runs));
    let (per_caller, cpu) = tokio::time::timeout(warm_up + window.length() + PATIENCE, all)
        .await
        .context("the server no longer answers")??;
    let figures = Figures::of_all(&per_caller);
    let what = match target.hub() {
        Some(_) => format!("direct methods, {} devices", args.devices),
        None => format!("question and answer over MQTT, {} pairs", args.devices),
    };
    Report::of_rate(what, &figures.over(window.length(), cpu))
}

/// A caller, and the device that answers it.
async fn pair(target: &Target, device: &str) -> anyhow::Result<(Caller, Client)> {
    let mut answering = Client::connect(target, device, 0).await?;
    let caller = if let Some(hub) = target.hub() {
        answering.subscribe(&[REQUESTS], QoS::AtMostOnce).await?;
        Caller::of_hub(hub, device).await?
    } else {
        let question = format!("{device}/questions");
        answering.subscribe(&[&question], QoS::AtMostOnce).await?;
        let mut mqtt = Client::connect(target, &format!("{device}-caller"), 0).await?;
        let answers = format!("{device}/answers");
        mqtt.subscribe(&[&answers], QoS::AtMostOnce).await?;
        Caller::Client { mqtt, question }
    };
    Ok((caller, answering))
}

async fn ask(mut caller: Caller, window: &Window) -> anyhow::Result<Figures> {
    let mut figures = Figures::new();
    while window.is_open() {
        let started = Instant::now();
        let outcome = caller.ask().await?;
        figures.count(window, started, outcome);
    }
    Ok(figures)
}

async fn answer_all(
    mut device: Client,
    answer_topic: AnswerTopic,
) -> anyhow::Result<std::convert::Infallible> {
    loop {
        let question = publish_of(device.receive().await?)?;
        let topic = answer_topic(&question.topic)?;
        device.publish(&topic, PAYLOAD).await?;
    }
}

impl Caller {
    async fn of_hub(hub: &Hub, device: &str) -> anyhow::Result<Self> {
        Ok(Self::Service {
            https: hub.https().await?,
            path: format!("/twins/{device}/methods?{API}"),
        })
    }

    /// Asks, and waits for the answer; the error is what comes instead.
    async fn ask(&mut self) -> anyhow::Result<Result<(), String>> {
        match self {
            Self::Service { https, path } => {
                let answer = https.send("POST", path, "", CALL).await?;
                Ok(answer.accepted().map(drop))
            }
            Self::Client { mqtt, question } => {
                mqtt.publish(question, PAYLOAD).await?;
                let answer = publish_of(mqtt.receive().await?)?;
                ensure!(answer.payload == PAYLOAD, "another answer");
                Ok(Ok(()))
            }
        }
    }
}

fn publish_of(packet: Packet) -> anyhow::Result<Publish> {
    match packet {
        Packet::Publish(publish) => Ok(publish),
        other => bail!("the server sends {other:?}"),
    }
}

/// `$iothub/methods/POST/ping/?$rid=1` is answered on `.../res/200/?$rid=1`.
fn method_answer(question: &str) -> anyhow::Result<String> {
    let (_, request) = question
        .split_once("/?$rid=")
        .with_context(|| format!("{question} is no method request"))?;
    Ok(format!("$iothub/methods/res/200/?$rid={request}"))
}

fn client_answer(question: &str) -> anyhow::Result<String> {
    Ok(question.replace("questions", "answers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_bears_the_number_of_its_request() {
        let answer = method_answer("$iothub/methods/POST/ping/?$rid=2f").unwrap();

        assert_eq!(answer, "$iothub/methods/res/200/?$rid=2f");
        assert!(method_answer("$iothub/methods/POST/ping").is_err());
    }
}
