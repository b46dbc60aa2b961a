//! How an event is printed: in the shape that `az iot hub monitor-events`
//! gives it.

use std::io::{self, Write as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::Properties;
use crate::cli::{answer::Output, failure::Failure};

/// The widest body in a row of a table, in characters.
const ROW_BODY: usize = 80;

/// What of an event is printed, and how.
pub struct Shown<'a> {
    form: Option<Output>,
    properties: &'a [Properties],
    content_type: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// In a form, with these groups of properties. `content_type` counts
    /// instead of what senders say.
    pub fn new(
        form: Option<Output>,
        properties: &'a [Properties],
        content_type: Option<&'a str>,
    ) -> Self {
        Shown {
            form,
            properties,
            content_type,
        }
    }

    /// Prints an event; `false` once nobody reads any more.
    pub fn print(&self, event: &Value) -> Result<bool, Failure> {
        let text = self.text(event);
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn text(&self, event: &Value) -> String {
        match self.form {
            None => format!("{:#}\n", self.document(event)),
            Some(Output::Json) => format!("{}\n", self.document(event)),
            Some(Output::Table) => self.row(event),
        }
    }

    fn document(&self, event: &Value) -> Value {
        let mut shown = json!({
            "origin": event["deviceId"],
            "module": text_of(&event["moduleId"]),
            "interface": text_of(&event["annotations"]["iothub-interface-id"]),
            "component": text_of(&event["annotations"]["dt-subject"]),
            "payload": self.payload(event),
        });
        if event["source"] != "Telemetry" {
            shown["source"] = event["source"].clone();
        }
        if self.shows(Properties::Anno) {
            shown["annotations"] = annotations(event);
        }
        let mut properties = Map::new();
        if self.shows(Properties::Sys) {
            properties.insert("system".to_owned(), event["systemProperties"].clone());
        }
        if self.shows(Properties::App) {
            properties.insert("application".to_owned(), event["properties"].clone());
        }
        if !properties.is_empty() {
            shown["properties"] = Value::Object(properties);
        }
        json!({ "event": shown })
    }

    fn shows(&self, group: Properties) -> bool {
        self.properties.contains(&group) || self.properties.contains(&Properties::All)
    }

    /// The body: JSON if it is said to be, else text, else base64.
    fn payload(&self, event: &Value) -> Value {
        let forced_json = self
            .content_type
            .is_some_and(|forced| forced.to_ascii_lowercase().contains("json"));
        if forced_json && let Some(parsed) = parsed(event) {
            return parsed;
        }
        match event.get("body") {
            Some(body) => body.clone(),
            None => event["bodyBase64"].clone(),
        }
    }

    fn row(&self, event: &Value) -> String {
        let who = match event["moduleId"].as_str() {
            Some(module) => format!("{}/{module}", text_of(&event["deviceId"])),
            None => text_of(&event["deviceId"]),
        };
        let body = match self.payload(event) {
            Value::String(text) => text.replace(char::is_control, " "),
            other => other.to_string(),
        };
        let body: String = body.chars().take(ROW_BODY).collect();
        let (time, source) = (text_of(&event["enqueuedTime"]), text_of(&event["source"]));
        format!("{time}  {who:24}  {source:12}  {body}\n")
    }
}

/// What the hub stamped, with the place of the event.
fn annotations(event: &Value) -> Value {
    let mut annotations = event["annotations"].clone();
    annotations["x-opt-sequence-number"] = event["sequenceNumber"].clone();
    annotations["x-opt-offset"] = event["offset"].clone();
    annotations["x-opt-enqueued-time"] = event["enqueuedTime"].clone();
    annotations["x-opt-partition"] = event["partition"].clone();
    annotations
}

fn parsed(event: &Value) -> Option<Value> {
    let bytes = BASE64_STANDARD.decode(event["bodyBase64"].as_str()?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Value {
        json!({
            "partition": 1, "sequenceNumber": 12, "offset": "34",
            "enqueuedTime": "2026-11-21T08:00:00.0000000Z",
            "deviceId": "pump-7", "moduleId": "sensor", "source": "Telemetry",
            "annotations": {"iothub-message-source": "Telemetry"},
            "systemProperties": {"message-id": "m-1"},
            "properties": {"hall": "7"},
            "body": "{\"t\": 1}", "bodyBase64": "eyJ0IjogMX0=",
        })
    }

    #[test]
    fn an_event_looks_as_az_shows_it() {
        let shown = Shown::new(None, &[], None).document(&event());

        assert_eq!(
            shown,
            json!({"event": {
                "origin": "pump-7", "module": "sensor", "interface": "", "component": "",
                "payload": "{\"t\": 1}",
            }})
        );
    }

    #[test]
    fn groups_of_properties_are_added_when_asked_for() {
        let all = Shown::new(None, &[Properties::All], None).document(&event());
        let app = Shown::new(None, &[Properties::App], None).document(&event());

        let expected = json!({"system": {"message-id": "m-1"}, "application": {"hall": "7"}});
        assert_eq!(all["event"]["properties"], expected);
        assert_eq!(all["event"]["annotations"]["x-opt-sequence-number"], 12);
        assert_eq!(
            app["event"]["properties"],
            json!({"application": {"hall": "7"}})
        );
        assert_eq!(app["event"].get("annotations"), None);
    }

    #[test]
    fn a_media_type_given_counts_instead_of_the_sender_s() {
        let shown = Shown::new(None, &[], Some("application/json")).document(&event());

        assert_eq!(shown["event"]["payload"], json!({"t": 1}));
    }

    #[test]
    fn json_is_a_line_and_a_table_row_has_no_line_breaks() {
        let mut event = event();
        event["body"] = json!("a\nb");

        let line = Shown::new(Some(Output::Json), &[], None).text(&event);
        let row = Shown::new(Some(Output::Table), &[], None).text(&event);

        assert_eq!(line.lines().count(), 1);
        assert_eq!(
            row,
            "2026-11-21T08:00:00.0000000Z  pump-7/sensor             Telemetry     a b\n"
        );
    }
}
