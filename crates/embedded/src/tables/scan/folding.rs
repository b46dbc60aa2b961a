//! Rows of a scan that are folded as they are read.
//!
//! Where values are all that is used, and they are all in documents, nothing
//! else of a row is looked at.

use std::sync::Arc;

use rusqlite::{Connection, Row};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{Fold, Scan, StoreError};
use twinhub_core::query::{Path, Scalar, Source};

use super::Columns;
use super::condition::Pushed;
use super::reading::Rows;
use super::statement::{Place, Statement};
use crate::documents::Paths;
use crate::errors::{read_failed, unreadable};
use crate::indexes::path::{IndexPath, Section};
use crate::records::{DocumentPaths, TwinDocumentsRow};

/// Some of a hub's identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// They come after this one.
    pub after: Columns,
    /// The last of them; without, they are all that come.
    pub end: Option<Columns>,
}

/// Folds the twins of a stretch; of how many the conditions are true.
pub(crate) fn fold(
    connection: &Connection,
    hub: &HubName,
    scan: &Scan,
    stretch: &Stretch,
    fold: Arc<dyn Fold>,
) -> Result<u64, StoreError> {
    let place = [Place::Stretch {
        after: (&stretch.after.0, &stretch.after.1),
        end: stretch.end.as_ref(),
    }];
    let mut found = 0;
    // SQL would read the documents once more, and takes longer for it.
    let all: Vec<_> = (0..scan.conditions.len()).collect();
    if let Some(values) = Values::of(scan, &all) {
        let mut part = fold.part(&all);
        let statement = values.statement(hub, scan.source);
        statement.read(connection, place, |row| {
            let values = values.in_row(row).map_err(read_failed)?;
            let values = values.ok_or_else(|| {
                let after = &stretch.after;
                unreadable(format_args!("a twin of {hub} after {after:?}"), 1)
            })?;
            found += u64::from(part.values(&values));
            Ok(false)
        })?;
        part.finish();
        return Ok(found);
    }
    let pushed = Pushed::of(scan.source, &scan.conditions);
    let mut part = fold.part(&pushed.rest);
    let rows = Rows::of(scan.wanted_with(&pushed.rest));
    let statement = rows.statement(hub, scan.source, pushed.sql);
    statement.read(connection, place, |row| {
        found += u64::from(part.row(&rows.twin_of(row)?));
        Ok(false)
    })?;
    part.finish();
    Ok(found)
}

/// Values at paths into documents.
struct Values {
    paths: DocumentPaths,
    count: usize,
}

impl Values {
    /// Those that a scan needs that leaves these conditions open; nothing if
    /// they do not suffice.
    fn of(scan: &Scan, rest: &[usize]) -> Option<Self> {
        let paths = scan.wanted_with(rest).paths?;
        scan.values_suffice(rest).then(|| Values::at(&paths))?
    }

    /// Nothing if one of the paths leads elsewhere.
    fn at(paths: &[Path]) -> Option<Self> {
        let mut into = DocumentPaths::default();
        for (number, path) in paths.iter().enumerate() {
            let path = IndexPath::of(path)?;
            let section = match path.section {
                Section::Tags => &mut into.tags,
                Section::Desired => &mut into.desired,
                Section::Reported => &mut into.reported,
                Section::Model | Section::Identity => return None,
            };
            section.add(&path.keys, number);
        }
        Some(Values {
            paths: into,
            count: paths.len(),
        })
    }

    fn statement<'a>(&self, hub: &'a HubName, source: Source) -> Statement<'a> {
        let column = |paths: &Paths, name| if paths.is_empty() { "NULL" } else { name };
        Statement {
            hub,
            source,
            conditions: Vec::new(),
            columns: format!(
                "t.format, {}, {}, {}",
                column(&self.paths.tags, "t.tags"),
                column(&self.paths.desired, "t.desired"),
                column(&self.paths.reported, "t.reported"),
            ),
            joined: "",
        }
    }

    /// Those of a row; nothing if it can't be read.
    fn in_row<'r>(&self, row: &'r Row<'_>) -> rusqlite::Result<Option<Vec<Scalar<'r>>>> {
        let document =
            |column| -> rusqlite::Result<_> { Ok(row.get_ref(column)?.as_str_or_null()?) };
        let row = TwinDocumentsRow {
            format: row.get(0)?,
            tags: document(1)?,
            desired: document(2)?,
            reported: document(3)?,
        };
        let mut values = vec![Scalar::Undefined; self.count];
        let read = row.values(&self.paths, &mut |number, kind| {
            values[number] = kind.into()
        });
        Ok(read.map(|()| values))
    }
}
