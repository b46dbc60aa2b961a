//! What a command has measured: as text, as rows of a Markdown table, or as
//! JSON, an object per line.

use std::io::{self, Write as _};

use anyhow::ensure;
use serde_json::{Map, Value};

use crate::figures::Rate;

/// The measurements of one command.
#[derive(Debug, Default)]
pub struct Report {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    what: String,
    figures: String,
    values: Vec<(&'static str, f64)>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people at a terminal.
    Text,
    /// Rows of a Markdown table.
    Markdown,
    /// For programs.
    Json,
}

impl Report {
    /// A report of one measurement.
    pub fn of(what: impl Into<String>, figures: impl ToString) -> Self {
        let mut report = Self::default();
        report.add(what, figures);
        report
    }

    /// A report of one rate. A rate of nothing is an error: the latencies of
    /// what was not done look splendid.
    pub fn of_rate(what: impl Into<String>, rate: &Rate) -> anyhow::Result<Self> {
        ensure!(!rate.is_nothing(), "nothing was done: {rate}");
        let mut report = Self::default();
        report.add_values(what, rate, rate.values());
        Ok(report)
    }

    /// Adds a measurement.
    pub fn add(&mut self, what: impl Into<String>, figures: impl ToString) {
        self.add_values(what, figures, Vec::new());
    }

    /// Adds a measurement that programs can read, too.
    pub fn add_values(
        &mut self,
        what: impl Into<String>,
        figures: impl ToString,
        values: Vec<(&'static str, f64)>,
    ) {
        self.lines.push(Line {
            what: what.into(),
            figures: figures.to_string(),
            values,
        });
    }

    /// Writes it to standard output.
    pub fn print(&self, form: Form) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        for line in &self.lines {
            let Line { what, figures, .. } = line;
            match form {
                Form::Text => writeln!(out, "{what}: {figures}")?,
                Form::Markdown => writeln!(out, "| {what} | {figures} |")?,
                Form::Json => writeln!(out, "{}", line.to_json())?,
            }
        }
        Ok(())
    }
}

impl Line {
    fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("what".to_owned(), self.what.clone().into());
        for (name, value) in &self.values {
            object.insert((*name).to_owned(), (*value).into());
        }
        Value::Object(object)
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
