//! Where a reader wants to begin: the selector filter of its source.
//!
//! Clients agree on the name of the filter and on the text in it, but on no
//! descriptor, and not on quotes around the value.
//! <https://learn.microsoft.com/azure/event-hubs/event-hubs-features#stream-offsets>

use twinhub_amqp_engine::value::{Map, Timestamp, Value};

/// The name of the filter in the source's map.
const SELECTOR: &str = "apache.org:selector-filter:string";
const ANNOTATION: &str = "amqp.annotation.";

/// Where a reader wants to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// At the oldest event there is.
    Oldest,
    /// With what comes from now on.
    Newest,
    /// Near the event of this offset.
    Offset(u64, Bound),
    /// Near the event of this sequence number.
    SequenceNumber(u64, Bound),
    /// Near this moment.
    Enqueued(Timestamp, Bound),
}

/// Whether what is named is read itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// From it on: `>=`.
    Inclusive,
    /// What is behind it: `>`.
    Exclusive,
}

/// The filter is none that is known here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter expression '{0}' can't be understood")]
pub(crate) struct UnknownFilter(String);

impl Beginning {
    /// Reads the filters of a source. Without a selector a reader begins at
    /// the oldest event; other filters choose nothing here.
    pub(crate) fn read(filters: &Map) -> Result<Self, UnknownFilter> {
        match filters.get(SELECTOR).map(Value::undescribed) {
            None | Some(Value::Null) => Ok(Beginning::Oldest),
            Some(Value::String(expression)) => {
                Self::parse(expression).ok_or_else(|| UnknownFilter(shown(expression)))
            }
            Some(_) => Err(UnknownFilter("(not a string)".to_owned())),
        }
    }

    /// `amqp.annotation.{name} > '{value}'`
    fn parse(expression: &str) -> Option<Self> {
        let expression = expression.trim().strip_prefix(ANNOTATION)?;
        let (name, comparison) = expression.split_at(expression.find('>')?);
        let comparison = comparison.strip_prefix('>')?;
        let (bound, value) = match comparison.strip_prefix('=') {
            Some(value) => (Bound::Inclusive, value),
            None => (Bound::Exclusive, comparison),
        };
        let value = unquoted(value.trim())?;
        match name.trim_end() {
            "x-opt-offset" => Self::position(value, |offset| Beginning::Offset(offset, bound)),
            "x-opt-sequence-number" => {
                Self::position(value, |number| Beginning::SequenceNumber(number, bound))
            }
            // The second name is that of readers older than AMQP 1.0 was in Azure.
            "x-opt-enqueued-time" | "x-opt-enqueuedtimeutc" => {
                let moment = Timestamp(value.parse().ok()?);
                Some(Beginning::Enqueued(moment, bound))
            }
            _ => None,
        }
    }

    fn position(value: &str, at: impl FnOnce(u64) -> Self) -> Option<Self> {
        match value {
            "-1" => Some(Beginning::Oldest),
            "@latest" => Some(Beginning::Newest),
            number => number.parse().ok().map(at),
        }
    }
}

/// The text between quotes, or all of it where there are none.
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('\'') {
        Some(rest) => rest.strip_suffix('\''),
        None => (!value.ends_with('\'')).then_some(value),
    }
}

/// As much of an expression as is told back.
fn shown(expression: &str) -> String {
    expression.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use twinhub_amqp_engine::descriptor::Descriptor;
    use twinhub_amqp_engine::value::{Described, Symbol};

    use super::*;

    fn of(expression: &str) -> Option<Beginning> {
        Beginning::parse(expression)
    }

    #[test]
    fn each_client_says_in_its_own_way_where_to_begin() {
        use Bound::{Exclusive, Inclusive};
        let time = Timestamp(1_700_000_000_000);
        for (expression, expected) in [
            ("amqp.annotation.x-opt-offset > '-1'", Beginning::Oldest),
            ("amqp.annotation.x-opt-offset >= '-1'", Beginning::Oldest),
            (
                "amqp.annotation.x-opt-offset > '@latest'",
                Beginning::Newest,
            ),
            ("amqp.annotation.x-opt-offset > @latest", Beginning::Newest),
            (
                "amqp.annotation.x-opt-offset > '4294967296'",
                Beginning::Offset(4_294_967_296, Exclusive),
            ),
            (
                "amqp.annotation.x-opt-offset >= 12",
                Beginning::Offset(12, Inclusive),
            ),
            (
                "amqp.annotation.x-opt-sequence-number > '7'",
                Beginning::SequenceNumber(7, Exclusive),
            ),
            (
                "amqp.annotation.x-opt-sequence-number >=7",
                Beginning::SequenceNumber(7, Inclusive),
            ),
            (
                "amqp.annotation.x-opt-sequence-number > '-1'",
                Beginning::Oldest,
            ),
            (
                "amqp.annotation.x-opt-enqueued-time > '1700000000000'",
                Beginning::Enqueued(time, Exclusive),
            ),
            (
                " amqp.annotation.x-opt-enqueuedtimeutc > 1700000000000 ",
                Beginning::Enqueued(time, Exclusive),
            ),
            (
                "amqp.annotation.x-opt-enqueued-time >= '-5'",
                Beginning::Enqueued(Timestamp(-5), Inclusive),
            ),
        ] {
            assert_eq!(of(expression), Some(expected), "{expression}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_not_guessed_at() {
        for expression in [
            "",
            "amqp.annotation.x-opt-offset",
            "amqp.annotation.x-opt-offset >",
            "amqp.annotation.x-opt-offset > ''",
            "amqp.annotation.x-opt-offset > 'soon'",
            "amqp.annotation.x-opt-offset > '-2'",
            "amqp.annotation.x-opt-offset > '7",
            "amqp.annotation.x-opt-offset > 7'",
            "amqp.annotation.x-opt-offset > '",
            "amqp.annotation.x-opt-offset < '7'",
            "amqp.annotation.x-opt-offset => '7'",
            "amqp.annotation.x-opt-offset > '18446744073709551616'",
            "amqp.annotation.x-opt-enqueued-time > '@latest'",
            "amqp.annotation.x-opt-enqueued-time > '2026-11-21T10:00:00Z'",
            "amqp.annotation.x-opt-partition-key > '7'",
            "x-opt-offset > '7'",
        ] {
            assert_eq!(of(expression), None, "{expression}");
        }
    }

    #[test]
    fn the_filter_is_known_by_its_name_whatever_describes_it() {
        let expression = || Value::from("amqp.annotation.x-opt-offset > '7'");
        let described = |descriptor: Descriptor| {
            Value::from(Described {
                descriptor,
                value: expression(),
            })
        };
        for value in [
            described(Symbol::from_static(SELECTOR).into()),
            described(0x4_68c0_0000_0004.into()),
            described(0x13_7000_000a.into()),
            expression(),
        ] {
            let by_symbol = Map::new().with(Symbol::from_static(SELECTOR), value.clone());
            let by_string = Map::new().with(SELECTOR, value);

            let expected = Ok(Beginning::Offset(7, Bound::Exclusive));
            assert_eq!(Beginning::read(&by_symbol), expected);
            assert_eq!(Beginning::read(&by_string), expected);
        }
    }

    #[test]
    fn without_a_selector_a_reader_begins_at_the_oldest_event() {
        let other = Map::new().with(Symbol::from_static("com.example:other"), "x > 1");

        assert_eq!(Beginning::read(&Map::new()), Ok(Beginning::Oldest));
        assert_eq!(Beginning::read(&other), Ok(Beginning::Oldest));
    }

    #[test]
    fn a_selector_that_is_no_text_is_refused() {
        let filters = Map::new().with(Symbol::from_static(SELECTOR), 7_i32);

        assert!(Beginning::read(&filters).is_err());
    }
}
