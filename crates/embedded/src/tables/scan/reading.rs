//! Rows of a scan that become twins.

use rusqlite::{Connection, Row};
use twinhub_core::ids::HubName;
use twinhub_core::ports::{Parts, Slice, StoreError, TwinRow, Wanted};
use twinhub_core::query::{Root, Sieve, Source};

use super::condition::{Pushed, Sql};
use super::statement::{Place, Statement};
use super::{Asked, identity_of};
use crate::documents::Paths;
use crate::errors::read_failed;
use crate::indexes::path::IndexPath;
use crate::records::{OnlyPaths, SectionPartRow, TwinPartsRow};
use crate::tables::identities::Found;

/// A read ends early when its twins were stored in as many bytes.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// A read under way, of rows that are kept.
pub(super) struct Reading<'a> {
    asked: &'a Asked<'a>,
    statement: Statement<'a>,
    rows: Rows,
    sieving: Option<Sieving<'a>>,
    bytes: usize,
    /// What was read.
    pub slice: Slice,
}

/// What is read of rows before the rest is, and what looks at it.
struct Sieving<'a> {
    rows: Rows,
    sieve: &'a Sieve,
}

/// How rows become twins.
pub(super) struct Rows {
    wanted: Wanted,
    only: OnlyPaths,
}

impl<'a> Reading<'a> {
    pub(super) fn of(asked: &'a Asked<'a>, pushed: Pushed) -> Self {
        let rows = Rows::of(asked.scan.wanted_with(&pushed.rest));
        let sieve = asked.scan.sieve.as_ref();
        let sieving = sieve.filter(|_| !pushed.rest.is_empty()).map(|sieve| {
            let rows = Rows::of(asked.scan.needed_by(&pushed.rest));
            Sieving { rows, sieve }
        });
        Reading {
            asked,
            statement: rows.statement(asked.hub, asked.scan.source, pushed.sql),
            rows,
            sieving,
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
        let (rows, slice, bytes) = (&self.rows, &mut self.slice, &mut self.bytes);
        let (sieving, limit) = (&self.sieving, self.asked.limit);
        self.statement.read(connection, places, |row| {
            if let Some(Sieving { rows, sieve }) = sieving
                && !sieve.keeps(&slice.rest, &rows.twin_of(row)?)
            {
                return Ok(false);
            }
            let row = rows.twin_of(row)?;
            *bytes += row.bytes;
            let is_full = slice.rows.len() + 1 >= limit || *bytes > MAX_BYTES;
            if is_full {
                slice.next = Some(row.id.clone());
            }
            slice.rows.push(row);
            Ok(is_full)
        })
    }
}

impl Rows {
    pub(super) fn of(wanted: Wanted) -> Self {
        let only = only(&wanted);
        Rows { wanted, only }
    }

    /// The statement whose rows these are.
    pub(super) fn statement<'a>(
        &self,
        hub: &'a HubName,
        source: Source,
        conditions: Vec<Sql>,
    ) -> Statement<'a> {
        let if_wanted = |part: Parts, sql: &'static str, otherwise: &'static str| {
            if self.wanted.parts.contains(part) {
                sql
            } else {
                otherwise
            }
        };
        let columns = format!(
            "i.device, i.module, {}, t.format, t.etag, t.version, t.model_id, \
             {}, {}, {}, {}, {}",
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
        );
        Statement {
            hub,
            source,
            conditions,
            columns,
            joined: if_wanted(
                Parts::IDENTITY,
                "LEFT JOIN activity a ON a.identity = i.id LEFT JOIN queues q ON q.identity = i.id",
                "",
            ),
        }
    }

    pub(super) fn twin_of(&self, row: &Row<'_>) -> Result<TwinRow, StoreError> {
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
    let of = |root: Root| {
        let mut only = Paths::default();
        for path in paths.iter().filter(|path| path.root == root) {
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
        tags: of(Root::Tags),
        desired: of(Root::Desired).filter(|_| !all),
        reported: of(Root::Reported).filter(|_| !all),
    }
}
