//! What a command prints on standard output.

use std::io::{self, Write};

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::failure::Failure;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Indented JSON
    Json,
    /// Columns for people
    Table,
}

/// What a command prints.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// Nothing: the exit code says it all.
    Nothing,
    /// A document or a list of documents.
    Documents {
        /// The document or list.
        value: Value,
        /// Columns of its table, as paths; nested members after a dot.
        columns: &'static [&'static str],
    },
    /// Rows of any columns: each a member of the rows that have it.
    Rows {
        /// The rows.
        rows: Vec<Value>,
        /// The columns of their table.
        columns: Vec<String>,
    },
    /// A single text, printed bare unless JSON is asked for.
    Text {
        /// The member that holds it in JSON.
        name: &'static str,
        /// The text.
        text: String,
    },
    /// Lines for a shell, whatever form is asked for.
    Shell(String),
}

impl Answer {
    /// Prints the answer. A reader that has gone away is no failure.
    pub fn print(self, form: Option<Output>) -> Result<(), Failure> {
        let text = self.render(form);
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn render(self, form: Option<Output>) -> String {
        match (self, form) {
            (Self::Nothing, _) => String::new(),
            (Self::Shell(lines), _) => lines,
            (Self::Documents { value, columns }, Some(Output::Table)) => table(&value, columns),
            (Self::Documents { value, .. }, _) => format!("{value:#}\n"),
            (Self::Rows { rows, columns }, Some(Output::Table)) => {
                let cell =
                    |row: &Value, name: &String| row.get(name).map_or_else(String::new, shown);
                drawn(
                    &rows,
                    columns.iter().map(|name| capitalized(name)),
                    &columns,
                    cell,
                )
            }
            (Self::Rows { rows, .. }, _) => format!("{:#}\n", Value::Array(rows)),
            (Self::Text { name, text }, Some(Output::Json)) => {
                format!("{:#}\n", json!({ name: text }))
            }
            (Self::Text { text, .. }, _) => format!("{text}\n"),
        }
    }
}

fn table(value: &Value, columns: &[&str]) -> String {
    let rows = match value {
        Value::Array(rows) => rows.as_slice(),
        row => std::slice::from_ref(row),
    };
    drawn(
        rows,
        columns.iter().map(|path| title(path)),
        columns,
        |row, path| cell(row, path),
    )
}

fn drawn<C>(
    rows: &[Value],
    titles: impl Iterator<Item = String>,
    columns: &[C],
    cell: impl Fn(&Value, &C) -> String,
) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(titles);
    for row in rows {
        table.add_row(columns.iter().map(|column| cell(row, column)));
    }
    // Without trailing blanks, lines can be compared and cut.
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n") + "\n"
}

/// `authentication.type` is titled `Type`, and `properties.desired.$version`,
/// of which there are two, `DesiredVersion`.
fn title(path: &str) -> String {
    let mut names = path.rsplit('.');
    let name = names.next().unwrap_or(path);
    match name.strip_prefix('$') {
        Some(name) => capitalized(names.next().unwrap_or_default()) + &capitalized(name),
        None => capitalized(name),
    }
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + letters.as_str(),
        None => String::new(),
    }
}

fn cell(row: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(row, |value, name| value.get(name));
    match found {
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            items.join(", ")
        }
        found => found.map_or_else(String::new, shown),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_the_chosen_members_of_each_document() {
        let value = json!([
            {"deviceId": "a", "authentication": {"type": "sas"}, "etag": "x"},
            {"deviceId": "longer", "authentication": null, "desired": {"$version": 3}, "to": ["x", "y"]},
        ]);
        let columns = &["deviceId", "authentication.type", "desired.$version", "to"];

        let text = Answer::Documents { value, columns }.render(Some(Output::Table));

        assert_eq!(
            text,
            " DeviceId  Type  DesiredVersion  To\n a         sas\n longer          3               x, y\n"
        );
    }

    #[test]
    fn rows_are_shown_by_their_members_whatever_these_are_called() {
        let answer = Answer::Rows {
            rows: vec![json!({"a.b": "NO", "n": 3}), json!({"n": {"x": 1}})],
            columns: vec!["a.b".to_owned(), "n".to_owned()],
        };

        let text = answer.render(Some(Output::Table));

        assert_eq!(text, " A.b  N\n NO   3\n      {\"x\":1}\n");
    }

    #[test]
    fn a_text_is_bare_unless_json_is_asked_for() {
        let answer = || Answer::Text {
            name: "sas",
            text: "x".into(),
        };

        assert_eq!(answer().render(None), "x\n");
        assert_eq!(
            answer().render(Some(Output::Json)),
            "{\n  \"sas\": \"x\"\n}\n"
        );
    }
}
