//! The values of many twins, in the order of an index.

use std::cmp::Ordering;

use rusqlite::types::Value;
use rusqlite::{Connection, Result};

use super::lookup::indexed;
use crate::documents::Paths;
use crate::tables::indexes::StoredIndex;
use crate::tables::{self, IdentityNumber};

/// Twins that are read at once.
const AT_ONCE: usize = 5_000;
/// Values that are sorted together.
const MOST: usize = 250_000;
/// A run ends early when its texts have so many bytes.
const MOST_BYTES: usize = 16 * 1024 * 1024;

pub(super) type Values = Vec<(Value, IdentityNumber)>;

/// The values of some twins one after the other.
pub(super) struct Run {
    /// In order.
    pub values: Values,
    /// The last of the twins, if there may be more.
    pub last: Option<IdentityNumber>,
}

impl Run {
    /// Reads the twins after one; nothing if it shall not go on.
    pub(super) fn read(
        connection: &Connection,
        index: &StoredIndex,
        paths: &Paths,
        after: IdentityNumber,
        goes_on: impl Fn() -> bool,
    ) -> Result<Option<Self>> {
        let (hub, section) = (index.hub, index.path.section);
        let mut values = Values::new();
        let (mut last, mut bytes) = (Some(after), 0);
        while let Some(after) = last.filter(|_| values.len() < MOST && bytes < MOST_BYTES) {
            let each = |identity, document: &str| {
                paths.values(document, &mut |_, kind| {
                    let value = indexed(kind);
                    bytes += text_bytes(&value);
                    values.push((value, identity));
                });
            };
            last = tables::indexed::documents(connection, hub, section, after, AT_ONCE, each)?;
            if !goes_on() {
                return Ok(None);
            }
        }
        values.sort_unstable_by(|(left, left_of), (right, right_of)| {
            in_order(left, right).then(left_of.cmp(right_of))
        });
        Ok(Some(Run { values, last }))
    }
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        _ => 0,
    }
}

/// As SQLite has them, roughly: it is for speed alone.
fn in_order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Real(left), Value::Real(right)) => left.total_cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Blob(left), Value::Blob(right)) => left.cmp(right),
        (left, right) => kind(left).cmp(&kind(right)),
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null | Value::Integer(_) | Value::Real(_) => 0,
        Value::Text(_) => 1,
        Value::Blob(_) => 2,
    }
}
