//! `twinhub monitor-events`
//!
//! Follows the hub's events and prints each as it comes. A stream that ends
//! (the hub restarts, the token expires) is taken up where it stopped: no
//! event is missed or shown twice.

mod shown;
mod stream;

use std::time::Duration;

use clap::ValueEnum;
use tokio::time::{Instant, sleep, timeout_at};

use self::shown::Shown;
use self::stream::{EventStream, Said};
use super::{
    access::Access,
    answer::{Answer, Output},
    c2d_message::moment,
    failure::Failure,
    hub::{Hub, query_encoded},
};

const PATH: &[&str] = &["twinhub", "v1", "events"];
/// How long to wait before the hub is tried again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub monitor-events
  twinhub monitor-events --device-id sensor-1 --properties all
  twinhub monitor-events --enqueued-time earliest --message-count 10 --output json
  twinhub monitor-events --source deviceConnectionStateEvents --timeout 0

Events of connections, twins, life cycles and jobs are made only while a route
of the hub is about them.

With --output json every event is one line, with --output table a row. Ctrl-C
ends it. When the hub goes away, it is waited for, and no event is missed.")]
pub struct Args {
    /// Only events of this device and its modules
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: Option<String>,
    /// Only events of modules of this name
    #[arg(long, short = 'm', value_name = "ID")]
    module_id: Option<String>,
    /// Consumer group, which must be there; each reader of it sees every event [default: $Default]
    #[arg(long, visible_alias = "cg", short = 'c', value_name = "NAME")]
    consumer_group: Option<String>,
    /// Media type that bodies are shown as, whatever their senders say
    #[arg(long, visible_alias = "ct", value_name = "TYPE")]
    content_type: Option<String>,
    /// Where to begin: a date, milliseconds since 1970, earliest or latest [default: latest]
    #[arg(long, visible_alias = "et", short = 'e', value_name = "TIME")]
    enqueued_time: Option<String>,
    /// Only these events, such as Telemetry or deviceConnectionStateEvents
    #[arg(long, value_name = "SOURCE", value_delimiter = ',')]
    source: Vec<String>,
    /// Only events with this text in their bodies
    #[arg(long, value_name = "TEXT")]
    content: Option<String>,
    /// Which properties to show
    #[arg(
        long,
        visible_alias = "props",
        short = 'p',
        value_enum,
        value_delimiter = ',',
        num_args = 1..
    )]
    properties: Vec<Properties>,
    /// Seconds without an event after which to end; 0 never ends
    #[arg(
        long,
        visible_alias = "to",
        short = 't',
        value_name = "SECONDS",
        default_value_t = 300
    )]
    timeout: u64,
    /// Events after which to end
    #[arg(long, visible_alias = "mc", value_name = "NUMBER")]
    message_count: Option<u64>,
    /// Taken for the sake of habits: nothing is asked
    #[arg(long, short = 'y', hide = true)]
    yes: bool,
    /// Taken for the sake of habits: there is nothing to repair
    #[arg(long, short = 'r', hide = true)]
    repair: bool,
}

/// A group of properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Properties {
    /// Annotations: what the hub stamped
    Anno,
    /// System properties: what the sender set and the hub knows
    Sys,
    /// Application properties: the sender's own
    App,
    /// All of them
    All,
}

pub async fn run(args: &Args, access: &Access, form: Option<Output>) -> Result<Answer, Failure> {
    let hub = access.hub().await?;
    let monitor = Monitor::new(args, form)?;
    tokio::select! {
        ended = monitor.follow(&hub) => ended?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(Answer::Nothing)
}

struct Monitor<'a> {
    query: String,
    shown: Shown<'a>,
    patience: Option<Duration>,
    most: Option<u64>,
}

/// Why there is nothing more to follow.
enum Ended {
    /// As many events as were asked for, or nobody reads what is printed.
    Enough,
    /// Nothing came for long enough.
    Silence,
    /// The stream ended; the last event that came.
    Broken(Option<String>),
}

impl<'a> Monitor<'a> {
    fn new(args: &'a Args, form: Option<Output>) -> Result<Self, Failure> {
        Ok(Monitor {
            query: args.query()?,
            shown: Shown::new(form, &args.properties, args.content_type.as_deref()),
            patience: (args.timeout > 0).then(|| Duration::from_secs(args.timeout)),
            most: args.message_count,
        })
    }

    async fn follow(&self, hub: &Hub) -> Result<(), Failure> {
        let mut resume: Option<String> = None;
        let mut seen = 0;
        let mut pause = FIRST_PAUSE;
        let mut was_there = false;
        loop {
            match hub.follow(PATH, &self.query, resume.as_deref()).await {
                Ok(answer) => {
                    if !was_there {
                        eprintln!("following the hub's events; Ctrl-C ends it");
                    } else if pause > FIRST_PAUSE {
                        eprintln!("note: the hub is back");
                    }
                    was_there = true;
                    pause = FIRST_PAUSE;
                    match self.read(EventStream::new(answer), &mut seen).await? {
                        Ended::Enough => return Ok(()),
                        Ended::Silence => {
                            eprintln!("note: nothing came for a while; --timeout 0 waits for ever");
                            return Ok(());
                        }
                        Ended::Broken(last) => resume = last.or(resume),
                    }
                }
                Err(Failure::NoHub(reason)) if was_there => {
                    if pause == FIRST_PAUSE {
                        eprintln!("note: waiting for the hub to come back: {reason}");
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(failure) => return Err(failure),
            }
            sleep(pause).await;
        }
    }

    async fn read(&self, mut stream: EventStream, seen: &mut u64) -> Result<Ended, Failure> {
        let mut last = None;
        let mut quiet_until = self.patience.map(|patience| Instant::now() + patience);
        loop {
            let said = match quiet_until {
                None => stream.next().await,
                Some(end) => match timeout_at(end, stream.next()).await {
                    Ok(said) => said,
                    Err(_) => return Ok(Ended::Silence),
                },
            };
            match said {
                None => return Ok(Ended::Broken(last)),
                Some(Said::Error(message)) => {
                    return Err(Failure::Other(anyhow::anyhow!(
                        "the hub can't go on: {message}"
                    )));
                }
                Some(Said::Here { id }) => last = Some(id),
                Some(Said::Event { id, document }) => {
                    last = Some(id);
                    quiet_until = self.patience.map(|patience| Instant::now() + patience);
                    if !self.shown.print(&document)? {
                        return Ok(Ended::Enough);
                    }
                    *seen += 1;
                    if self.most.is_some_and(|most| *seen >= most) {
                        return Ok(Ended::Enough);
                    }
                }
            }
        }
    }
}

impl Args {
    fn query(&self) -> Result<String, Failure> {
        let since = match self.enqueued_time.as_deref() {
            None => "latest".to_owned(),
            Some(word @ ("earliest" | "latest")) => word.to_owned(),
            Some(text) => moment(text)?.to_string(),
        };
        let mut pairs = vec![("since", since)];
        let given = [
            ("deviceId", &self.device_id),
            ("moduleId", &self.module_id),
            ("consumerGroup", &self.consumer_group),
            ("content", &self.content),
        ];
        for (name, value) in given {
            pairs.extend(value.clone().map(|value| (name, value)));
        }
        if !self.source.is_empty() {
            pairs.push(("source", self.source.join(",")));
        }
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", query_encoded(value)))
            .collect();
        Ok(pairs.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &[&str]) -> Args {
        Line::parse_from([&["monitor-events"], words].concat()).args
    }

    #[test]
    fn options_become_the_filters_of_the_stream() {
        let args = args(&[
            "-d",
            "pump 7",
            "-m",
            "sensor",
            "--cg",
            "$Default",
            "--et",
            "1700000000000",
            "--source",
            "Telemetry,twinChangeEvents",
            "--content",
            "hot & cold",
            "-y",
            "-r",
            "--props",
            "anno",
            "sys",
            "-t",
            "5",
            "--mc",
            "3",
        ]);

        assert_eq!(
            args.query().unwrap(),
            "since=2023-11-14T22%3A13%3A20.0000000Z&deviceId=pump%207&moduleId=sensor\
             &consumerGroup=%24Default&content=hot%20%26%20cold\
             &source=Telemetry%2CtwinChangeEvents"
        );
        assert_eq!(args.properties, [Properties::Anno, Properties::Sys]);
        assert_eq!((args.timeout, args.message_count), (5, Some(3)));
    }

    #[test]
    fn without_options_everything_from_now_on_is_followed_for_five_minutes_of_silence() {
        let args = args(&[]);

        assert_eq!(args.query().unwrap(), "since=latest");
        assert_eq!(args.timeout, 300);
    }
}
