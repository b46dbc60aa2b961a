//! IDs of several devices, by a pattern.
//!
//! `#` is in no ID: a run of them stands for a running number with as many
//! digits, so that the devices are listed in order.

/// The most devices that one form makes.
pub const MAX_COUNT: usize = 1_000;

/// Why a pattern makes no IDs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNames {
    /// Several devices of one name.
    #[error("Write # in the ID where the number goes, a # for each digit: pump-###.")]
    NoPlace,
    /// More than one run.
    #[error("The number has one place in the ID: write the # side by side.")]
    ManyPlaces,
    /// The number of devices can't be read, or is out of bounds.
    #[error("Give the number of devices, from 1 to {MAX_COUNT}.")]
    Count,
    /// The first number can't be read.
    #[error("Give the first number in digits.")]
    First,
    /// A number that is longer than its place.
    #[error("The last number, {0}, has more digits than there are # in the ID.")]
    TooLong(u64),
}

/// The IDs that a pattern makes: itself if it has no place for a number and
/// none is given.
pub fn expand(pattern: &str, count: &str, first: &str) -> Result<Vec<String>, InvalidNames> {
    let Some((before, rest)) = pattern.split_once('#') else {
        return match count {
            "" | "1" => Ok(vec![pattern.to_owned()]),
            _ => Err(InvalidNames::NoPlace),
        };
    };
    let after = rest.trim_start_matches('#');
    if after.contains('#') {
        return Err(InvalidNames::ManyPlaces);
    }
    let digits = pattern.len() - before.len() - after.len();
    let count: u64 = count.parse().map_err(|_| InvalidNames::Count)?;
    if count == 0 || count > MAX_COUNT as u64 {
        return Err(InvalidNames::Count);
    }
    let first: u64 = match first {
        "" => 1,
        first => first.parse().map_err(|_| InvalidNames::First)?,
    };
    let last = first.checked_add(count - 1).ok_or(InvalidNames::First)?;
    if last.to_string().len() > digits {
        return Err(InvalidNames::TooLong(last));
    }
    Ok((first..=last)
        .map(|number| format!("{before}{number:0digits$}{after}"))
        .collect())
}

/// What all IDs of a pattern begin with.
pub fn prefix(pattern: &str) -> &str {
    pattern.split('#').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_signs_is_a_number_with_as_many_digits() {
        assert_eq!(
            expand("p-##-x", "2", ""),
            Ok(vec!["p-01-x".into(), "p-02-x".into()])
        );
        assert_eq!(expand("p#", "2", "8"), Ok(vec!["p8".into(), "p9".into()]));
        assert_eq!(expand("p", "", ""), Ok(vec!["p".into()]));
        assert_eq!(prefix("p-##-x"), "p-");
    }

    #[test]
    fn a_pattern_that_makes_no_ids_says_why() {
        for (pattern, count, first, why) in [
            ("p", "2", "", InvalidNames::NoPlace),
            ("#p#", "2", "", InvalidNames::ManyPlaces),
            ("p#", "", "", InvalidNames::Count),
            ("p####", "1001", "", InvalidNames::Count),
            ("p#", "0", "", InvalidNames::Count),
            ("p#", "2", "x", InvalidNames::First),
            ("p#", "2", "18446744073709551615", InvalidNames::First),
            ("p#", "10", "", InvalidNames::TooLong(10)),
        ] {
            assert_eq!(
                expand(pattern, count, first),
                Err(why),
                "{pattern} {count} {first}"
            );
        }
    }
}
