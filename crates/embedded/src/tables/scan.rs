//! Twins by ID, those that fulfil conditions.
//!
//! Conditions that SQL can answer are part of the statement
//! ([`condition`]). If an index leads to few twins ([`candidates`]), these are
//! looked at; if none but the connected can be meant, they are ([`connected`]);
//! if not, a read looks at a bounded stretch of all identities, so that few
//! hits don't make it long.

use rusqlite::{Connection, OptionalExtension as _, params};
use twinhub_core::ids::{DeviceId, HubName, IdentityId, ModuleId};
use twinhub_core::ports::{Scan, Slice, StoreError};
use twinhub_core::presence::ConnectedIds;

use self::between::Between;
use self::candidates::{Candidate, Rarest};
use self::condition::Pushed;
pub(crate) use self::condition::{names_devices, successor, with_path_first};
pub(crate) use self::folding::{Stretch, fold};
use self::reading::Reading;
use self::statement::Place;
use super::columns_of;
use crate::errors::{read_failed, unreadable};
use crate::indexes::IndexSettings;
use crate::indexes::demand::{Account, Search};
use crate::indexes::lookup::Lookup;

mod between;
mod candidates;
mod condition;
mod connected;
mod folding;
mod reading;
mod statement;

/// Identities that one read with conditions looks at.
const STRETCH: u32 = 5_000;
/// Candidates that one read looks at, which are all over the file.
const CANDIDATES: usize = 2_000;
/// All twins are folded rather than the connected if more than one in so many
/// is: several readers fold all of them.
const CONNECTED_ONE_IN: u64 = 4;

/// What a read is about.
pub(crate) struct Asked<'a> {
    pub hub: &'a HubName,
    pub scan: &'a Scan,
    pub after: Option<&'a IdentityId>,
    pub limit: usize,
    /// The conditions that an index would serve.
    pub lookups: &'a [Lookup],
}

/// The next twins after `after`, and how they were found.
pub(crate) fn read(
    connection: &Connection,
    asked: &Asked<'_>,
    settings: &IndexSettings,
) -> Result<(Slice, Account), StoreError> {
    let pushed = Pushed::of(asked.scan.source, &asked.scan.conditions);
    let connected = asked.scan.connected.as_ref();
    if pushed.finds_few || (asked.lookups.is_empty() && connected.is_none()) {
        let (slice, _) = search(connection, asked, pushed)?;
        return Ok((slice, Account::NoUse));
    }
    // One moment for the index and the twins that it leads to.
    let moment = connection.unchecked_transaction().map_err(read_failed)?;
    let identities = identities_of(&moment, asked.hub).map_err(read_failed)?;
    let most = connected.map_or(usize::MAX, ConnectedIds::count);
    let few = settings.few(identities).min(most);
    let rarest = Rarest::of(&moment, asked.hub, asked.lookups, few);
    if let Some(rarest) = rarest.map_err(read_failed)? {
        let candidates = rarest.candidates(&moment, asked.hub, asked.scan.source, asked.after);
        let slice = look_at(&moment, asked, pushed, &candidates.map_err(read_failed)?)?;
        return Ok((slice, Account::Used(rarest.indexes())));
    }
    let (slice, looked_at) = match connected {
        Some(connected) => connected::look_at(&moment, asked, pushed, connected)?,
        None => search(&moment, asked, pushed)?,
    };
    let search = Search {
        of: identities,
        looked_at,
        found: slice.rows.len() as u64,
    };
    let account = match connected {
        Some(_) => Account::Connected(search),
        None => Account::Searched(search),
    };
    Ok((slice, account))
}

/// Whether few twins are to be looked at, to which an index leads, or who is
/// connected.
pub(crate) fn is_narrow(
    connection: &Connection,
    hub: &HubName,
    scan: &Scan,
    lookups: &[Lookup],
    settings: &IndexSettings,
) -> rusqlite::Result<bool> {
    let identities = identities_of(connection, hub)?;
    if let Some(connected) = &scan.connected
        && connected.count() as u64 <= identities / CONNECTED_ONE_IN
    {
        return Ok(true);
    }
    let rarest = Rarest::of(connection, hub, lookups, settings.few(identities))?;
    Ok(rarest.is_some())
}

/// Reads a stretch of all twins; how many identities it looked at, in full
/// stretches.
fn search(
    connection: &Connection,
    asked: &Asked<'_>,
    pushed: Pushed,
) -> Result<(Slice, u64), StoreError> {
    let between = Between::of(&asked.scan.conditions);
    let after = asked.after.map_or(("", ""), columns_of);
    let after = after.max((&between.after, ""));
    let mut end = if asked.scan.conditions.is_empty() || pushed.finds_few {
        None
    } else {
        end_of_stretch(connection, asked.hub, after, STRETCH).map_err(read_failed)?
    };
    let is_last = end
        .as_ref()
        .is_none_or(|(device, _)| between.ends_by(device));
    if is_last && !between.below.is_empty() {
        end = Some((between.below.clone(), String::new()));
    }
    let place = Place::Stretch {
        after,
        end: end.as_ref(),
    };
    let mut reading = Reading::of(asked, pushed);
    if reading.read(connection, [place])? {
        return Ok((reading.slice, 0));
    }
    let mut slice = reading.slice;
    let end = end.filter(|_| !is_last);
    let looked_at = if end.is_some() { STRETCH.into() } else { 0 };
    slice.next = end
        .map(|(device, module)| identity_of(&device, &module))
        .transpose()?;
    Ok((slice, looked_at))
}

/// Reads those of the candidates that fulfil the conditions.
fn look_at(
    connection: &Connection,
    asked: &Asked<'_>,
    pushed: Pushed,
    candidates: &[Candidate],
) -> Result<Slice, StoreError> {
    let mut reading = Reading::of(asked, pushed);
    let places = candidates.iter().take(CANDIDATES);
    let places = places.map(|candidate| Place::One(candidate.number));
    if reading.read(connection, places)? {
        return Ok(reading.slice);
    }
    let mut slice = reading.slice;
    if let Some(last) = candidates.get(CANDIDATES - 1) {
        slice.next = Some(identity_of(&last.device, &last.module)?);
    }
    Ok(slice)
}

/// Of an identity: its device and its module, which may be empty.
pub(crate) type Columns = (String, String);

pub(crate) fn identities_of(connection: &Connection, hub: &HubName) -> rusqlite::Result<u64> {
    let counted: Option<i64> = connection
        .prepare_cached(
            "SELECT enabled_devices + disabled_devices + modules FROM hubs WHERE name = ?1",
        )?
        .query_row([hub.as_str()], |row| row.get(0))
        .optional()?;
    Ok(counted.unwrap_or_default().unsigned_abs())
}

/// The last identity of the stretch after `after`; nothing if it is the last.
pub(crate) fn end_of_stretch(
    connection: &Connection,
    hub: &HubName,
    (device, module): (&str, &str),
    identities: u32,
) -> rusqlite::Result<Option<Columns>> {
    connection
        .prepare_cached(
            "SELECT device, module FROM identities
             WHERE hub = (SELECT id FROM hubs WHERE name = ?1) AND (device, module) > (?2, ?3)
             ORDER BY device, module LIMIT 1 OFFSET ?4",
        )?
        .query_row(
            params![hub.as_str(), device, module, identities - 1],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
}

pub(in crate::tables) fn identity_of(device: &str, module: &str) -> Result<IdentityId, StoreError> {
    let unreadable = |_| unreadable(format_args!("identity {device:?}/{module:?}"), 1);
    let device_id = DeviceId::parse(device).map_err(unreadable)?;
    if module.is_empty() {
        return Ok(device_id.into());
    }
    let module_id = ModuleId::parse(module).map_err(unreadable)?;
    Ok(IdentityId::module(device_id, module_id))
}
