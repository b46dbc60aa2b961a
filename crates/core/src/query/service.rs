//! Answering queries, page by page.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};

use super::continuation::{Continuation, Last};
use super::error::QueryError;
use super::folding::Folding;
use super::groups::{GroupOrder, Grouping};
use super::path::Path;
use super::reach::Reach;
use super::select::columns;
use super::sieve::Sieve;
use super::syntax::{Item, Query, Select};
use crate::access::ServicePermit;
use crate::hubs::Hub;
use crate::identities::Standing;
use crate::ids::IdentityId;
use crate::ports::{QueryStore, Scan, Slice, StoreError, TwinRow};
use crate::presence::PresenceBook;
use crate::twins::TwinView;

/// The most rows of a page.
pub const MAX_PAGE: usize = 1_000;
const DEFAULT_PAGE: usize = 100;
/// A page ends early when its twins were stored in as many bytes.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Rows that are read at once when many are looked at.
const ROWS_AT_ONCE: usize = 1_000;

/// Which page is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Paging<'p> {
    /// How many rows, if the caller cares; at most [`MAX_PAGE`] are given.
    pub size: Option<usize>,
    /// What came with the page before; nothing for the first.
    pub continuation: Option<&'p str>,
}

/// A page of an answer.
#[derive(Debug)]
pub struct Page {
    /// Its rows, which may be fewer than asked for.
    pub rows: Rows,
    /// What brings the next page; nothing on the last.
    pub continuation: Option<String>,
}

/// The rows of a page.
#[derive(Debug)]
pub enum Rows {
    /// Whole twins.
    Twins(Vec<TwinView>),
    /// Columns.
    Raw(Vec<Map<String, Value>>),
}

/// The queries of all hubs.
pub struct Queries {
    store: Arc<dyn QueryStore>,
    presence: Arc<PresenceBook>,
}

impl Queries {
    /// Queries over a store.
    pub fn new(store: Arc<dyn QueryStore>, presence: Arc<PresenceBook>) -> Self {
        Queries { store, presence }
    }

    /// A page of the answer to a query.
    pub async fn page(
        &self,
        permit: &ServicePermit,
        text: &str,
        paging: Paging<'_>,
    ) -> Result<Page, QueryError> {
        let query = Query::parse(text)?;
        let hub = permit.hub();
        let before = match paging.continuation {
            Some(token) => {
                let read = Continuation::read(token, hub.name(), text);
                Some(read.ok_or(QueryError::Continuation)?)
            }
            None => None,
        };
        let reach = Reach::of(&query.conditions);
        let wanted = query.wanted();
        let mut scan = Scan::new(query.source, query.conditions, wanted);
        let (name, conditions) = (hub.name().clone(), scan.conditions.clone());
        let sieve = Sieve::new(name, conditions, self.presence.clone());
        scan.sieve = Some(sieve.clone());
        if reach == Reach::Connected {
            scan.connected = Some(self.presence.connected_ids(hub.name(), scan.source));
        }
        let reading = Reading {
            queries: self,
            hub,
            reach,
            scan,
            sieve,
            size: paging.size.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE),
            top: query.top.unwrap_or(u64::MAX),
            shown: before.as_ref().map_or(0, |before| before.shown),
        };
        let last = before.map(|before| before.last);
        let (rows, last) = match query.select {
            Select::Groups { items, keys } => {
                let after = match last {
                    None => None,
                    Some(Last::Group(order)) => Some(order),
                    Some(Last::Twin(_)) => return Err(QueryError::Continuation),
                };
                reading.groups(items, keys, after).await?
            }
            select => {
                let after = match last {
                    None => None,
                    Some(Last::Twin(id)) => Some(id),
                    Some(Last::Group(_)) => return Err(QueryError::Continuation),
                };
                reading.twins(&select, after).await?
            }
        };
        let shown = reading.shown.saturating_add(rows.len() as u64);
        let continuation = last.filter(|_| shown < reading.top).map(|last| {
            let continuation = Continuation { shown, last };
            continuation.write(hub.name(), text)
        });
        Ok(Page { rows, continuation })
    }
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Rows::Twins(rows) => rows.len(),
            Rows::Raw(rows) => rows.len(),
        }
    }
}

/// A page that is being put together.
struct Reading<'q> {
    queries: &'q Queries,
    hub: &'q Hub,
    reach: Reach,
    scan: Scan,
    /// Of the scan's conditions.
    sieve: Sieve,
    size: usize,
    top: u64,
    /// Rows of the pages before.
    shown: u64,
}

impl Reading<'_> {
    /// How many rows this page has at most.
    fn wanted(&self) -> usize {
        let left = self.top.saturating_sub(self.shown);
        usize::try_from(left).map_or(self.size, |left| self.size.min(left))
    }

    /// A page of twins or of their columns, and its last row if there are more.
    async fn twins(
        &self,
        select: &Select,
        mut after: Option<IdentityId>,
    ) -> Result<(Rows, Option<Last>), QueryError> {
        let wanted = self.wanted();
        let mut rows = match select {
            Select::Columns(_) => Rows::Raw(Vec::new()),
            Select::All | Select::Groups { .. } => Rows::Twins(Vec::new()),
        };
        if self.reach == Reach::Nobody {
            return Ok((rows, None));
        }
        let (mut last, mut bytes) = (None, 0);
        // One more than wanted tells whether this is the last page.
        let mut limit = wanted.saturating_add(1);
        loop {
            let slice = self.slice(after.as_ref(), limit).await?;
            let (next, rest) = (slice.next, slice.rest);
            for stored in slice.rows {
                let row = self.sieve.row(&stored);
                if !self.sieve.holds(&rest, &row) {
                    continue;
                }
                let standing = row.standing;
                let is_full = rows.len() >= wanted || bytes > MAX_PAGE_BYTES;
                if is_full {
                    return Ok((rows, last));
                }
                bytes += stored.bytes;
                last = Some(Last::Twin(stored.id.clone()));
                match (&mut rows, select) {
                    (Rows::Raw(rows), Select::Columns(items)) => rows.push(columns(items, &row)),
                    (Rows::Raw(_), _) => {}
                    (Rows::Twins(rows), _) => rows.push(whole(stored, standing)?),
                }
            }
            let all_shown = self.shown.saturating_add(rows.len() as u64) >= self.top;
            match next {
                Some(next) if !all_shown => after = Some(next),
                _ => return Ok((rows, None)),
            }
            limit = if rest.is_empty() {
                wanted.saturating_sub(rows.len()).saturating_add(1)
            } else {
                ROWS_AT_ONCE
            };
        }
    }

    /// A page of groups, and its last if there are more.
    async fn groups(
        &self,
        items: Vec<Item>,
        keys: Vec<Path>,
        after: Option<GroupOrder>,
    ) -> Result<(Rows, Option<Last>), QueryError> {
        let folding = Arc::new(Folding {
            scan: self.scan.clone(),
            sieve: self.sieve.clone(),
            grouping: Arc::new(Grouping {
                items,
                keys,
                after,
                limit: self.wanted(),
            }),
            finished: Mutex::default(),
        });
        if self.reach != Reach::Nobody {
            let (store, hub) = (&self.queries.store, self.hub.name());
            store.fold(hub, &self.scan, folding.clone()).await?;
        }
        let (rows, more) = folding.finish();
        let last = rows.last().map(|(order, _)| Last::Group(*order));
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        Ok((Rows::Raw(rows), last.filter(|_| more)))
    }

    async fn slice(&self, after: Option<&IdentityId>, limit: usize) -> Result<Slice, StoreError> {
        let store = &self.queries.store;
        store.scan(self.hub.name(), &self.scan, after, limit).await
    }
}

fn whole(row: TwinRow, standing: Option<Standing>) -> Result<TwinView, StoreError> {
    let whole = row.into_whole().zip(standing);
    let ((registered, twin), standing) =
        whole.ok_or_else(|| StoreError::corrupt("a twin came without parts of it"))?;
    Ok(TwinView {
        identity: registered.identity.value,
        standing,
        twin,
    })
}
