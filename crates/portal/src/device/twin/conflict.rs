//! Two people have changed one twin: what each of them did, side by side.

use std::collections::{BTreeMap, BTreeSet};

use super::change::leaves;
use super::form::Writable;
use crate::json_text::pretty;

/// How a conflict is shown, and how one goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictView {
    /// What is there now.
    theirs: Writable,
    /// What either of them changed.
    pub rows: Vec<ConflictRow>,
}

/// A property that somebody changed. What is not there is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// `tags.` or `desired.` and the path.
    pub path: String,
    /// As both found it.
    pub was: String,
    /// As it is now.
    pub theirs: String,
    /// As it was typed.
    pub yours: String,
    /// Both changed it, and not alike.
    pub clashes: bool,
}

impl ConflictView {
    /// Compares what was typed with what is there now.
    pub fn of(origin: &Writable, theirs: Writable, yours: &Writable) -> Self {
        let rows = rows(&paths(origin), &paths(&theirs), &paths(yours));
        ConflictView { theirs, rows }
    }

    /// Their tags, in full.
    pub fn tags(&self) -> String {
        pretty(&self.theirs.tags)
    }

    /// Their desired properties, in full.
    pub fn desired(&self) -> String {
        pretty(&self.theirs.desired)
    }
}

fn rows(
    was: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
    yours: &BTreeMap<String, String>,
) -> Vec<ConflictRow> {
    let paths: BTreeSet<&String> = was
        .keys()
        .chain(theirs.keys())
        .chain(yours.keys())
        .collect();
    let value = |of: &BTreeMap<String, String>, path| of.get(path).cloned().unwrap_or_default();
    paths
        .into_iter()
        .map(|path| {
            let (was, theirs, yours) = (value(was, path), value(theirs, path), value(yours, path));
            ConflictRow {
                path: path.clone(),
                clashes: theirs != was && yours != was && theirs != yours,
                was,
                theirs,
                yours,
            }
        })
        .filter(|row| row.theirs != row.was || row.yours != row.was)
        .collect()
}

fn paths(of: &Writable) -> BTreeMap<String, String> {
    let named = |part: &'static str, of| {
        leaves(of)
            .into_iter()
            .map(move |(path, value)| (format!("{part}.{path}"), value))
    };
    named("tags", &of.tags)
        .chain(named("desired", &of.desired))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn writable(desired: Value) -> Writable {
        Writable {
            desired: desired.as_object().cloned().unwrap(),
            ..Writable::default()
        }
    }

    #[test]
    fn what_either_changed_is_shown_and_where_they_clash() {
        let origin = writable(json!({ "a": 1, "b": 1, "c": 1, "same": 0 }));
        let theirs = writable(json!({ "a": 2, "b": 1, "same": 0 }));
        let yours = writable(json!({ "a": 3, "b": 4, "c": 1, "same": 0 }));

        let view = ConflictView::of(&origin, theirs, &yours);

        let told: Vec<_> = view
            .rows
            .iter()
            .map(|row| {
                format!(
                    "{} {}>{}|{} {}",
                    row.path, row.was, row.theirs, row.yours, row.clashes
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "desired.a 1>2|3 true",
                "desired.b 1>1|4 false",
                "desired.c 1>|1 false",
            ]
        );
    }

    #[test]
    fn merging_takes_both_and_yours_where_they_clash() {
        let origin = writable(json!({ "a": 1, "b": 1, "c": 1 }));
        let theirs = writable(json!({ "a": 2, "b": 1, "new": 1 }));
        let yours = writable(json!({ "a": 3, "b": 4, "c": 1 }));

        let merged = theirs.with(&origin.patch_to(&yours));

        assert_eq!(
            Value::Object(merged.desired),
            json!({ "a": 3, "b": 4, "new": 1 })
        );
    }
}
