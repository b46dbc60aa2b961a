//! Twins that an index leads to.

use rusqlite::Connection;
use twinhub_core::ids::{HubName, IdentityId};
use twinhub_core::query::Source;

use crate::indexes::lookup::{Lookup, Range};
use crate::tables::indexes::{self, IndexNumber};
use crate::tables::{IdentityNumber, columns_of};

/// An identity that may fulfil the conditions.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub device: String,
    pub module: String,
    pub number: IdentityNumber,
}

/// The lookups that few twins fulfil, with the indexes that say so.
pub(super) struct Rarest<'l> {
    ranges: Vec<(IndexNumber, &'l Range)>,
}

impl<'l> Rarest<'l> {
    /// Of the lookups that have an index, the one that leads to the fewest
    /// twins, if these are no more than `few`.
    pub(super) fn of(
        connection: &Connection,
        hub: &HubName,
        lookups: &'l [Lookup],
        few: usize,
    ) -> rusqlite::Result<Option<Self>> {
        let mut fewest = few;
        let mut rarest = None;
        for lookup in lookups {
            let Some(ranges) = indexed(connection, hub, lookup)? else {
                continue;
            };
            let mut count = 0;
            for (index, range) in &ranges {
                // One more than are few tells that they are not.
                if count <= fewest {
                    count += indexes::count(connection, *index, range, fewest + 1 - count)?;
                }
            }
            if count <= fewest {
                fewest = count;
                rarest = Some(Rarest { ranges });
            }
        }
        Ok(rarest)
    }

    pub(super) fn indexes(&self) -> Vec<IndexNumber> {
        self.ranges.iter().map(|(index, _)| *index).collect()
    }

    /// The identities by ID, those after `after`.
    pub(super) fn candidates(
        &self,
        connection: &Connection,
        hub: &HubName,
        source: Source,
        after: Option<&IdentityId>,
    ) -> rusqlite::Result<Vec<Candidate>> {
        let after = after.map_or(("", ""), columns_of);
        let mut candidates = Vec::new();
        for (index, range) in &self.ranges {
            indexes::identities(connection, hub, *index, range, |number, device, module| {
                let of_source = module.is_empty() == (source == Source::Devices);
                if of_source && (device, module) > after {
                    candidates.push(Candidate {
                        device: device.to_owned(),
                        module: module.to_owned(),
                        number,
                    });
                }
            })?;
        }
        candidates.sort_unstable();
        candidates.dedup();
        Ok(candidates)
    }
}

/// The ranges with their indexes; nothing unless all have one that is built.
fn indexed<'l>(
    connection: &Connection,
    hub: &HubName,
    lookup: &'l Lookup,
) -> rusqlite::Result<Option<Vec<(IndexNumber, &'l Range)>>> {
    let mut ranges = Vec::with_capacity(lookup.len());
    for (path, range) in lookup {
        let Some(index) = indexes::ready(connection, hub, path)? else {
            return Ok(None);
        };
        ranges.push((index, range));
    }
    Ok(Some(ranges))
}
