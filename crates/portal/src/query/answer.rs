//! A page of an answer, as cells under columns.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::client::{ApiError, Reply};
use crate::device::Target;
use crate::pretty::{Shown, attribute_size, first_of, html_size, indented};

/// How much of a value a cell shows, in characters; less where cells are many.
const CELL: usize = 160;
/// The least that a cell shows, in characters.
const SMALL_CELL: usize = 20;
/// How many bytes of HTML the JSON of a page may take.
const MAX_JSON: usize = 120_000;
/// How many bytes of HTML the table of a page may take.
const MAX_TABLE: usize = 140_000;
/// How much a cell takes besides text and address, and a heading.
const TAGS: usize = 45;

/// What is shown of whole twins, and under which path it is there.
const TWIN: [(&str, &[&str]); 12] = [
    ("deviceId", &["deviceId"]),
    ("moduleId", &["moduleId"]),
    ("status", &["status"]),
    ("connectionState", &["connectionState"]),
    ("lastActivityTime", &["lastActivityTime"]),
    ("tags", &["tags"]),
    ("properties.desired", &["properties", "desired"]),
    ("properties.reported", &["properties", "reported"]),
    ("authenticationType", &["authenticationType"]),
    ("version", &["version"]),
    ("etag", &["etag"]),
    ("modelId", &["modelId"]),
];

/// A row as it came.
pub type Row = BTreeMap<String, Box<RawValue>>;

/// The columns of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    /// Those of whole twins.
    Twin,
    /// The query's own, by their names.
    Own(Vec<String>),
}

impl Columns {
    /// Reads them off an answer.
    pub fn of(reply: &Reply) -> Self {
        let names = reply.header("x-twinhub-columns");
        match names.and_then(|names| serde_json::from_str(names).ok()) {
            Some(names) => Columns::Own(names),
            None => Columns::Twin,
        }
    }

    /// Their headings.
    pub fn names(&self) -> Vec<String> {
        match self {
            Columns::Twin => TWIN.iter().map(|(name, _)| (*name).to_owned()).collect(),
            Columns::Own(names) => names.clone(),
        }
    }

    /// The values of a row, as JSON; what is undefined is missing.
    pub fn values(&self, row: &Row) -> Vec<Option<Box<RawValue>>> {
        match self {
            Columns::Twin => TWIN.iter().map(|(_, path)| at(row, path)).collect(),
            Columns::Own(names) => names.iter().map(|name| row.get(name).cloned()).collect(),
        }
    }
}

/// What is at a path of a twin. What only the hub needs is left out of
/// properties: when each was written, and their version.
fn at(row: &Row, path: &[&str]) -> Option<Box<RawValue>> {
    let (name, rest) = path.split_first()?;
    let value = row.get(*name)?;
    let Some(member) = rest.first() else {
        return Some(value.clone());
    };
    let mut properties: Row = parsed(value)?;
    let mut values: Row = parsed(&properties.remove(*member)?)?;
    values.retain(|name, _| !name.starts_with('$'));
    serde_json::value::to_raw_value(&values).ok()
}

fn parsed<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// A value as text: a text without its quotes, all else as JSON.
pub fn plain(value: &RawValue) -> String {
    parsed::<String>(value).unwrap_or_else(|| value.get().to_owned())
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// What it shows.
    pub text: String,
    /// Where it leads.
    pub href: Option<String>,
    /// Whether it is a number.
    pub is_number: bool,
}

impl Cell {
    /// Its text also where the pointer rests, if it may be too wide.
    pub fn title(&self) -> Option<&str> {
        (!self.is_number && self.text.len() > 30).then_some(self.text.as_str())
    }

    fn html_size(&self) -> usize {
        let title = self.title().map_or(0, attribute_size);
        let href = self.href.as_ref().map_or(0, |href| attribute_size(href));
        TAGS + html_size(&self.text) + title + href
    }
}

/// A page of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The headings.
    pub columns: Vec<String>,
    /// The cells.
    pub rows: Vec<Vec<Cell>>,
    /// How many rows came.
    pub count: usize,
    /// How many of them are left out, since the table would be too heavy.
    pub left_out: usize,
    /// What leads to the next page, if there is one.
    pub next: Option<String>,
}

impl Answer {
    /// Reads an answer of the API.
    pub fn of(reply: &Reply) -> Result<Self, ApiError> {
        let columns = Columns::of(reply);
        let rows: Vec<Row> = reply.read()?;
        Ok(Answer {
            rows: rows.iter().map(|row| cells(&columns, row)).collect(),
            columns: columns.names(),
            ..Answer::counted(reply, rows.len())
        }
        .without_empty_columns(&columns)
        .light())
    }

    /// The same of an answer that is not shown as a table.
    pub fn without_cells(reply: &Reply) -> Result<Self, ApiError> {
        let rows: Vec<&RawValue> = reply.read_borrowed()?;
        Ok(Answer::counted(reply, rows.len()))
    }

    fn counted(reply: &Reply, count: usize) -> Self {
        Answer {
            columns: Vec::new(),
            rows: Vec::new(),
            count,
            left_out: 0,
            next: reply.header("x-ms-continuation").map(str::to_owned),
        }
    }

    /// Cells are shortened until all rows fit; what then does not is left out.
    fn light(mut self) -> Self {
        let size = |row: &Vec<Cell>| row.iter().map(Cell::html_size).sum::<usize>();
        let head = self.columns.iter().map(|name| html_size(name) + TAGS);
        let room = MAX_TABLE.saturating_sub(head.sum());
        let mut letters = CELL;
        while letters > SMALL_CELL && self.rows.iter().map(size).sum::<usize>() > room {
            letters /= 2;
            for cell in self.rows.iter_mut().flatten() {
                cell.text = shortened(&cell.text, letters);
            }
        }
        (self.rows, self.left_out) = first_of(self.rows, room, size);
        self
    }

    /// A page of rows as JSON, as far as it fits.
    pub fn json(reply: &Reply) -> Shown {
        indented(&String::from_utf8_lossy(&reply.body), MAX_JSON)
    }

    /// Devices have no module, and few twins a model.
    fn without_empty_columns(mut self, columns: &Columns) -> Self {
        if let Columns::Own(_) = columns {
            return self;
        }
        let is_used: Vec<bool> = (0..self.columns.len())
            .map(|at| self.rows.iter().any(|row| !row[at].text.is_empty()))
            .collect();
        let mut used = is_used.iter();
        self.columns.retain(|_| used.next() == Some(&true));
        for row in &mut self.rows {
            let mut used = is_used.iter();
            row.retain(|_| used.next() == Some(&true));
        }
        self
    }
}

fn cells(columns: &Columns, row: &Row) -> Vec<Cell> {
    let text = |name: &str| row.get(name).and_then(|value| parsed::<String>(value));
    let (device, module) = (text("deviceId"), text("moduleId"));
    let names = columns.names();
    let values = columns.values(row).into_iter().zip(names);
    values
        .map(|(value, name)| {
            let Some(value) = value else {
                return Cell::default();
            };
            let href = match (name.as_str(), &device, &module) {
                ("deviceId", Some(device), _) => Some(Target::device(device).page("")),
                ("moduleId", Some(device), Some(module)) => {
                    Some(Target::module(device, module).page(""))
                }
                _ => None,
            };
            Cell {
                text: shortened(&plain(&value), CELL),
                href,
                is_number: value
                    .get()
                    .starts_with(|first: char| first.is_ascii_digit() || first == '-'),
            }
        })
        .collect()
}

/// At most so many letters, and an ellipsis if there were more.
fn shortened(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        // What was cut before ends with an ellipsis.
        Some((end, _)) if text[end..] == *"…" => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};
    use serde_json::json;

    use super::*;

    fn answer(body: &str, headers: &[(&'static str, &'static str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        let reply = Reply {
            status: StatusCode::OK,
            headers: headers.collect::<HeaderMap>(),
            body: body.to_owned().into(),
        };
        Answer::of(&reply).unwrap()
    }

    fn texts(row: &[Cell]) -> Vec<&str> {
        row.iter().map(|cell| cell.text.as_str()).collect()
    }

    #[test]
    fn a_twin_is_a_row_of_what_people_look_for() {
        let twin = json!({
            "deviceId": "pump 7", "etag": "AAE=", "status": "enabled", "version": 3,
            "tags": {"hall": 7},
            "properties": {
                "desired": {"t": 21, "$metadata": {"t": {}}, "$version": 2},
                "reported": {"$metadata": {}, "$version": 1},
            },
        });

        let answer = answer(&format!("[{twin}]"), &[("x-ms-continuation", "more")]);

        assert_eq!(
            answer.columns,
            [
                "deviceId",
                "status",
                "tags",
                "properties.desired",
                "properties.reported",
                "version",
                "etag"
            ]
        );
        assert_eq!(
            texts(&answer.rows[0]),
            [
                "pump 7",
                "enabled",
                r#"{"hall":7}"#,
                r#"{"t":21}"#,
                "{}",
                "3",
                "AAE="
            ]
        );
        assert_eq!(
            answer.rows[0][0].href.as_deref(),
            Some("/portal/device?id=pump%207")
        );
        assert!(answer.rows[0][5].is_number);
        assert_eq!(answer.next.as_deref(), Some("more"));
    }

    #[test]
    fn own_columns_keep_their_order_also_where_they_are_undefined() {
        let columns = [("x-twinhub-columns", r#"["z","n"]"#)];
        let answer = answer(r#"[{"n":1.50},{"z":null,"n":"x"}]"#, &columns);

        assert_eq!(answer.columns, ["z", "n"]);
        assert_eq!(texts(&answer.rows[0]), ["", "1.50"]);
        assert_eq!(texts(&answer.rows[1]), ["null", "x"]);
    }

    #[test]
    fn a_device_that_is_no_text_leads_nowhere() {
        let columns = [("x-twinhub-columns", r#"["deviceId"]"#)];
        let answer = answer(r#"[{"deviceId":7}]"#, &columns);

        assert_eq!(answer.rows[0][0].href, None);
    }

    #[test]
    fn long_values_are_shortened_between_letters() {
        let columns = [("x-twinhub-columns", r#"["n"]"#)];
        let body = format!(r#"[{{"n":"{}"}}]"#, "ü".repeat(CELL + 1));

        let answer = answer(&body, &columns);

        assert_eq!(answer.rows[0][0].text.chars().count(), CELL + 1);
        assert!(answer.rows[0][0].text.ends_with('…'));
    }

    #[test]
    fn a_table_is_light_whatever_is_in_it() {
        let values = |count: usize, text: &str| {
            let row: BTreeMap<_, _> = (0..count).map(|at| (format!("c{at}"), text)).collect();
            let columns = serde_json::to_string(&row.keys().collect::<Vec<_>>()).unwrap();
            let body = serde_json::to_string(&vec![row; 200]).unwrap();
            let columns: &'static str = columns.leak();
            answer(&body, &[("x-twinhub-columns", columns)])
        };
        let size = |answer: &Answer| {
            let cells = answer.rows.iter().flatten().map(Cell::html_size);
            cells.sum::<usize>()
        };

        let wide = values(3, &"<".repeat(200));
        let many = values(100, "x");

        assert!(size(&wide) <= MAX_TABLE && size(&many) <= MAX_TABLE);
        assert_eq!((wide.rows.len(), wide.left_out), (200, 0));
        assert!(many.left_out > 0 && !many.rows.is_empty());
        assert_eq!(many.rows.len() + many.left_out, many.count);
    }

    #[test]
    fn what_is_shortened_twice_has_one_ellipsis() {
        let once = shortened(&"x".repeat(100), 40);

        assert_eq!(shortened(&once, 40), once);
        assert_eq!(shortened(&once, 20), format!("{}…", "x".repeat(20)));
    }
}
