//! The query port: twins that fulfil a condition.

use std::sync::Arc;

use async_trait::async_trait;
use bitflags::bitflags;
use serde_json::{Map, Value};

use super::{Registered, StoreError};
use crate::identities::Identity;
use crate::ids::{HubName, IdentityId};
use crate::presence::ConnectedIds;
use crate::query::{Expr, Path, Scalar, Sieve, Source};
use crate::twins::{Metadata, Section, Twin};

/// Paths whose values are given one by one: each is looked for among all.
const MAX_VALUES: usize = 64;
/// Rows of a slice that is folded.
const ROWS_AT_ONCE: usize = 1_000;

bitflags! {
    /// Parts of a twin that cost something to read.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Parts: u8 {
        /// The identity, its activity and how many messages wait.
        const IDENTITY = 1;
        /// The tags.
        const TAGS = 1 << 1;
        /// Desired properties and their version.
        const DESIRED = 1 << 2;
        /// When desired properties were written.
        const DESIRED_METADATA = 1 << 3;
        /// Reported properties and their version.
        const REPORTED = 1 << 4;
        /// When reported properties were written.
        const REPORTED_METADATA = 1 << 5;
    }
}

/// Which twins are looked for, and what is wanted of them.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Of devices or of modules.
    pub source: Source,
    /// All of these shall be true.
    pub conditions: Arc<[Expr]>,
    /// Where none but the connected can fulfil the conditions: who they are, as
    /// they come and go. An engine that finds fewer in another way need not
    /// look.
    pub connected: Option<ConnectedIds>,
    /// An engine may leave out of slices what this does not let through, before
    /// it reads all that is wanted.
    pub sieve: Option<Sieve>,
    /// What is wanted, beside what open conditions need.
    pub wanted: Wanted,
}

/// What is wanted of twins.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// These parts.
    pub parts: Parts,
    /// Of tags and properties, only what these paths lead to; everything if
    /// nothing is said.
    pub paths: Option<Arc<[Path]>>,
}

impl Wanted {
    /// These parts with all that is in them.
    pub fn whole(parts: Parts) -> Self {
        Wanted { parts, paths: None }
    }

    /// What these paths lead to.
    pub fn of(paths: impl IntoIterator<Item = Path>) -> Self {
        let paths: Arc<[Path]> = paths.into_iter().collect();
        let parts = paths.iter().map(Path::parts);
        Wanted {
            parts: parts.fold(Parts::empty(), |all, parts| all | parts),
            paths: Some(paths),
        }
    }
}

impl Scan {
    /// A scan of which nothing else is known.
    pub fn new(source: Source, conditions: impl Into<Arc<[Expr]>>, wanted: Wanted) -> Self {
        Scan {
            source,
            conditions: conditions.into(),
            wanted,
            connected: None,
            sieve: None,
        }
    }

    /// What conditions, by their index, need of a twin.
    pub fn needed_by(&self, rest: &[usize]) -> Wanted {
        let mut needed = Vec::new();
        for index in rest {
            let condition = &self.conditions[*index];
            condition.for_each_path(&mut |path| needed.push(path.clone()));
        }
        Wanted::of(needed)
    }

    /// What rows shall hold if these conditions, by their index, are left
    /// open.
    pub fn wanted_with(&self, rest: &[usize]) -> Wanted {
        if rest.is_empty() {
            return self.wanted.clone();
        }
        let needed = self.needed_by(rest);
        Wanted {
            parts: self.wanted.parts | needed.parts,
            paths: self.wanted.paths.as_ref().map(|paths| {
                let needed = needed.paths.iter().flat_map(|needed| needed.iter());
                paths.iter().chain(needed).cloned().collect()
            }),
        }
    }

    /// Whether values that can be compared are enough where these conditions
    /// are left open.
    pub fn values_suffice(&self, rest: &[usize]) -> bool {
        let mut open = rest.iter().map(|index| &self.conditions[*index]);
        let paths = self.wanted_with(rest).paths;
        paths.is_some_and(|paths| paths.len() <= MAX_VALUES) && !open.any(Expr::looks_into_arrays)
    }
}

/// One section of a twin as read.
#[derive(Debug, Clone, PartialEq)]
pub struct SectionRow {
    /// Its version.
    pub version: u64,
    /// Its properties.
    pub properties: Map<String, Value>,
    /// When each was written, if that was wanted.
    pub metadata: Option<Metadata>,
}

/// A twin as read: the parts that were wanted, and what open conditions need.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinRow {
    /// Whose twin it is.
    pub id: IdentityId,
    /// The counter behind its ETag.
    pub etag: u64,
    /// Counts changes of tags and desired properties.
    pub version: u64,
    /// The model that the device announced.
    pub model_id: String,
    /// The identity, if it was wanted.
    pub identity: Option<Registered<Identity>>,
    /// The tags, if they were wanted.
    pub tags: Option<Map<String, Value>>,
    /// Desired properties, if they were wanted.
    pub desired: Option<SectionRow>,
    /// Reported properties, if they were wanted.
    pub reported: Option<SectionRow>,
    /// Roughly how many bytes were read for it: what a page of such is bounded
    /// by.
    pub bytes: usize,
}

impl TwinRow {
    /// The twin and its identity; nothing unless all parts are there.
    pub fn into_whole(self) -> Option<(Registered<Identity>, Twin)> {
        let twin = Twin {
            id: self.id,
            etag: self.etag,
            version: self.version,
            model_id: self.model_id,
            tags: self.tags?,
            desired: self.desired?.into_section()?,
            reported: self.reported?.into_section()?,
        };
        Some((self.identity?, twin))
    }
}

impl SectionRow {
    fn into_section(self) -> Option<Section> {
        Some(Section {
            version: self.version,
            properties: self.properties,
            metadata: self.metadata?,
        })
    }
}

/// What a read of some twins brought.
#[derive(Debug, Clone)]
pub struct Slice {
    /// Twins by ID (device, then module; byte order).
    pub rows: Vec<TwinRow>,
    /// Which of the conditions, by their index, were not or not wholly
    /// applied: they may be untrue of these rows.
    pub rest: Vec<usize>,
    /// Where the next read goes on; nothing if no twin is left. There may be
    /// more even if this read brought none.
    pub next: Option<IdentityId>,
}

/// What many twins are folded into, in no particular order.
///
/// Each place that reads has a part of its own, for a stretch of twins. If a
/// part is dropped before it is finished, the fold has failed.
pub trait Fold: Send + Sync + 'static {
    /// A part for twins of which these conditions may be untrue.
    fn part(self: Arc<Self>, rest: &[usize]) -> Box<dyn FoldPart>;
}

/// What a stretch of twins is folded into.
pub trait FoldPart: Send {
    /// Takes a twin as read; true if the open conditions are true of it.
    fn row(&mut self, row: &TwinRow) -> bool;

    /// Takes a twin of which this is at the paths of
    /// [`wanted_with`](Scan::wanted_with) the open conditions; where a path is
    /// listed twice, at the first. Only where
    /// [values suffice](Scan::values_suffice). True if the open conditions are
    /// true of it.
    fn values(&mut self, values: &[Scalar<'_>]) -> bool;

    /// Adds what it has to the whole.
    fn finish(self: Box<Self>);
}

/// Reads of many twins.
///
/// **Conditions** mean what [`query`](crate::query) says. An engine applies
/// those that it can answer exactly so, or leaves out rows of which another
/// certainly is not true; what is in `rest` the caller evaluates. Which are
/// in `rest` depends on the scan alone, not on the rows; what they need is in
/// the rows, whether it was wanted or not.
/// **Memory.** A slice has at most `limit` rows and few megabytes, and at
/// least one row or a place to go on from.
/// **Time.** A slice takes some ten milliseconds, however few of the twins
/// fulfil the conditions: others read in between. An engine may keep indexes
/// for the conditions that it is asked for; what it answers does not depend on
/// them.
/// **Visibility.** A slice is of one moment; what was committed before it was
/// asked for is in it. Slices of one fold are of moments between its beginning
/// and its end: a twin that is there all the time is in it once. Who connects
/// or disconnects meanwhile may be in it or not.
#[async_trait]
pub trait QueryStore: Send + Sync + 'static {
    /// The next twins after `after`.
    async fn scan(
        &self,
        hub: &HubName,
        scan: &Scan,
        after: Option<&IdentityId>,
        limit: usize,
    ) -> Result<Slice, StoreError>;

    /// Folds all twins, on the threads that read them if the engine can: in
    /// slices, of which several may be read at once as long as that keeps
    /// nobody else from reading. Dropped, it reads no further than the slices
    /// that are being read.
    async fn fold(
        &self,
        hub: &HubName,
        scan: &Scan,
        fold: Arc<dyn Fold>,
    ) -> Result<(), StoreError> {
        fold_slices(self, hub, scan, fold).await
    }
}

/// Folds slice after slice.
pub async fn fold_slices<S: QueryStore + ?Sized>(
    store: &S,
    hub: &HubName,
    scan: &Scan,
    fold: Arc<dyn Fold>,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let slice = store.scan(hub, scan, after.as_ref(), ROWS_AT_ONCE).await?;
        let mut part = fold.clone().part(&slice.rest);
        for row in &slice.rows {
            part.row(row);
        }
        part.finish();
        after = slice.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
