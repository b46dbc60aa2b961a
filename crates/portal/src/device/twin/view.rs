//! A twin as its page shows it.

use serde_json::{Map, Value};
use twinhub_core::twins::{MAX_PROPERTIES_BYTES, MAX_TAGS_BYTES, section_bytes};

use crate::moment::Moment;
use crate::pretty::{Shown, attribute_size, beginning, clipped, first_of, html_size};

/// How much reported properties take on the page, in bytes of HTML.
const MAX_REPORTED: usize = 35_000;
/// How much a line of them takes besides text and path, if it knows when it was
/// written.
const DATED_LINE: usize = 100;
/// How many writes are listed.
const MAX_WRITES: usize = 25;
/// How much they take on the page, in bytes of HTML.
const MAX_WRITES_HTML: usize = 12_000;
/// How much a write takes besides its texts.
const WRITE: usize = 250;
/// How much of a path is shown, in bytes of HTML.
const MAX_PATH: usize = 300;

/// A twin.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinView {
    /// What a change compares.
    pub etag: String,
    /// Counts changes of tags and desired properties.
    pub version: u64,
    /// What only the back end sees.
    pub tags: Map<String, Value>,
    /// What the back end wishes.
    pub desired: SectionView,
    /// What the device says.
    pub reported: SectionView,
}

/// Desired or reported properties.
#[derive(Debug, Clone, PartialEq)]
pub struct SectionView {
    /// The properties alone.
    pub properties: Map<String, Value>,
    /// `$version`
    pub version: u64,
    /// When something in it was last written.
    pub written: Option<Moment>,
    metadata: Value,
}

/// JSON, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// The lines.
    pub lines: Vec<Line>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// A line of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The line, with its indentation.
    pub text: String,
    /// Where the property is; empty for brackets.
    pub path: String,
    /// When it was written.
    pub written: Option<Moment>,
}

/// When a property was last written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Which section it is in.
    pub section: &'static str,
    /// Where it is.
    pub path: String,
    /// What it is, as compact JSON, cut where it is long.
    pub value: String,
    /// When.
    pub at: Moment,
    /// The version of desired properties that wrote it.
    pub version: Option<u64>,
}

/// How much of what is allowed a part takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes as IoT Hub counts them: names, texts, 8 for a number, 4 for a
    /// boolean.
    pub bytes: usize,
    /// The most that is allowed.
    pub max: usize,
}

impl TwinView {
    /// From the twin's document.
    pub fn of(document: &Value) -> Self {
        TwinView {
            etag: document["etag"].as_str().unwrap_or_default().to_owned(),
            version: document["version"].as_u64().unwrap_or(0),
            tags: object(&document["tags"]),
            desired: SectionView::of(&document["properties"]["desired"]),
            reported: SectionView::of(&document["properties"]["reported"]),
        }
    }

    /// The size of the tags.
    pub fn tags_size(&self) -> Size {
        Size {
            bytes: section_bytes(&self.tags),
            max: MAX_TAGS_BYTES,
        }
    }

    /// What was written last stands first; and how many more there are.
    pub fn writes(&self) -> (Vec<Write>, usize) {
        let mut writes = Vec::new();
        self.desired.collect_writes("desired", &mut writes);
        self.reported.collect_writes("reported", &mut writes);
        writes.sort_by(|one, other| {
            other
                .at
                .cmp(&one.at)
                .then_with(|| one.path.cmp(&other.path))
        });
        let all = writes.len();
        writes.truncate(MAX_WRITES);
        for write in &mut writes {
            write.path = clipped(&write.path, MAX_PATH);
        }
        let size = |write: &Write| {
            attribute_size(&write.path) + html_size(&write.path) + html_size(&write.value) + WRITE
        };
        let (first, _) = first_of(writes, MAX_WRITES_HTML, size);
        let more = all - first.len();
        (first, more)
    }
}

impl SectionView {
    fn of(section: &Value) -> Self {
        let mut properties = object(section);
        let metadata = properties.remove("$metadata").unwrap_or_default();
        let version = properties.remove("$version");
        SectionView {
            properties,
            version: version.and_then(|version| version.as_u64()).unwrap_or(0),
            written: written(&metadata),
            metadata,
        }
    }

    /// Its size.
    pub fn size(&self) -> Size {
        Size {
            bytes: section_bytes(&self.properties),
            max: MAX_PROPERTIES_BYTES,
        }
    }

    /// The properties as lines that know when they were written; if they are
    /// many, as one text that does not know it.
    pub fn lines(&self) -> Lines {
        let lines = self.all_lines();
        let size = |line: &Line| html_size(&line.text) + attribute_size(&line.path) + DATED_LINE;
        if lines.iter().map(size).sum::<usize>() <= MAX_REPORTED {
            return Lines {
                lines,
                is_cut: false,
            };
        }
        let texts: Vec<String> = lines.into_iter().map(|line| line.text).collect();
        let Shown { text, is_cut } = beginning(&texts.join("\n"), MAX_REPORTED);
        let mut lines = Vec::new();
        push(&mut lines, 0, &text, "", None);
        Lines { lines, is_cut }
    }

    fn all_lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.properties.is_empty() {
            push(&mut lines, 0, "{}", "", None);
            return lines;
        }
        push(&mut lines, 0, "{", "", None);
        object_lines(&self.properties, &self.metadata, "", 1, &mut lines);
        push(&mut lines, 0, "}", "", None);
        lines
    }

    fn collect_writes(&self, section: &'static str, writes: &mut Vec<Write>) {
        collect_writes(section, "", &self.properties, &self.metadata, writes);
    }
}

fn collect_writes(
    section: &'static str,
    above: &str,
    properties: &Map<String, Value>,
    metadata: &Value,
    writes: &mut Vec<Write>,
) {
    for (name, value) in properties {
        let path = below(above, name);
        let metadata = &metadata[name.as_str()];
        match value {
            Value::Object(object) if !object.is_empty() => {
                collect_writes(section, &path, object, metadata, writes);
            }
            value => writes.extend(written(metadata).map(|at| Write {
                section,
                path,
                value: short(&value.to_string()),
                at,
                version: metadata["$lastUpdatedVersion"].as_u64(),
            })),
        }
    }
}

fn object_lines(
    object: &Map<String, Value>,
    metadata: &Value,
    above: &str,
    depth: usize,
    lines: &mut Vec<Line>,
) {
    let last = object.len().saturating_sub(1);
    for (index, (name, value)) in object.iter().enumerate() {
        let comma = if index == last { "" } else { "," };
        let path = below(above, name);
        let metadata = &metadata[name.as_str()];
        let name = Value::from(name.as_str());
        match value {
            Value::Object(object) if !object.is_empty() => {
                push(lines, depth, &format!("{name}: {{"), "", None);
                object_lines(object, metadata, &path, depth + 1, lines);
                push(lines, depth, &format!("}}{comma}"), "", None);
            }
            value => {
                let text = format!("{name}: {value}{comma}");
                push(lines, depth, &text, &path, written(metadata));
            }
        }
    }
}

fn push(lines: &mut Vec<Line>, depth: usize, text: &str, path: &str, written: Option<Moment>) {
    lines.push(Line {
        text: format!("{}{text}", "  ".repeat(depth)),
        path: path.to_owned(),
        written,
    });
}

fn below(above: &str, name: &str) -> String {
    match above {
        "" => name.to_owned(),
        above => format!("{above}.{name}"),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn written(metadata: &Value) -> Option<Moment> {
    Moment::parse(metadata["$lastUpdated"].as_str()?)
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn twin() -> TwinView {
        TwinView::of(&json!({
            "etag": "AAA", "version": 4, "tags": { "hall": "two" },
            "properties": {
                "desired": {
                    "interval": 5, "$version": 3,
                    "$metadata": {
                        "$lastUpdated": "2026-11-21T08:00:00Z",
                        "interval": {
                            "$lastUpdated": "2026-11-21T08:00:00Z", "$lastUpdatedVersion": 3
                        }
                    }
                },
                "reported": {
                    "deep": { "on": true, "list": [1, 2] }, "$version": 9,
                    "$metadata": {
                        "$lastUpdated": "2026-11-21T09:00:00Z",
                        "deep": {
                            "$lastUpdated": "2026-11-21T09:00:00Z",
                            "on": { "$lastUpdated": "2026-11-21T09:00:00Z" },
                            "list": { "$lastUpdated": "2026-11-20T09:00:00Z" }
                        }
                    }
                }
            }
        }))
    }

    #[test]
    fn properties_are_apart_from_what_the_hub_adds() {
        let twin = twin();

        assert_eq!(
            Value::Object(twin.desired.properties),
            json!({ "interval": 5 })
        );
        assert_eq!((twin.desired.version, twin.reported.version), (3, 9));
    }

    #[test]
    fn sizes_are_counted_as_the_hub_does() {
        let twin = twin();

        assert_eq!(twin.tags_size().bytes, "hall".len() + "two".len());
        let on = "deep".len() + "on".len() + 4;
        assert_eq!(twin.reported.size().bytes, on + "list".len() + 16);
    }

    #[test]
    fn lines_know_when_their_property_was_written() {
        let lines = twin().reported.lines().lines;

        let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "{",
                "  \"deep\": {",
                "    \"list\": [1,2],",
                "    \"on\": true",
                "  }",
                "}"
            ]
        );
        assert_eq!(lines[3].path, "deep.on");
        assert_eq!(lines[3].written, Moment::parse("2026-11-21T09:00:00Z"));
        assert_eq!(lines[4].written, None);
    }

    #[test]
    fn the_latest_write_stands_first() {
        let (writes, more) = twin().writes();

        let paths: Vec<_> = writes.iter().map(|write| write.path.as_str()).collect();
        assert_eq!(paths, ["deep.on", "interval", "deep.list"]);
        assert_eq!(writes[1].version, Some(3));
        assert_eq!(more, 0);
    }
}
