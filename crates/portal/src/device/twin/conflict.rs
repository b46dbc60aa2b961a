//! Two people have changed one twin: what each of them did, side by side.

use std::collections::{BTreeMap, BTreeSet};

use super::change::leaves;
use super::form::Writable;
use crate::json_text::pretty;
use crate::pretty::{Shown, beginning, clipped, first_of, html_size};

/// How much a value takes in the table, in bytes of HTML, and a path.
const CELL: usize = 400;
/// How much a row takes besides.
const ROW: usize = 200;

/// How a conflict is shown, and how one goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictView {
    /// What either of them changed.
    pub rows: Vec<ConflictRow>,
    /// How many properties more there are than the page can show.
    pub more: usize,
    /// Their tags and desired properties, or the beginning.
    pub theirs: [Shown; 2],
}

/// A property that somebody changed. What is not there is empty, and what is
/// long is cut.
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
    /// Who changed it.
    pub by: ChangedBy,
}

/// Who changed a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedBy {
    /// Who types.
    You,
    /// Somebody else.
    Them,
    /// Both, to the same value.
    BothAlike,
    /// Both, and not alike.
    Both,
}

impl ConflictView {
    /// Compares what was typed with what is there now, in so many bytes of HTML.
    pub fn of(origin: &Writable, theirs: &Writable, yours: &Writable, room: usize) -> Self {
        let rows = rows(&paths(origin), &paths(theirs), &paths(yours));
        let (rows, more) = first_of(rows, room / 2, ConflictRow::html_size);
        let left = room - rows.iter().map(ConflictRow::html_size).sum::<usize>();
        let tags = beginning(&pretty(&theirs.tags), left / 3);
        let desired = beginning(&pretty(&theirs.desired), left - html_size(&tags.text));
        ConflictView {
            rows,
            more,
            theirs: [tags, desired],
        }
    }

    /// Whether theirs has more than is shown.
    pub fn is_cut(&self) -> bool {
        self.theirs.iter().any(|shown| shown.is_cut)
    }
}

impl ConflictRow {
    fn html_size(&self) -> usize {
        let texts = [&self.path, &self.was, &self.theirs, &self.yours];
        texts.map(|text| html_size(text)).iter().sum::<usize>() + ROW
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
    let changed = paths.into_iter().filter_map(|path| {
        let [was, theirs, yours] = [was, theirs, yours].map(|of| of.get(path));
        let by = match (theirs != was, yours != was) {
            (false, false) => return None,
            (true, false) => ChangedBy::Them,
            (false, true) => ChangedBy::You,
            (true, true) if theirs == yours => ChangedBy::BothAlike,
            (true, true) => ChangedBy::Both,
        };
        let [was, theirs, yours] = [was, theirs, yours]
            .map(|value| value.map_or_else(String::new, |value| clipped(value, CELL)));
        Some(ConflictRow {
            path: clipped(path, CELL),
            was,
            theirs,
            yours,
            by,
        })
    });
    changed.collect()
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

        let view = ConflictView::of(&origin, &theirs, &yours, 10_000);

        let told: Vec<_> = view
            .rows
            .iter()
            .map(|row| {
                format!(
                    "{} {}>{}|{} {:?}",
                    row.path, row.was, row.theirs, row.yours, row.by
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "desired.a 1>2|3 Both",
                "desired.b 1>1|4 You",
                "desired.c 1>|1 Them",
            ]
        );
    }

    #[test]
    fn what_is_long_is_cut_and_what_is_more_is_counted() {
        let origin = writable(json!({}));
        let long = Value::from("<".repeat(4_000));
        let many = (0..100).map(|number| (format!("p{number}"), long.clone()));
        let theirs = writable(Value::Object(many.collect()));

        let view = ConflictView::of(&origin, &theirs, &origin, 10_000);

        let rows = view.rows.iter().map(ConflictRow::html_size);
        let texts = view.theirs.iter().map(|shown| html_size(&shown.text));
        assert!(rows.chain(texts).sum::<usize>() <= 10_000);
        assert!(view.rows[0].theirs.contains('…'));
        assert_eq!(view.rows.len() + view.more, 100);
        assert!(view.theirs[1].is_cut);
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
