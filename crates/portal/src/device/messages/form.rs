//! The form of a message, and the message that it becomes.

use std::time::Duration;

use twinhub_core::time::Timestamp;

use crate::fields::Fields;
use crate::json_text::parse_raw;
use crate::pairs;
use crate::problems::Problems;

/// Azure's words for what the sender wants to hear of, and what they mean.
pub const ACKNOWLEDGEMENTS: [(&str, &str); 4] = [
    ("none", "none"),
    ("positive", "positive: when it is completed"),
    (
        "negative",
        "negative: when it is rejected, expires or can't be delivered",
    ),
    ("full", "full: both"),
];
/// What stands in names of headers, beside letters and digits.
const NAME_MARKS: &str = "!#$%&'*+-.^_`|~";

/// A message, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageForm {
    /// Whether the body is JSON.
    pub is_json: bool,
    /// The body.
    pub body: String,
    /// `name=value` in each line.
    pub properties: String,
    /// Empty for none.
    pub message_id: String,
    /// Empty for none.
    pub correlation_id: String,
    /// In minutes; empty for the hub's own time.
    pub expires_in: String,
    /// In the API's word.
    pub acknowledgement: String,
}

/// A message to send: properties as headers with their spelling, and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Names and values of headers.
    pub properties: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Default for MessageForm {
    fn default() -> Self {
        MessageForm::read(&Fields::default())
    }
}

impl MessageForm {
    /// As it was sent.
    pub fn read(fields: &Fields) -> Self {
        let text = |name| fields.given(name).unwrap_or_default().to_owned();
        MessageForm {
            is_json: fields.get("format") == "json",
            body: fields.text("body"),
            properties: fields.text("properties"),
            message_id: text("message-id"),
            correlation_id: text("correlation-id"),
            expires_in: text("expires-in"),
            acknowledgement: fields.given("ack").unwrap_or("none").to_owned(),
        }
    }

    /// The message, or what does not fit.
    pub fn prepare(&self, now: Timestamp) -> Result<Prepared, Problems> {
        let mut problems = Problems::default();
        let mut properties = Vec::new();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                properties.push((name.to_owned(), value.to_owned()));
            }
        };
        add("iothub-messageid", &self.message_id);
        add("iothub-correlationid", &self.correlation_id);
        add("iothub-ack", &self.acknowledgement);
        if self.is_json {
            add("iothub-contenttype", "application/json");
            add("iothub-contentencoding", "utf-8");
            match parse_raw(&self.body) {
                Ok(Some(_)) => {}
                Ok(None) => problems.add("body", "Write the JSON to send."),
                Err(error) => problems.add("body", error),
            }
        }
        let expiry = expiry(&self.expires_in, now);
        add("iothub-expiry", &problems.take("expires-in", expiry));
        properties.extend(problems.take("properties", own(&self.properties)));
        for (field, value) in [
            ("message-id", &self.message_id),
            ("correlation-id", &self.correlation_id),
        ] {
            if value.chars().any(char::is_control) {
                problems.add(field, "An ID has no control characters.");
            }
        }
        problems.none()?;
        Ok(Prepared {
            properties,
            body: self.body.clone(),
        })
    }
}

/// The moment in so many minutes; empty if nothing is said.
fn expiry(minutes: &str, now: Timestamp) -> Result<String, &'static str> {
    if minutes.is_empty() {
        return Ok(String::new());
    }
    match minutes.parse::<u32>() {
        Ok(minutes) if minutes > 0 => {
            let span = Duration::from_secs(60 * u64::from(minutes));
            Ok(now.plus(span).to_string())
        }
        _ => Err("Give a whole number of minutes from 1 on."),
    }
}

/// Properties of the sender's own, one in a line.
fn own(text: &str) -> Result<Vec<(String, String)>, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || NAME_MARKS.contains(letter);
    let mut properties = Vec::new();
    for pair in pairs::parse(text, '=')? {
        let at = |problem: &str| Err(format!("Line {}: {problem}", pair.line));
        if !pair.name.chars().all(fits) {
            return at("a name has letters, digits and ! # $ % & ' * + - . ^ _ ` | ~ only.");
        }
        if pair.value.chars().any(char::is_control) {
            return at("a value has no control characters.");
        }
        properties.push((format!("iothub-app-{}", pair.name), pair.value));
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(sent: &str) -> Result<Prepared, Problems> {
        let form = MessageForm::read(&Fields::parse(sent.as_bytes()));
        form.prepare(Timestamp::parse("2026-11-21T08:00:00Z").unwrap())
    }

    #[test]
    fn a_form_becomes_a_message_with_its_properties() {
        let sent = "format=json&body=%7B%7D&message-id=m&expires-in=60&ack=full\
                    &properties=MaxTemp%3D21%0D%0A%0D%0A+note+%3D+a%3Db";

        let message = prepare(sent).unwrap();

        let text: Vec<_> = message
            .properties
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        assert_eq!(
            text,
            [
                "iothub-messageid: m",
                "iothub-ack: full",
                "iothub-contenttype: application/json",
                "iothub-contentencoding: utf-8",
                "iothub-expiry: 2026-11-21T09:00:00.0000000Z",
                "iothub-app-MaxTemp: 21",
                "iothub-app-note: a=b",
            ]
        );
        assert_eq!(message.body, "{}");
    }

    #[test]
    fn lines_of_a_text_end_as_they_were_typed() {
        let message = prepare("body=one%0D%0Atwo").unwrap();

        assert_eq!(message.body, "one\ntwo");
        assert_eq!(
            message.properties,
            [("iothub-ack".to_owned(), "none".to_owned())]
        );
    }

    #[test]
    fn each_field_that_does_not_fit_is_told() {
        let problems = prepare("format=json&body=%7B&expires-in=soon&properties=a%3D1%0Ab");

        let problems = problems.unwrap_err();
        assert!(problems.at("body").is_some() && problems.at("expires-in").is_some());
        let told = problems.at("properties").unwrap();
        assert!(told.starts_with("Line 2 has no '='"), "{told}");
        assert_eq!(problems.at("message-id"), None);
        assert!(prepare("properties=a+b%3D1").is_err());
        assert!(prepare("properties=%3D1").is_err());
    }
}
