//! What a command has measured, as text or as rows of a Markdown table.

use std::io::{self, Write as _};

/// The measurements of one command.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<(String, String)>,
}

impl Report {
    /// A report of one measurement.
    pub fn of(what: impl Into<String>, figures: impl ToString) -> Self {
        let mut report = Self::default();
        report.add(what, figures);
        report
    }

    /// Adds a measurement.
    pub fn add(&mut self, what: impl Into<String>, figures: impl ToString) {
        self.lines.push((what.into(), figures.to_string()));
    }

    /// Writes it to standard output.
    pub fn print(&self, markdown: bool) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        for (what, figures) in &self.lines {
            if markdown {
                writeln!(out, "| {what} | {figures} |")?;
            } else {
                writeln!(out, "{what}: {figures}")?;
            }
        }
        Ok(())
    }
}

/// A whole number with commas between its thousands.
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (1000.0, "1,000"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
