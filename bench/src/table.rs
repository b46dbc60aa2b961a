//! `table`: many runs side by side, as a Markdown table of medians.
//!
//! A line per run: what was measured, the name of the value that counts, the
//! server, and the JSON that the run printed, with tabs between them. Rows and
//! columns stand in the order in which the lines first name them.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::Value;

use crate::report::grouped;

/// A generator that was busier than this may have been the limit.
const BUSY: f64 = 0.95;

/// Which runs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with a line per run
    #[arg(value_name = "FILE")]
    runs: PathBuf,
    /// The server that others are compared with
    #[arg(long, value_name = "NAME", default_value = "mosquitto")]
    baseline: String,
}

/// One run.
#[derive(Debug)]
struct Run {
    what: String,
    value: String,
    server: String,
    number: f64,
    generator_busy: f64,
}

/// Prints the table.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let runs = read(&args.runs)?;
    let table = table(&runs, &args.baseline);
    io::stdout().lock().write_all(table.as_bytes())?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<Run>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    text.lines()
        .map(|line| Run::parse(line).with_context(|| format!("not a run: {line}")))
        .collect()
}

impl Run {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(4, '\t');
        let mut field = || fields.next().map(str::to_owned);
        let (what, value, server) = (field()?, field()?, field()?);
        let json: Value = serde_json::from_str(&field()?).ok()?;
        Some(Self {
            number: json.get(&value)?.as_f64()?,
            generator_busy: json
                .get("generator_busy")
                .and_then(Value::as_f64)
                .unwrap_or_default(),
            what,
            value,
            server,
        })
    }
}

fn table(runs: &[Run], baseline: &str) -> String {
    let servers = in_order(runs.iter().map(|run| run.server.as_str()));
    let rows = in_order(
        runs.iter()
            .map(|run| (run.what.as_str(), run.value.as_str())),
    );
    let mut text = format!("| | {} |\n", servers.join(" | "));
    text.push_str(&format!("|---|{}\n", "---|".repeat(servers.len())));
    for (what, value) in rows {
        let of = |server: &str| {
            let matching = runs
                .iter()
                .filter(|run| run.what == what && run.value == value && run.server == server);
            Cell::of(matching)
        };
        let base = of(baseline).map(|cell| cell.number);
        let cells = servers.iter().map(|server| match of(server) {
            None => "-".to_owned(),
            Some(cell) => cell.show(value, base.filter(|_| *server != baseline)),
        });
        let cells: Vec<String> = cells.collect();
        text.push_str(&format!("| {what} | {} |\n", cells.join(" | ")));
    }
    text
}

fn in_order<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

/// The median of some runs.
struct Cell {
    number: f64,
    generator_was_busy: bool,
}

impl Cell {
    fn of<'a>(runs: impl Iterator<Item = &'a Run>) -> Option<Self> {
        let mut runs: Vec<&Run> = runs.collect();
        runs.sort_by(|one, other| one.number.total_cmp(&other.number));
        let middle = runs.get(runs.len() / 2)?;
        Some(Self {
            number: middle.number,
            generator_was_busy: middle.generator_busy > BUSY,
        })
    }

    fn show(&self, value: &str, base: Option<f64>) -> String {
        let number = match value {
            "rate" => format!("{}/s", grouped(self.number)),
            _ if value.ends_with("_ms") => format!("{:.2} ms", self.number),
            _ if value.ends_with("_kb") => format!("{:.1} KB", self.number),
            _ => grouped(self.number),
        };
        let mark = if self.generator_was_busy { " \\*" } else { "" };
        match base {
            Some(base) if base > 0.0 => {
                format!("{number}{mark} ({:.2})", self.number / base)
            }
            _ => format!("{number}{mark}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_medians_of_all_servers_and_their_ratios() {
        let runs: Vec<Run> = [
            "many\trate\thub\t{\"rate\":3000}",
            "many\trate\tmosquitto\t{\"rate\":1000}",
            "many\trate\thub\t{\"rate\":9000,\"generator_busy\":0.5}",
            "many\trate\thub\t{\"rate\":4000,\"generator_busy\":0.99}",
            "slow\tp99_ms\thub\t{\"p99_ms\":2.5}",
        ]
        .map(|line| Run::parse(line).unwrap())
        .into();

        let table = table(&runs, "mosquitto");

        assert_eq!(
            table,
            "| | hub | mosquitto |\n|---|---|---|\n\
             | many | 4,000/s \\* (4.00) | 1,000/s |\n\
             | slow | 2.50 ms | - |\n"
        );
    }

    #[test]
    fn a_run_without_its_value_is_no_run() {
        assert!(Run::parse("many\trate\thub\t{\"p99_ms\":1}").is_none());
        assert!(Run::parse("many\trate").is_none());
    }
}
