//! The statement that reads twins, and its rows.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use twinhub_core::ports::{Parts, Slice, StoreError, TwinRow, Wanted};
use twinhub_core::query::{Root, Source};

use super::condition::{Pushed, Sql};
use super::{Asked, Columns, identity_of};
use crate::documents::Paths;
use crate::errors::read_failed;
use crate::indexes::path::{IndexPath, Section};
use crate::records::{OnlyPaths, SectionPartRow, TwinPartsRow};
use crate::tables::IdentityNumber;
use crate::tables::identities::Found;

/// A read ends early when its twins were stored in as many bytes.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Where a statement looks.
pub(super) enum Place<'p> {
    Stretch {
        after: (&'p str, &'p str),
        end: Option<&'p Columns>,
    },
    One(IdentityNumber),
}

/// A read under way.
pub(super) struct Reading<'a> {
    asked: &'a Asked<'a>,
    conditions: Vec<Sql>,
    wanted: Wanted,
    only: OnlyPaths,
    bytes: usize,
    /// What was read.
    pub slice: Slice,
}

impl<'a> Reading<'a> {
    pub(super) fn of(asked: &'a Asked<'a>, pushed: Pushed) -> Self {
        let wanted = asked.scan.wanted_with(&pushed.rest);
        Reading {
            asked,
            conditions: pushed.sql,
            only: only(&wanted),
            wanted,
            bytes: 0,
            slice: Slice {
                rows: Vec::new(),
                rest: pushed.rest,
                next: None,
            },
        }
    }

    /// Reads the rows of places of one kind, in their order; true if there is
    /// no room for more, `next` is set then.
    pub(super) fn read<'p>(
        &mut self,
        connection: &Connection,
        places: impl IntoIterator<Item = Place<'p>>,
    ) -> Result<bool, StoreError> {
        let mut places = places.into_iter().peekable();
        let Some(first) = places.peek() else {
            return Ok(false);
        };
        let sql = self.statement(first);
        let mut statement = connection.prepare_cached(&sql).map_err(read_failed)?;
        for place in places {
            let parameters = params_from_iter(self.parameters(&place));
            let mut found = statement.query(parameters).map_err(read_failed)?;
            while let Some(row) = found.next().map_err(read_failed)? {
                if self.take(row)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// True if there is no room for more.
    fn take(&mut self, row: &Row<'_>) -> Result<bool, StoreError> {
        let row = self.twin_of(row)?;
        self.bytes += row.bytes;
        let is_full = self.slice.rows.len() + 1 >= self.asked.limit || self.bytes > MAX_BYTES;
        if is_full {
            self.slice.next = Some(row.id.clone());
        }
        self.slice.rows.push(row);
        Ok(is_full)
    }

    /// It depends on the scan and on the kind of place alone.
    fn statement(&self, place: &Place<'_>) -> String {
        let if_wanted = |part: Parts, sql: &'static str, otherwise: &'static str| {
            if self.wanted.parts.contains(part) {
                sql
            } else {
                otherwise
            }
        };
        let mut sql = format!(
            "SELECT i.device, i.module, {}, t.format, t.etag, t.version, t.model_id, \
             {}, {}, {}, {}, {} FROM identities i CROSS JOIN twins t {} \
             WHERE t.identity = i.id AND i.hub = (SELECT id FROM hubs WHERE name = ?)",
            if_wanted(
                Parts::IDENTITY,
                "i.revision, i.format, i.generation, i.version, i.enabled, i.edge, i.doc, \
                 a.state_updated, a.last_activity, q.messages",
                "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
            ),
            if_wanted(Parts::TAGS, "t.tags", "NULL"),
            if_wanted(Parts::DESIRED, "t.desired, t.desired_version", "NULL, NULL"),
            if_wanted(Parts::DESIRED_METADATA, "t.desired_metadata", "NULL"),
            if_wanted(
                Parts::REPORTED,
                "t.reported, t.reported_version",
                "NULL, NULL"
            ),
            if_wanted(Parts::REPORTED_METADATA, "t.reported_metadata", "NULL"),
            if_wanted(
                Parts::IDENTITY,
                "LEFT JOIN activity a ON a.identity = i.id LEFT JOIN queues q ON q.identity = i.id",
                "",
            ),
        );
        sql.push_str(match place {
            Place::One(_) => " AND i.id = ?",
            Place::Stretch { end: None, .. } => " AND (i.device, i.module) > (?, ?)",
            Place::Stretch { end: Some(_), .. } => {
                " AND (i.device, i.module) > (?, ?) AND (i.device, i.module) <= (?, ?)"
            }
        });
        sql.push_str(match self.asked.scan.source {
            Source::Devices => " AND i.module = ''",
            Source::Modules => " AND i.module > ''",
        });
        for condition in &self.conditions {
            sql.push_str(" AND ");
            sql.push_str(&condition.text);
        }
        sql.push_str(match place {
            Place::One(_) => "",
            Place::Stretch { .. } => " ORDER BY i.device, i.module LIMIT ?",
        });
        sql
    }

    /// What is bound to the statement.
    fn parameters(&self, place: &Place<'_>) -> Vec<Value> {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut parameters = vec![text(self.asked.hub.as_str())];
        match place {
            Place::One(number) => parameters.push(Value::Integer(number.0)),
            Place::Stretch { after, end } => {
                parameters.extend([text(after.0), text(after.1)]);
                if let Some((device, module)) = end {
                    parameters.extend([text(device), text(module)]);
                }
            }
        }
        for condition in &self.conditions {
            parameters.extend(condition.parameters.iter().cloned());
        }
        if let Place::Stretch { .. } = place {
            let limit = i64::try_from(self.asked.limit).unwrap_or(i64::MAX);
            parameters.push(Value::Integer(limit));
        }
        parameters
    }

    fn twin_of(&self, row: &Row<'_>) -> Result<TwinRow, StoreError> {
        let read = || -> rusqlite::Result<_> {
            let wanted = self.wanted.parts.contains(Parts::IDENTITY);
            let identity = wanted.then(|| Found::from_row(row)).transpose()?;
            let (device, module) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
            Ok((device, module, identity, self.parts_of(row)?))
        };
        let (device, module, identity, parts) = read().map_err(read_failed)?;
        let mut twin = parts.decode(identity_of(device, module)?, &self.only)?;
        if let Some(identity) = identity {
            twin.bytes += identity.bytes();
            twin.identity = Some(identity.named(&twin.id)?);
        }
        Ok(twin)
    }

    /// From column 12 on.
    fn parts_of<'r>(&self, row: &'r Row<'_>) -> rusqlite::Result<TwinPartsRow<'r>> {
        let section = |wanted: Parts, first: usize| -> rusqlite::Result<_> {
            if !self.wanted.parts.contains(wanted) {
                return Ok(None);
            }
            Ok(Some(SectionPartRow {
                properties: row.get_ref(first)?.as_str()?,
                version: row.get(first + 1)?,
                metadata: row.get_ref(first + 2)?.as_str_or_null()?,
            }))
        };
        Ok(TwinPartsRow {
            format: row.get(12)?,
            etag: row.get(13)?,
            version: row.get(14)?,
            model_id: row.get_ref(15)?.as_str()?,
            tags: row.get_ref(16)?.as_str_or_null()?,
            desired: section(Parts::DESIRED, 17)?,
            reported: section(Parts::REPORTED, 20)?,
        })
    }
}

/// What of documents is worth decoding.
fn only(wanted: &Wanted) -> OnlyPaths {
    let Some(paths) = &wanted.paths else {
        return OnlyPaths::default();
    };
    let of = |section: Section| {
        let mut only = Paths::default();
        for path in paths.iter().filter(|path| section.root() == path.root) {
            // What is beside the document is there in any case.
            let keys = IndexPath::of(path).map(|path| path.keys);
            if path.keys.is_empty() || keys.is_some() {
                only.add(&path.keys, 0);
            }
        }
        Some(only)
    };
    let all = paths.iter().any(|path| path.root == Root::Properties);
    OnlyPaths {
        tags: of(Section::Tags),
        desired: of(Section::Desired).filter(|_| !all),
        reported: of(Section::Reported).filter(|_| !all),
    }
}
