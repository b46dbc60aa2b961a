//! Rows to columns.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::row::Row;
use super::syntax::{Column, Item};

/// The columns of one row; what is undefined is left out.
pub(super) fn columns(items: &[Item], row: &Row<'_>) -> Map<String, Value> {
    items
        .iter()
        .filter_map(|item| {
            let Column::Path(path) = &item.column else {
                return None;
            };
            let value = row.get(path).map(Cow::into_owned)?;
            Some((item.name.clone(), value))
        })
        .collect()
}
