//! Which events are asked for.

use std::time::Duration;

use twinhub_core::time::Timestamp;

use crate::client::{Call, encoded};
use crate::fields::Fields;

/// The kinds of events, by the API's names and by ours.
pub const SOURCES: [(&str, &str); 6] = [
    ("Telemetry", "Telemetry"),
    ("twinChangeEvents", "Twin changes"),
    ("deviceLifecycleEvents", "Device life cycle"),
    ("deviceConnectionStateEvents", "Connection state"),
    ("deviceJobLifecycleEvents", "Job life cycle"),
    ("digitalTwinChangeEvents", "Digital twin changes"),
];

/// Where a list may begin, by what stands in the address.
pub const BEGINNINGS: [(&str, &str); 7] = [
    ("", "The last ones"),
    ("now", "Now"),
    ("1m", "1 minute ago"),
    ("5m", "5 minutes ago"),
    ("1h", "1 hour ago"),
    ("1d", "1 day ago"),
    ("earliest", "The beginning"),
];

/// How many events of each partition are looked at for the last ones.
const LAST: u64 = 100;
/// The same when only some of them are shown.
const LAST_FILTERED: u64 = 2_000;

/// What is asked for. What is not given lets all events through; what does not
/// fit is left to the API to refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A device's, and its modules'.
    pub device: Option<String>,
    /// Of modules of this name.
    pub module: Option<String>,
    /// One of [`SOURCES`].
    pub source: Option<String>,
    /// With this in the body.
    pub content: Option<String>,
    /// In this partition.
    pub partition: Option<String>,
    /// In the name of this consumer group.
    pub group: Option<String>,
    /// One of [`BEGINNINGS`], or a date.
    pub from: Option<String>,
}

impl Filter {
    /// Reads an address, with the names of the API as far as it has them.
    pub fn asked(fields: &Fields) -> Self {
        let given = |name: &str| fields.given(name).map(str::to_owned);
        Filter {
            device: given("deviceId"),
            module: given("moduleId"),
            source: given("source"),
            // Blanks may be what is looked for.
            content: Some(fields.get("content").to_owned()).filter(|text| !text.is_empty()),
            partition: given("partition"),
            group: given("consumerGroup"),
            from: given("from"),
        }
    }

    /// What stands in the address. A page of a device names it `id`.
    pub fn query(&self, is_of_device: bool) -> String {
        let device = if is_of_device { "id" } else { "deviceId" };
        let fields = [
            (device, &self.device),
            ("moduleId", &self.module),
            ("source", &self.source),
            ("content", &self.content),
            ("partition", &self.partition),
            ("consumerGroup", &self.group),
            ("from", &self.from),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| {
            let value = value.as_deref()?;
            Some(format!("{name}={}", encoded(value)))
        });
        given.collect::<Vec<_>>().join("&")
    }

    /// Whether one of the fields is used that are folded away.
    pub fn has_more(&self) -> bool {
        self.module.is_some() || self.partition.is_some() || self.group.is_some() || self.is_dated()
    }

    /// Whether the list begins at a date or before a span of its own. What is
    /// neither is no choice for the next time.
    pub fn is_dated(&self) -> bool {
        let known = |from: &str| BEGINNINGS.iter().any(|(name, _)| *name == from);
        let means_something = |from: &str| span(from).is_some() || Timestamp::parse(from).is_some();
        let from = self.from.as_deref();
        from.is_some_and(|from| !known(from) && means_something(from))
    }

    /// Where the list begins, as in the address.
    pub fn beginning(&self) -> &str {
        self.from.as_deref().unwrap_or_default()
    }

    /// The value of a field, for a form.
    pub fn value<'f>(&self, field: &'f Option<String>) -> &'f str {
        field.as_deref().unwrap_or_default()
    }

    /// How many of the events that are there are looked at in each partition,
    /// when it is the last ones that are asked for.
    pub fn last(&self) -> Option<u64> {
        match (&self.from, self.leaves_out()) {
            (Some(_), _) => None,
            (None, false) => Some(LAST),
            (None, true) => Some(LAST_FILTERED),
        }
    }

    /// Whether some of the events of a partition are not shown.
    pub fn leaves_out(&self) -> bool {
        let fields = [&self.device, &self.module, &self.source, &self.content];
        fields.into_iter().any(Option::is_some)
    }

    /// The call that reads what is there. Nothing if only what comes is asked
    /// for.
    pub fn stored(&self, now: Timestamp) -> Option<Call> {
        let call = self.call().query("until", "latest");
        match (self.from.as_deref(), self.last()) {
            (Some("now"), _) => None,
            (Some(from), _) => Some(call.query("since", &since(from, now))),
            (None, last) => {
                let last = last.unwrap_or(LAST).to_string();
                Some(call.query("last", &last))
            }
        }
    }

    /// The call that follows what comes, from the place of a stream before, or
    /// from where the list begins.
    pub fn following(&self, place: Option<&str>, now: Timestamp) -> Call {
        let call = self.call();
        match (place, self.from.as_deref()) {
            (Some(place), _) => call.header(http::HeaderName::from_static("last-event-id"), place),
            (None, None | Some("now")) => call,
            (None, Some(from)) => call.query("since", &since(from, now)),
        }
    }

    fn call(&self) -> Call {
        let fields = [
            ("deviceId", &self.device),
            ("moduleId", &self.module),
            ("source", &self.source),
            ("content", &self.content),
            ("partition", &self.partition),
            ("consumerGroup", &self.group),
        ];
        let call = Call::get(["twinhub", "v1", "events"]);
        fields.into_iter().fold(call, |call, (name, value)| {
            let value = value.as_deref();
            value.map_or_else(|| call.clone(), |value| call.clone().query(name, value))
        })
    }
}

/// A date for the API; what is neither a date nor a span is the API's to refuse.
fn since(from: &str, now: Timestamp) -> String {
    match span(from) {
        Some(span) => now.minus(span).to_string(),
        None => from.to_owned(),
    }
}

/// `90s`, `5m`, `1h` or `7d`.
fn span(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let count: u32 = digits.parse().ok()?;
    Some(Duration::from_secs(u64::from(count) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Filter {
        Filter::asked(&Fields::parse(query.as_bytes()))
    }

    #[test]
    fn an_address_says_the_same_again() {
        let query = "deviceId=pump%207&moduleId=m&source=Telemetry&content=%20hot&partition=3\
                     &consumerGroup=reports&from=5m";

        assert_eq!(asked(query).query(false), query);
        assert_eq!(asked("deviceId=&content=&from=").query(false), "");
        assert_eq!(asked("deviceId=pump").query(true), "id=pump");
    }

    #[test]
    fn a_beginning_is_a_span_a_date_or_a_word() {
        let now = Timestamp::parse("2026-11-21T08:00:00Z").unwrap();

        assert_eq!(since("5m", now), "2026-11-21T07:55:00.0000000Z");
        assert_eq!(since("2d", now), "2026-11-19T08:00:00.0000000Z");
        for literal in [
            "earliest",
            "2026-11-21T07:00:00Z",
            "m",
            "",
            "-5m",
            "5 m",
            "ü",
        ] {
            assert_eq!(since(literal, now), literal);
        }
    }

    #[test]
    fn the_last_ones_are_looked_for_further_back_when_some_are_left_out() {
        assert_eq!(asked("").last(), Some(LAST));
        assert_eq!(asked("partition=1").last(), Some(LAST));
        assert_eq!(asked("deviceId=pump").last(), Some(LAST_FILTERED));
        assert_eq!(asked("from=1h").last(), None);
    }

    #[test]
    fn a_date_is_no_choice_of_the_list() {
        assert!(asked("from=2026-11-21T08:00:00Z").is_dated());
        assert!(asked("from=7m").is_dated());
        assert!(!asked("from=5m").is_dated());
        assert!(!asked("from=beginning").is_dated());
        assert!(!asked("").is_dated());
    }
}
