//! A query, as parsed.

use super::expression::Expr;
use super::path::Path;
use crate::ports::{Parts, Wanted};

/// The longest query, in characters.
pub const MAX_QUERY: usize = 8_192;

/// Whose twins are queried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// `devices`
    Devices,
    /// `devices.modules`
    Modules,
}

/// What is computed over many rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregate {
    /// `COUNT()`
    Count,
    /// `SUM(path)`, of what is a number.
    Sum(Path),
    /// `AVG(path)`, of what is a number.
    Average(Path),
    /// `MIN(path)`, of what is a number, or else a text.
    Minimum(Path),
    /// `MAX(path)`, of what is a number, or else a text.
    Maximum(Path),
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// What is at a path.
    Path(Path),
    /// Something computed over the rows of a group.
    Aggregate(Aggregate),
}

/// A column of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What it is called.
    pub name: String,
    /// What it holds.
    pub column: Column,
}

/// What an answer consists of.
#[derive(Debug, Clone, PartialEq)]
pub enum Select {
    /// `*`: whole twins.
    All,
    /// A row of columns for each twin.
    Columns(Vec<Item>),
    /// A row of columns for each group of twins; without keys there is one
    /// group of all.
    Groups {
        /// The columns.
        items: Vec<Item>,
        /// What the twins of a group have in common.
        keys: Vec<Path>,
    },
}

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The most rows that all pages together have.
    pub top: Option<u64>,
    /// What an answer consists of.
    pub select: Select,
    /// Whose twins are queried.
    pub source: Source,
    /// All of these are true of every twin in the answer.
    pub conditions: Vec<Expr>,
}

impl Query {
    /// What it shows of a stored twin.
    pub(super) fn wanted(&self) -> Wanted {
        match &self.select {
            Select::All => Wanted::whole(Parts::all()),
            Select::Columns(items) => Wanted::of(paths_of(items)),
            Select::Groups { items, keys } => {
                Wanted::of(paths_of(items).chain(keys.iter().cloned()))
            }
        }
    }
}

fn paths_of(items: &[Item]) -> impl Iterator<Item = Path> {
    items.iter().filter_map(|item| match &item.column {
        Column::Path(path)
        | Column::Aggregate(
            Aggregate::Sum(path)
            | Aggregate::Average(path)
            | Aggregate::Minimum(path)
            | Aggregate::Maximum(path),
        ) => Some(path.clone()),
        Column::Aggregate(Aggregate::Count) => None,
    })
}
