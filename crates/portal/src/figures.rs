//! How figures stand in a page: as English has them. `portal.js` writes them
//! as their reader does.

use std::fmt::Display;

use askama::filters::Safe;

/// A count, as `{{ devices|count }}`.
#[askama::filter_fn]
pub fn count(value: impl Display, _: &dyn askama::Values) -> askama::Result<Safe<String>> {
    let value = value.to_string();
    Ok(Safe(format!(
        "<data value=\"{value}\">{}</data>",
        grouped(&value)
    )))
}

/// A number of bytes, as `{{ bytes|size }}`.
#[askama::filter_fn]
pub fn size(bytes: impl Display, _: &dyn askama::Values) -> askama::Result<Safe<String>> {
    let bytes: u64 = bytes.to_string().parse().map_err(|_| askama::Error::Fmt)?;
    Ok(Safe(format!(
        "<data value=\"{bytes}\" data-unit=\"byte\">{}</data>",
        size_of(bytes)
    )))
}

/// `1234567.5` as `1,234,567.5`. What is no number stays as it is.
pub fn grouped(number: &str) -> String {
    let (sign, rest) = match number.strip_prefix('-') {
        Some(rest) => ("−", rest),
        None => ("", number),
    };
    let (whole, fraction) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    if whole.is_empty() || !whole.bytes().all(|digit| digit.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut written = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written + fraction
}

/// A size in the largest unit of which it has at least one.
pub fn size_of(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" });
    }
    let (mut size, mut unit) = (bytes as f64 / 1000.0, 0);
    // What would be written as a thousand is one of the next unit.
    while size >= 999.95 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let digits = format!("{size:.1}");
    let digits = digits.strip_suffix(".0").unwrap_or(&digits);
    format!("{} {}", grouped(digits), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use askama::Template;

    use super::*;
    use crate::filters;

    #[derive(Template)]
    #[template(source = "{{ devices|count }}, {{ bytes|size }}", ext = "html")]
    struct Figures {
        devices: usize,
        bytes: u64,
    }

    #[test]
    fn figures_are_written_for_people_and_kept_for_the_script() {
        let written = Figures {
            devices: 20_014,
            bytes: 51_204_820_992,
        };

        assert_eq!(
            written.render().unwrap(),
            "<data value=\"20014\">20,014</data>, \
             <data value=\"51204820992\" data-unit=\"byte\">51.2 GB</data>"
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, written) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("1234567", "1,234,567"),
            ("-1234.5", "−1,234.5"),
            ("0.05", "0.05"),
            ("unknown", "unknown"),
            ("", ""),
        ] {
            assert_eq!(grouped(number), written);
        }
    }

    #[test]
    fn a_size_is_in_the_largest_unit_that_leaves_at_least_one() {
        for (bytes, written) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1 MB"),
            (17_585_528, "17.6 MB"),
            (51_204_820_992, "51.2 GB"),
            (2_000_000_000_000_000, "2,000 TB"),
        ] {
            assert_eq!(size_of(bytes), written);
        }
    }
}
