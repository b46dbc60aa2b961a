//! What simulated devices send.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands as it is in a topic's property bag.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A body with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// A template; what is no placeholder stays as it is.
    pub fn new(text: &str) -> Self {
        Template(text.to_owned())
    }

    /// The body of a device's message of this number.
    pub fn fill(&self, device: &str, number: u64, time: &str) -> String {
        let random = random(device, number);
        self.0
            .replace("{device}", device)
            .replace("{number}", &number.to_string())
            .replace("{time}", time)
            .replace("{random}", &format!("{random:.2}"))
    }
}

/// A number from 0 to 100 that looks random, and is the same in each run.
fn random(device: &str, number: u64) -> f64 {
    let seed = device.bytes().fold(number, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (seed ^ (seed >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let percent = u32::try_from(mixed >> 40).unwrap_or_default() % 10_001;
    f64::from(percent) / 100.0
}

/// The properties of every message, as the end of its topic: JSON in UTF-8,
/// and the user's own.
pub fn property_bag(own: &[(String, Option<String>)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut bag = "$.ct=application%2Fjson&$.ce=utf-8".to_owned();
    for (name, value) in own {
        let _ = write!(bag, "&{}", encode(name));
        if let Some(value) = value {
            let _ = write!(bag, "={}", encode(value));
        }
    }
    bag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let template = Template::new(r#"{"d": "{device}", "n": {number}, "t": "{time}", "x": {}}"#);

        assert_eq!(
            template.fill("sim-1", 3, "now"),
            r#"{"d": "sim-1", "n": 3, "t": "now", "x": {}}"#
        );
    }

    #[test]
    fn random_numbers_lie_between_0_and_100_and_differ() {
        let numbers: Vec<f64> = (0..100).map(|number| random("sim-1", number)).collect();

        assert!(numbers.iter().all(|number| (0.0..=100.0).contains(number)));
        assert!(numbers.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_bag_is_encoded_and_says_what_the_body_is() {
        let own = [
            ("hall".to_owned(), Some("a&b=c".to_owned())),
            ("flag".to_owned(), None),
        ];

        assert_eq!(
            property_bag(&own),
            "$.ct=application%2Fjson&$.ce=utf-8&hall=a%26b%3Dc&flag"
        );
    }
}
