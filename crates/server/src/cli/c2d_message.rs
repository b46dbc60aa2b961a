//! `twinhub c2d-message`

use std::path::PathBuf;

use bytes::Bytes;
use clap::ValueEnum;
use hyper::Method;
use serde_json::{Value, json};
use twinhub_core::time::Timestamp;

use super::{access::Access, answer::Answer, failure::Failure, hub::Call, identity, properties};

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  twinhub c2d-message send --device-id sensor-1 --data 'open the valve'
  twinhub c2d-message purge --device-id sensor-1")]
pub enum Command {
    /// Send a message to a device or module
    Send(Box<Send>),
    /// Remove all messages that wait for a device or module
    #[command(after_help = "\
Examples:
  twinhub c2d-message purge -d sensor-1
  twinhub c2d-message purge -d sensor-1 -m thermostat")]
    Purge(Target),
}

#[derive(Debug, clap::Args)]
pub struct Target {
    /// Device; upper and lower case count
    #[arg(long, short = 'd', value_name = "ID")]
    device_id: String,
    /// Module; upper and lower case count
    #[arg(long, short = 'm', value_name = "ID")]
    module_id: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub c2d-message send -d sensor-1 --data 'open the valve' --props 'priority=high;once'
  twinhub c2d-message send -d sensor-1 --data '{\"valve\": 3}' --content-type application/json --content-encoding utf-8
  twinhub c2d-message send -d sensor-1 --data-file-path firmware.bin --ack full --expiry-time-utc 2026-12-24T18:00:00Z")]
pub struct Send {
    #[command(flatten)]
    target: Target,
    /// Body of the message [default: Ping from twinhub]
    #[arg(long, visible_alias = "da", value_name = "TEXT")]
    data: Option<String>,
    /// File with the body of the message
    #[arg(
        long,
        visible_alias = "dfp",
        value_name = "FILE",
        conflicts_with = "data"
    )]
    data_file_path: Option<PathBuf>,
    /// Application properties: NAME=VALUE;NAME=VALUE
    #[arg(long, visible_alias = "props", short = 'p', value_name = "PAIRS")]
    properties: Option<String>,
    /// ID of the message; made when left out
    #[arg(long, visible_alias = "mid", value_name = "ID")]
    message_id: Option<String>,
    /// What the message belongs to
    #[arg(long, visible_alias = "cid", value_name = "ID")]
    correlation_id: Option<String>,
    /// Who the message is from
    #[arg(long, visible_alias = "uid", value_name = "ID")]
    user_id: Option<String>,
    /// Media type of the body
    #[arg(long, visible_alias = "ct", value_name = "TYPE")]
    content_type: Option<String>,
    /// Encoding of the body
    #[arg(long, visible_alias = "ce", value_name = "ENCODING")]
    content_encoding: Option<String>,
    /// When the message is of no use any more: a date, or milliseconds since 1970
    #[arg(long, visible_alias = "expiry", value_name = "TIME")]
    expiry_time_utc: Option<String>,
    /// Which feedback to ask for
    #[arg(long, value_enum)]
    ack: Option<Ack>,
    /// Taken for the sake of habits: nothing is asked
    #[arg(long, short = 'y', hide = true)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ack {
    /// No feedback
    None,
    /// When it was completed
    Positive,
    /// When it never will be
    Negative,
    /// Both
    Full,
}

pub async fn run(command: &Command, access: &Access) -> Result<Answer, Failure> {
    match command {
        Command::Send(send) => send.run(access).await,
        Command::Purge(target) => target.purge(access).await,
    }
}

impl Target {
    fn path(&self) -> Vec<&str> {
        identity::path(&self.device_id, self.module_id.as_deref())
    }

    async fn purge(&self, access: &Access) -> Result<Answer, Failure> {
        let mut path = self.path();
        path.push("commands");
        let hub = access.hub().await?;
        let purged = hub.send(Call::new(Method::DELETE, &path)).await?;
        Ok(Answer::Documents {
            value: purged,
            columns: &["deviceId", "moduleId", "totalMessagesPurged"],
        })
    }
}

impl Send {
    async fn run(&self, access: &Access) -> Result<Answer, Failure> {
        let body = self.body()?;
        let message_id = match &self.message_id {
            Some(id) => id.clone(),
            None => uuid::Uuid::new_v4().to_string(),
        };
        let headers = self.headers(&message_id)?;
        let mut path = self.target.path();
        path.extend(["messages", "deviceBound"]);
        let hub = access.hub().await?;
        hub.post_message(&path, &headers, body).await?;
        let mut sent = json!({
            "deviceId": self.target.device_id,
            "messageId": message_id,
        });
        if let Some(module) = &self.target.module_id {
            sent["moduleId"] = Value::from(module.as_str());
        }
        Ok(Answer::Documents {
            value: sent,
            columns: &["deviceId", "moduleId", "messageId"],
        })
    }

    fn body(&self) -> Result<Bytes, Failure> {
        let Some(file) = &self.data_file_path else {
            let text = self.data.as_deref().unwrap_or("Ping from twinhub");
            return Ok(Bytes::copy_from_slice(text.as_bytes()));
        };
        std::fs::read(file).map(Bytes::from).map_err(|error| {
            Failure::Usage(format!(
                "--data-file-path names {}, which can't be read: {error}",
                file.display()
            ))
        })
    }

    fn headers(&self, message_id: &str) -> Result<Vec<(String, String)>, Failure> {
        let expiry = self.expiry_time_utc.as_deref().map(moment).transpose()?;
        let ack = self.ack.and_then(|ack| ack.to_possible_value());
        let system = [
            ("iothub-messageid", Some(message_id.to_owned())),
            ("iothub-correlationid", self.correlation_id.clone()),
            ("iothub-userid", self.user_id.clone()),
            ("iothub-contenttype", self.content_type.clone()),
            ("iothub-contentencoding", self.content_encoding.clone()),
            ("iothub-expiry", expiry.map(|moment| moment.to_string())),
            ("iothub-ack", ack.map(|ack| ack.get_name().to_owned())),
        ];
        let mut headers: Vec<(String, String)> = system
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        let given = self.properties.as_deref().unwrap_or_default();
        for (name, value) in properties::parse("--properties", given)? {
            headers.push((format!("iothub-app-{name}"), value.unwrap_or_default()));
        }
        Ok(headers)
    }
}

/// `az` takes milliseconds since 1970; a date is easier to write.
pub fn moment(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(milliseconds) = text.parse::<u64>() {
        let whole = Timestamp::from_unix_seconds(milliseconds / 1000);
        return Ok(whole.plus(std::time::Duration::from_millis(milliseconds % 1000)));
    }
    Timestamp::parse(text).ok_or_else(|| {
        Failure::Usage(format!(
            "{text:?} is no time: write 2026-12-24T18:00:00Z, or milliseconds since 1970"
        ))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        send: Send,
    }

    #[test]
    fn the_words_of_az_become_the_headers_of_a_message() {
        let line = Line::parse_from([
            "send",
            "-d",
            "pump-7",
            "--props",
            "Hall=7;flag",
            "--mid",
            "m-1",
            "--cid",
            "c-1",
            "--uid",
            "u-1",
            "--ct",
            "text/plain",
            "--ce",
            "utf-8",
            "--expiry",
            "1700000000500",
            "--ack",
            "full",
            "-y",
        ]);

        let headers = line.send.headers("m-1").unwrap();

        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            headers,
            [
                ("iothub-messageid", "m-1"),
                ("iothub-correlationid", "c-1"),
                ("iothub-userid", "u-1"),
                ("iothub-contenttype", "text/plain"),
                ("iothub-contentencoding", "utf-8"),
                ("iothub-expiry", "2023-11-14T22:13:20.5000000Z"),
                ("iothub-ack", "full"),
                ("iothub-app-Hall", "7"),
                ("iothub-app-flag", ""),
            ]
        );
    }

    #[test]
    fn a_time_is_a_date_or_a_number() {
        assert_eq!(
            moment("1700000000000").unwrap(),
            moment("2023-11-14T22:13:20Z").unwrap()
        );
        assert_eq!(moment("tomorrow").unwrap_err().exit_code(), 2);
    }
}
