//! `twinhub query`

use serde_json::Value;

use super::{access::Access, answer::Answer, failure::Failure};

/// What a table shows of whole twins.
const TWIN_COLUMNS: &[&str] = &[
    "deviceId",
    "moduleId",
    "status",
    "connectionState",
    "lastActivityTime",
    "tags",
    "properties.desired.$version",
    "properties.reported.$version",
];
/// The most that a hub gives at once.
const PAGE: usize = 1_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  twinhub query \"SELECT * FROM devices WHERE tags.site = 'oslo'\"
  twinhub query \"SELECT deviceId, properties.reported.fw AS fw FROM devices\" -o table
  twinhub query \"SELECT status, COUNT() AS n FROM devices GROUP BY status\"
  twinhub query \"SELECT * FROM devices.modules WHERE moduleId = 'main'\" --top 10

Properties are named in full, as tags.site or properties.reported.fw; a name
that is a keyword or has other characters than letters, digits, _ and $ is
written in brackets: tags.[[group]]. A query that starts with @ names a file
that holds it.")]
pub struct Args {
    /// The query, or @file
    #[arg(value_name = "QUERY", required_unless_present = "query_command")]
    query: Option<String>,
    /// The query, as az has it
    #[arg(long, short = 'q', value_name = "QUERY", conflicts_with = "query")]
    query_command: Option<String>,
    /// How many rows at most [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    top: Option<u64>,
}

pub async fn run(args: &Args, access: &Access) -> Result<Answer, Failure> {
    let text = args.text()?;
    let top = args.top.and_then(|top| usize::try_from(top).ok());
    let top = top.unwrap_or(usize::MAX);
    let hub = access.hub().await?;
    let mut rows = Vec::new();
    let mut continuation: Option<String> = None;
    loop {
        let size = PAGE.min(top - rows.len());
        let page = hub.query(&text, size, continuation.as_deref()).await?;
        rows.extend(page.rows);
        // Whoever asks for a page may be given more.
        rows.truncate(top);
        continuation = page.continuation;
        if continuation.is_none() || rows.len() == top {
            return Ok(answer(rows, page.whole_twins, page.columns));
        }
    }
}

impl Args {
    fn text(&self) -> Result<String, Failure> {
        let given = self.query.as_deref().or(self.query_command.as_deref());
        let given = given.unwrap_or_default();
        match given.strip_prefix('@') {
            None => Ok(given.to_owned()),
            Some(file) => std::fs::read_to_string(file).map_err(|error| {
                Failure::Usage(format!(
                    "the query names the file {file}, which can't be read: {error}"
                ))
            }),
        }
    }
}

fn answer(rows: Vec<Value>, whole_twins: bool, columns: Option<Vec<String>>) -> Answer {
    if whole_twins {
        return Answer::Documents {
            value: Value::Array(rows),
            columns: TWIN_COLUMNS,
        };
    }
    let columns = columns.unwrap_or_else(|| columns_of(&rows));
    Answer::Rows { rows, columns }
}

/// All members that any row has: another hub does not tell their order.
fn columns_of(rows: &[Value]) -> Vec<String> {
    let names = rows
        .iter()
        .filter_map(Value::as_object)
        .flat_map(|row| row.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    names.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_columns_of_a_table_are_what_the_rows_have() {
        let rows = vec![json!({"n": 3}), json!({"n": 1, "a.b": "NO"})];

        let Answer::Rows { columns, .. } = answer(rows, false, None) else {
            panic!("they are columns");
        };

        assert_eq!(columns, ["a.b", "n"]);
    }

    #[test]
    fn columns_keep_the_order_of_the_query_where_the_hub_tells_it() {
        let told = vec!["n".to_owned(), "a".to_owned(), "undefined".to_owned()];
        let rows = vec![json!({"a": 3, "n": 1})];

        let Answer::Rows { columns, .. } = answer(rows, false, Some(told.clone())) else {
            panic!("they are columns");
        };

        assert_eq!(columns, told);
    }
}
