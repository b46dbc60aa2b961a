//! What indexes are made of: documents of twins, and what is seen of
//! identities.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result, Row, params};

use super::identities::{self, IDENTITY_ROW};
use super::scan::identity_of;
use super::{HubNumber, IdentityNumber};
use crate::indexes::documents::{of_identity_row, of_model};
use crate::indexes::path::Section;

/// A section of the twins of a hub, by number, from after one on; nothing but
/// what `each` takes is held. Returns the last that was read if there may be
/// more.
pub(crate) fn documents(
    connection: &Connection,
    hub: HubNumber,
    section: Section,
    after: IdentityNumber,
    limit: usize,
    mut each: impl FnMut(IdentityNumber, &str),
) -> Result<Option<IdentityNumber>> {
    let sql = match column_of(section) {
        Some(column) => format!(
            "SELECT identity, {column} FROM twins WHERE identity > ?1 AND +hub = ?2
             ORDER BY identity LIMIT ?3"
        ),
        None => format!(
            "SELECT id, device, module, {IDENTITY_ROW} FROM identities
             WHERE id > ?1 AND +hub = ?2 ORDER BY id LIMIT ?3"
        ),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![after.0, hub.0, limit.cast_signed()])?;
    let (mut last, mut count) = (after, 0);
    while let Some(row) = rows.next()? {
        last = IdentityNumber(row.get(0)?);
        count += 1;
        match section {
            Section::Identity => each(last, &identity_document(row)?),
            Section::Model => each(last, &of_model(text_of(row.get_ref(1)?))),
            _ => each(last, text_of(row.get_ref(1)?)),
        }
    }
    Ok((count == limit).then_some(last))
}

/// The documents of one twin, in the order of [`Section::OF_TWINS`].
pub(crate) fn documents_of(
    connection: &Connection,
    identity: IdentityNumber,
    mut each: impl FnMut(Section, &str) -> Result<()>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT tags, desired, reported, model_id FROM twins WHERE identity = ?1",
    )?;
    let mut rows = statement.query([identity.0])?;
    let Some(row) = rows.next()? else {
        return Ok(());
    };
    for (column, section) in Section::OF_TWINS.into_iter().enumerate() {
        let text = text_of(row.get_ref(column)?);
        match section {
            Section::Model => each(section, &of_model(text))?,
            _ => each(section, text)?,
        }
    }
    Ok(())
}

/// Nothing if it is in no twin's row.
fn column_of(section: Section) -> Option<&'static str> {
    match section {
        Section::Tags => Some("tags"),
        Section::Desired => Some("desired"),
        Section::Reported => Some("reported"),
        Section::Model => Some("model_id"),
        Section::Identity => None,
    }
}

/// Of one that can't be read there is nothing.
fn identity_document(row: &Row<'_>) -> Result<String> {
    let (device, module) = (text_of(row.get_ref(1)?), text_of(row.get_ref(2)?));
    let Ok(id) = identity_of(device, module) else {
        return Ok(String::new());
    };
    Ok(of_identity_row(id, identities::row_at(row, 3)?))
}

/// A document that is no text is as good as one that is no JSON.
pub(super) fn text_of(column: ValueRef<'_>) -> &str {
    column.as_str().unwrap_or_default()
}
