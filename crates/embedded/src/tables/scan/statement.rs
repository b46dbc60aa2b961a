//! The statement that reads twins of a scan.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use twinhub_core::ids::HubName;
use twinhub_core::ports::StoreError;
use twinhub_core::query::Source;

use super::Columns;
use super::condition::Sql;
use crate::errors::read_failed;
use crate::tables::IdentityNumber;

/// Where a statement looks.
pub(super) enum Place<'p> {
    /// At the identities after one, up to and with another.
    Stretch {
        after: (&'p str, &'p str),
        end: Option<&'p Columns>,
    },
    One(IdentityNumber),
    /// At the identity of this device and module.
    Named((&'p str, &'p str)),
}

/// What is read of twins, and of which.
pub(super) struct Statement<'a> {
    pub hub: &'a HubName,
    pub source: Source,
    /// All of these are true of them.
    pub conditions: Vec<Sql>,
    /// The columns of identities `i`, twins `t` and what is joined.
    pub columns: String,
    /// What else is joined.
    pub joined: &'static str,
}

impl Statement<'_> {
    /// Reads the rows of places of one kind, in their order, until `take` says
    /// that there is no room for more; true then.
    pub(super) fn read<'p>(
        &self,
        connection: &Connection,
        places: impl IntoIterator<Item = Place<'p>>,
        mut take: impl FnMut(&Row<'_>) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let mut places = places.into_iter().peekable();
        let Some(first) = places.peek() else {
            return Ok(false);
        };
        let sql = self.sql(first);
        let mut statement = connection.prepare_cached(&sql).map_err(read_failed)?;
        for place in places {
            let parameters = params_from_iter(self.parameters(&place));
            let mut found = statement.query(parameters).map_err(read_failed)?;
            while let Some(row) = found.next().map_err(read_failed)? {
                if take(row)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// It depends on the scan and on the kind of place alone.
    fn sql(&self, place: &Place<'_>) -> String {
        let mut sql = format!(
            "SELECT {} FROM identities i CROSS JOIN twins t {} \
             WHERE t.identity = i.id AND i.hub = (SELECT id FROM hubs WHERE name = ?)",
            self.columns, self.joined,
        );
        sql.push_str(match place {
            Place::One(_) => " AND i.id = ?",
            Place::Named(_) => " AND i.device = ? AND i.module = ?",
            Place::Stretch { end: None, .. } => " AND (i.device, i.module) > (?, ?)",
            Place::Stretch { end: Some(_), .. } => {
                " AND (i.device, i.module) > (?, ?) AND (i.device, i.module) <= (?, ?)"
            }
        });
        sql.push_str(match self.source {
            Source::Devices => " AND i.module = ''",
            Source::Modules => " AND i.module > ''",
        });
        for condition in &self.conditions {
            sql.push_str(" AND ");
            sql.push_str(&condition.text);
        }
        sql.push_str(match place {
            Place::One(_) | Place::Named(_) => "",
            Place::Stretch { .. } => " ORDER BY i.device, i.module",
        });
        sql
    }

    /// What is bound to the statement.
    fn parameters(&self, place: &Place<'_>) -> Vec<Value> {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut parameters = vec![text(self.hub.as_str())];
        match place {
            Place::One(number) => parameters.push(Value::Integer(number.0)),
            Place::Named((device, module)) => parameters.extend([text(device), text(module)]),
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
        parameters
    }
}
