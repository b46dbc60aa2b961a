//! Moments as the API tells them, and as pages show them.

use std::fmt;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Deserializer, de};
use twinhub_core::time::Timestamp;

/// A moment. It shows in UTC, which a script replaces by the reader's time:
/// `<time datetime="{{ moment.datetime() }}">{{ moment }}</time>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Timestamp);

impl Moment {
    /// Reads RFC 3339, as the REST API writes it, or the date of the resource
    /// provider, which is that of HTTP.
    pub fn parse(text: &str) -> Option<Self> {
        Timestamp::parse(text)
            .or_else(|| {
                let moment = httpdate::parse_http_date(text).ok()?;
                let since = moment.duration_since(UNIX_EPOCH).ok()?;
                Some(Timestamp::from_unix_seconds(since.as_secs()))
            })
            .map(Moment)
    }

    /// For the attribute `datetime`.
    pub fn datetime(&self) -> String {
        self.0.to_string()
    }

    /// Whether it is over.
    pub fn is_before(&self, now: Timestamp) -> bool {
        self.0 < now
    }
}

/// To the second, in UTC.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.datetime();
        match (text.get(..10), text.get(11..19)) {
            (Some(date), Some(time)) => write!(f, "{date} {time} UTC"),
            _ => f.write_str(&text),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Moment::parse(&text).ok_or_else(|| de::Error::custom(format!("{text:?} is no date")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_both_apis_show_alike() {
        for text in [
            "2020-09-13T12:26:40.0000000Z",
            "Sun, 13 Sep 2020 12:26:40 GMT",
        ] {
            let moment = Moment::parse(text).unwrap();

            assert_eq!(moment.to_string(), "2020-09-13 12:26:40 UTC", "{text}");
            assert_eq!(moment.datetime(), "2020-09-13T12:26:40.0000000Z", "{text}");
        }
        assert_eq!(Moment::parse("soon"), None);
    }
}
