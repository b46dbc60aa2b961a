//! Conditions as ranges of indexed values.
//!
//! A lookup finds all twins that fulfil its condition, and maybe others:
//! whoever asks looks at what it finds. That is why long texts may be cut,
//! and why an index never decides what a comparison means.

use rusqlite::types::Value;
use twinhub_core::query::{Comparison, Constant, Expr};

use super::path::IndexPath;
use crate::documents::Kind;
use crate::tables::scan::{successor, with_path_first};

/// Characters of a text that are indexed. Texts that are cut so keep their
/// order, or become equal.
const MAX_TEXT: usize = 64;
/// Ranges of one condition that are still worth looking up.
const MAX_RANGES: usize = 64;

// Blobs come after all numbers and texts.
const FALSE: u8 = 0;
const TRUE: u8 = 1;
const NULL: u8 = 2;
const STRUCTURE: u8 = 3;
const AFTER_ALL: u8 = 4;

/// A range of one index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    /// The first in it.
    pub from: Value,
    pub to: To,
}

/// Where a range ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum To {
    /// This is the last in it.
    With(Value),
    /// This is the first that is not in it.
    Before(Value),
}

/// Where the twins are that may fulfil a condition: in one of these ranges.
pub(crate) type Lookup = Vec<(IndexPath, Range)>;

/// A value as it is indexed: of a stored value and of one in a query alike.
pub(crate) fn indexed(kind: Kind<'_>) -> Value {
    match kind {
        Kind::Null => Value::Blob(vec![NULL]),
        Kind::Bool(false) => Value::Blob(vec![FALSE]),
        Kind::Bool(true) => Value::Blob(vec![TRUE]),
        // There are two zeros, which are equal.
        Kind::Number(number) => Value::Real(number + 0.0),
        Kind::Text(text) => {
            let end = text.char_indices().nth(MAX_TEXT).map(|(end, _)| end);
            Value::Text(text[..end.unwrap_or(text.len())].to_owned())
        }
        Kind::Structure => Value::Blob(vec![STRUCTURE]),
    }
}

/// Nothing if no index helps.
pub(crate) fn lookup(condition: &Expr) -> Option<Lookup> {
    let lookup = match condition {
        Expr::Path(path) => vec![(IndexPath::of(path)?, equal(Kind::Bool(true)))],
        Expr::IsDefined(path) => vec![(IndexPath::of(path)?, everything())],
        Expr::Compare(left, comparison, right) => {
            let (path, comparison, constant) = with_path_first(left, *comparison, right)?;
            vec![(IndexPath::of(path)?, compared(comparison, constant)?)]
        }
        Expr::In(value, list) => {
            let Expr::Path(path) = &**value else {
                return None;
            };
            let path = IndexPath::of(path)?;
            if list.len() > MAX_RANGES {
                return None;
            }
            let ranges = list.iter().filter_map(kind_of).map(equal);
            ranges.map(|range| (path.clone(), range)).collect()
        }
        Expr::StartsWith(text, start) => match (&**text, &**start) {
            (Expr::Path(path), Expr::Constant(Constant::Text(start))) => {
                vec![(IndexPath::of(path)?, starting_with(start))]
            }
            _ => return None,
        },
        Expr::And(parts) => parts.iter().find_map(lookup)?,
        Expr::Or(parts) => {
            let lookups: Option<Vec<_>> = parts.iter().map(lookup).collect();
            lookups?.into_iter().flatten().collect()
        }
        Expr::Constant(_)
        | Expr::Not(_)
        | Expr::NotIn(..)
        | Expr::Chain(..)
        | Expr::Negative(_)
        | Expr::EndsWith(..)
        | Expr::ArrayContains(..) => return None,
    };
    (lookup.len() <= MAX_RANGES).then_some(lookup)
}

fn compared(comparison: Comparison, constant: &Constant) -> Option<Range> {
    if comparison == Comparison::Equal {
        return Some(equal(kind_of(constant)?));
    }
    // Texts and numbers have an order, each among themselves.
    let (least, after) = match constant {
        Constant::Number(_) => (Value::Real(f64::NEG_INFINITY), Value::Text(String::new())),
        Constant::Text(_) => (Value::Text(String::new()), Value::Blob(Vec::new())),
        Constant::Undefined | Constant::Null | Constant::Bool(_) => return None,
    };
    // Included in any case: what comes after a text may be cut to the same.
    let value = indexed(kind_of(constant)?);
    match comparison {
        Comparison::Less | Comparison::LessOrEqual => Some(Range {
            from: least,
            to: To::With(value),
        }),
        Comparison::Greater | Comparison::GreaterOrEqual => Some(Range {
            from: value,
            to: To::Before(after),
        }),
        Comparison::Equal | Comparison::NotEqual => None,
    }
}

fn equal(kind: Kind<'_>) -> Range {
    let value = indexed(kind);
    Range {
        from: value.clone(),
        to: To::With(value),
    }
}

fn everything() -> Range {
    Range {
        from: Value::Real(f64::NEG_INFINITY),
        to: To::Before(Value::Blob(vec![AFTER_ALL])),
    }
}

/// From the prefix up to what comes after all that begin with it.
fn starting_with(start: &str) -> Range {
    let from = indexed(Kind::Text(start.into()));
    let end = match &from {
        Value::Text(start) => successor(start),
        _ => None,
    };
    let end = end.map_or_else(|| Value::Blob(Vec::new()), Value::Text);
    Range {
        from,
        to: To::Before(end),
    }
}

/// What is undefined equals nothing.
fn kind_of(constant: &Constant) -> Option<Kind<'_>> {
    Some(match constant {
        Constant::Undefined => return None,
        Constant::Null => Kind::Null,
        Constant::Bool(bool) => Kind::Bool(*bool),
        Constant::Number(number) => Kind::Number(*number),
        Constant::Text(text) => Kind::Text(text.into()),
    })
}
