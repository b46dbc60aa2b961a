//! Twins of identities that are known to be connected.
//!
//! They are looked at in the order of their IDs, some at a time: a page of them
//! is full soon, however many there are. Each is looked up by its ID, unless
//! most of those around them are connected, too: then the stretch from the
//! first to the last is read, for a row after the other is read sooner than by
//! its ID.

use rusqlite::Connection;
use twinhub_core::ids::IdentityId;
use twinhub_core::ports::{Slice, StoreError};
use twinhub_core::presence::ConnectedIds;

use super::between::{Between, before};
use super::condition::Pushed;
use super::reading::Reading;
use super::statement::Place;
use super::{Asked, CANDIDATES, Columns, end_of_stretch};
use crate::errors::read_failed;
use crate::tables::columns_of;

/// A stretch is read if at least one in so many of its identities is connected.
const ONE_IN: u32 = 3;

/// Reads those of the next connected that fulfil the conditions; how many were
/// looked at.
pub(super) fn look_at(
    connection: &Connection,
    asked: &Asked<'_>,
    pushed: Pushed,
    connected: &ConnectedIds,
) -> Result<(Slice, u64), StoreError> {
    let between = Between::of(&asked.scan.conditions);
    let after = asked.after.map_or(("", ""), columns_of);
    let (device, module) = after.max((&between.after, ""));
    let most = asked.limit.clamp(1, CANDIDATES);
    let mut ids = connected.after(device, module, most);
    let is_last = ids.len() < most;
    let within = ids.partition_point(|id| !between.ends_by(id.device_id().as_str()));
    let is_last = is_last || within < ids.len();
    ids.truncate(within);
    let looked_at = ids.len() as u64;

    let mut reading = Reading::of(asked, pushed);
    let stretch = stretch_of(connection, asked, &ids).map_err(read_failed)?;
    let is_full = match &stretch {
        Some((after, end)) => {
            let place = Place::Stretch {
                after: (&after.0, &after.1),
                end: Some(end),
            };
            reading.read(connection, [place])?
        }
        None => {
            let places = ids.iter().map(|id| Place::Named(columns_of(id)));
            reading.read(connection, places)?
        }
    };
    let mut slice = reading.slice;
    if !is_full && !is_last {
        slice.next = ids.pop();
    }
    Ok((slice, looked_at))
}

/// Where all of these are, if not many others are there: what they come after,
/// and the last of them.
fn stretch_of(
    connection: &Connection,
    asked: &Asked<'_>,
    ids: &[IdentityId],
) -> rusqlite::Result<Option<(Columns, Columns)>> {
    let ([first, .., last], Ok(count)) = (ids, u32::try_from(ids.len())) else {
        return Ok(None);
    };
    let after = just_before(columns_of(first));
    let (device, module) = columns_of(last);
    let last = (device.to_owned(), module.to_owned());
    let many = count.saturating_mul(ONE_IN);
    let far = end_of_stretch(connection, asked.hub, (&after.0, &after.1), many)?;
    let is_dense = far.is_none_or(|far| far >= last);
    Ok(is_dense.then_some((after, last)))
}

/// Before an identity, with no other between them.
fn just_before((device, module): (&str, &str)) -> Columns {
    if module.is_empty() {
        (before(device), String::new())
    } else {
        (device.to_owned(), before(module))
    }
}
