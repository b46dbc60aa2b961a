//! Indexes that nobody declares: which values are in the twins of a hub at the
//! paths that its queries use: in tags and properties, and what twins mirror of
//! identities.
//!
//! A query that looked at many twins in vain is remembered ([`demand`]). When
//! that has happened often enough for a path, a thread of its own
//! ([`builder`]) has the path indexed: from then on the writer keeps the index
//! with each twin ([`book`]), and the thread adds what was there before, in
//! steps that hold up the writer for a few milliseconds each. Queries use it
//! when all is in it ([`lookup`]).
//!
//! **What an index promises.** In each moment of the database, an index that
//! is built has, for each twin of its hub, the value at its path. It may have
//! more. So it serves to leave out twins, and decides nothing.
//!
//! **Bounds.** A hub has few indexes, for each costs its writes something.
//! One that no query used for a week of running goes; when there is no room,
//! one goes that was not used for a day.

pub(crate) mod book;
pub(crate) mod builder;
pub(crate) mod demand;
pub(crate) mod documents;
pub(crate) mod lookup;
pub(crate) mod metrics;
pub(crate) mod path;
mod run;

use std::time::Duration;

use rusqlite::Connection;
use twinhub_core::ids::HubName;

use crate::tables;

/// When paths are indexed, and at which pace.
#[derive(Debug, Clone)]
pub struct IndexSettings {
    /// A hub with fewer identities has no index: searching all is quick.
    pub least_identities: u64,
    /// How many searches of all twins a path is worth, before it is indexed.
    pub searches: u64,
    /// The most indexes of a hub.
    pub most: usize,
    /// An index is used for at most one in so many of the hub's identities.
    pub one_in: u64,
    /// Values that are added at once.
    pub step: usize,
    /// The pause between two steps, in lengths of a step.
    pub pause: u32,
    /// The least pause between two steps.
    pub least_pause: Duration,
    /// The unit in which the time without use is counted: an hour.
    pub hour: Duration,
}

impl Default for IndexSettings {
    fn default() -> Self {
        IndexSettings {
            least_identities: 5_000,
            searches: 2,
            most: 8,
            one_in: 50,
            step: 1_000,
            pause: 1,
            least_pause: Duration::ZERO,
            hour: Duration::from_secs(3600),
        }
    }
}

/// More twins are not looked up: a page of them is found as quickly without.
const MAX_FEW: usize = 5_000;

impl IndexSettings {
    /// How many twins an index may lead to, of so many identities.
    pub(crate) fn few(&self, identities: u64) -> usize {
        let few = identities / self.one_in.max(1);
        usize::try_from(few).map_or(MAX_FEW, |few| few.min(MAX_FEW))
    }
}

/// An index of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryIndex {
    /// `tags`, `desired`, `reported`, `model` or `identity`.
    pub section: &'static str,
    /// The keys that lead to the value.
    pub keys: Vec<String>,
    /// Whether queries can use it.
    pub built: bool,
}

/// The indexes of a hub.
pub(crate) fn of_hub(connection: &Connection, hub: &HubName) -> rusqlite::Result<Vec<QueryIndex>> {
    let all = tables::indexes::all(connection)?.into_iter();
    let of_hub = all.filter(|index| index.hub_name == *hub);
    Ok(of_hub
        .map(|index| QueryIndex {
            section: index.path.section.name(),
            keys: index.path.keys,
            built: index.built.is_none(),
        })
        .collect())
}
