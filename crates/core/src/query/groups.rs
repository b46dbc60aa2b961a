//! Rows to groups, and what is computed over them.
//!
//! A page of groups holds no more of them in memory than it shows: groups have
//! an order that depends on their keys alone, and what comes too late in it is
//! dropped at once. The next page folds all rows again.
//!
//! The order of rows does not matter, and rows may be folded in several places
//! whose groups are merged.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::continuation::Hash;
use super::expression::Constant;
use super::path::Path;
use super::row::Cells;
use super::scalar::{Scalar, json_number};
use super::sum::Sum;
use super::syntax::{Aggregate, Column, Item};

/// Where a group stands among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupOrder(pub u128);

/// Which groups rows are folded into.
pub(super) struct Grouping {
    pub items: Vec<Item>,
    /// Without any there is one group, also of no rows.
    pub keys: Vec<Path>,
    /// Only groups after this place.
    pub after: Option<GroupOrder>,
    /// Only so many, the first.
    pub limit: usize,
}

/// The first groups after a place, as rows are folded into them.
pub(super) struct Groups {
    grouping: Arc<Grouping>,
    first: BTreeMap<GroupOrder, Group>,
    /// Whether some were dropped.
    more: bool,
}

/// A group as a row, and its place.
pub(super) type PlacedRow = (GroupOrder, Map<String, Value>);

struct Group {
    keys: Vec<Constant>,
    folds: Vec<Fold>,
}

impl Groups {
    pub(super) fn new(grouping: Arc<Grouping>) -> Self {
        let mut groups = Groups {
            grouping,
            first: BTreeMap::new(),
            more: false,
        };
        let order = order_of(std::iter::empty());
        if groups.grouping.keys.is_empty() && groups.makes_room(order) {
            let group = Group::new(Vec::new(), &groups.grouping.items);
            groups.first.insert(order, group);
        }
        groups
    }

    /// Folds a row into its group.
    pub(super) fn add(&mut self, row: &impl Cells) {
        let keys = || self.grouping.keys.iter().map(|key| key_of(row.scalar(key)));
        let order = order_of(keys());
        if let Some(group) = self.first.get_mut(&order) {
            group.add(row);
            return;
        }
        let keys = keys().map(constant_of).collect();
        if self.makes_room(order) {
            let mut group = Group::new(keys, &self.grouping.items);
            group.add(row);
            self.first.insert(order, group);
        }
    }

    /// Adds what was folded elsewhere.
    pub(super) fn merge(&mut self, other: Groups) {
        self.more |= other.more;
        for (order, group) in other.first {
            if let Some(there) = self.first.get_mut(&order) {
                there.merge(group);
            } else if self.makes_room(order) {
                self.first.insert(order, group);
            }
        }
    }

    /// The groups as rows, each with its place, and whether there are more.
    pub(super) fn finish(self) -> (Vec<PlacedRow>, bool) {
        let grouping = self.grouping;
        let rows = self.first.into_iter().map(|(order, group)| {
            let row = group.into_row(&grouping.items, &grouping.keys);
            (order, row)
        });
        (rows.collect(), self.more)
    }

    /// Whether a group that is not there is on this page; if so, there is room
    /// for it.
    fn makes_room(&mut self, order: GroupOrder) -> bool {
        if self.grouping.after.is_some_and(|after| order <= after) {
            return false;
        }
        if self.first.len() < self.grouping.limit {
            return true;
        }
        self.more = true;
        match self.first.last_entry() {
            Some(last) if *last.key() > order => {
                last.remove();
                true
            }
            _ => false,
        }
    }
}

impl Group {
    fn new(keys: Vec<Constant>, items: &[Item]) -> Self {
        let folds = items.iter().filter_map(Fold::of).collect();
        Group { keys, folds }
    }

    fn add(&mut self, row: &impl Cells) {
        for fold in &mut self.folds {
            fold.add(row);
        }
    }

    /// The same group, folded elsewhere.
    fn merge(&mut self, other: Group) {
        for (fold, other) in self.folds.iter_mut().zip(other.folds) {
            fold.merge(other);
        }
    }

    /// Keys that are undefined, and what nothing was folded into, are left out.
    fn into_row(self, items: &[Item], paths: &[Path]) -> Map<String, Value> {
        let mut folds = self.folds.into_iter();
        let mut row = Map::new();
        for item in items {
            let value = match &item.column {
                Column::Path(path) => {
                    let place = paths.iter().position(|key| key.is_same_as(path));
                    place.and_then(|place| value_of(&self.keys[place]))
                }
                Column::Aggregate(_) => folds.next().and_then(Fold::finish),
            };
            row.extend(value.map(|value| (item.name.clone(), value)));
        }
        row
    }
}

/// Objects and arrays are no keys.
fn key_of(scalar: Scalar<'_>) -> Scalar<'_> {
    match scalar {
        Scalar::Structure => Scalar::Undefined,
        // There are two zeros, which are equal.
        Scalar::Number(number) => Scalar::Number(number + 0.0),
        other => other,
    }
}

fn constant_of(key: Scalar<'_>) -> Constant {
    match key {
        Scalar::Undefined | Scalar::Structure => Constant::Undefined,
        Scalar::Null => Constant::Null,
        Scalar::Bool(bool) => Constant::Bool(bool),
        Scalar::Number(number) => Constant::Number(number),
        Scalar::Text(text) => Constant::Text(text.into_owned()),
    }
}

fn value_of(key: &Constant) -> Option<Value> {
    match key {
        Constant::Undefined => None,
        Constant::Null => Some(Value::Null),
        Constant::Bool(bool) => Some(Value::Bool(*bool)),
        Constant::Number(number) => json_number(*number),
        Constant::Text(text) => Some(Value::String(text.clone())),
    }
}

/// The same in every build, for tokens outlive it.
fn order_of<'v>(keys: impl Iterator<Item = Scalar<'v>>) -> GroupOrder {
    let mut hash = Hash::default();
    for key in keys {
        match key {
            Scalar::Undefined | Scalar::Structure => hash.add(&[0]),
            Scalar::Null => hash.add(&[1]),
            Scalar::Bool(bool) => hash.add(&[2, u8::from(bool)]),
            Scalar::Number(number) => {
                hash.add(&[3]);
                hash.add(&number.to_bits().to_be_bytes());
            }
            Scalar::Text(text) => {
                hash.add(&[4]);
                hash.add(&text.len().to_be_bytes());
                hash.add(text.as_bytes());
            }
        }
    }
    GroupOrder(hash.finish())
}

/// What is being computed.
enum Fold {
    Count(u64),
    Sum(Path, Sum),
    Average(Path, Sum),
    Minimum(Path, Extremes),
    Maximum(Path, Extremes),
}

/// The least or greatest number and text.
#[derive(Default)]
struct Extremes {
    number: Option<f64>,
    text: Option<String>,
}

impl Fold {
    fn of(item: &Item) -> Option<Self> {
        let Column::Aggregate(aggregate) = &item.column else {
            return None;
        };
        Some(match aggregate.clone() {
            Aggregate::Count => Fold::Count(0),
            Aggregate::Sum(path) => Fold::Sum(path, Sum::default()),
            Aggregate::Average(path) => Fold::Average(path, Sum::default()),
            Aggregate::Minimum(path) => Fold::Minimum(path, Extremes::default()),
            Aggregate::Maximum(path) => Fold::Maximum(path, Extremes::default()),
        })
    }

    fn add(&mut self, row: &impl Cells) {
        match self {
            Fold::Count(count) => *count += 1,
            Fold::Sum(path, sum) | Fold::Average(path, sum) => {
                if let Scalar::Number(number) = row.scalar(path) {
                    sum.add(number);
                }
            }
            Fold::Minimum(path, extremes) => extremes.add(row.scalar(path), true),
            Fold::Maximum(path, extremes) => extremes.add(row.scalar(path), false),
        }
    }

    fn merge(&mut self, other: Fold) {
        match (self, other) {
            (Fold::Count(count), Fold::Count(other)) => *count += other,
            (Fold::Sum(_, sum), Fold::Sum(_, other))
            | (Fold::Average(_, sum), Fold::Average(_, other)) => sum.merge(other),
            (Fold::Minimum(_, extremes), Fold::Minimum(_, other)) => extremes.merge(other, true),
            (Fold::Maximum(_, extremes), Fold::Maximum(_, other)) => extremes.merge(other, false),
            _ => unreachable!("both are of the same item"),
        }
    }

    fn finish(self) -> Option<Value> {
        match self {
            Fold::Count(count) => Some(Value::from(count)),
            Fold::Sum(_, sum) => sum.total().and_then(json_number),
            Fold::Average(_, sum) => sum.mean().and_then(json_number),
            Fold::Minimum(_, extremes) | Fold::Maximum(_, extremes) => match extremes.number {
                Some(number) => json_number(number),
                None => extremes.text.map(Value::String),
            },
        }
    }
}

impl Extremes {
    fn merge(&mut self, other: Extremes, least: bool) {
        if let Some(number) = other.number {
            self.add(Scalar::Number(number), least);
        }
        if let Some(text) = other.text {
            self.add(Scalar::Text(text.into()), least);
        }
    }

    fn add(&mut self, value: Scalar<'_>, least: bool) {
        match value {
            Scalar::Number(number) => {
                let replaced = self
                    .number
                    .is_none_or(|best| if least { number < best } else { number > best });
                if replaced {
                    self.number = Some(number);
                }
            }
            Scalar::Text(text) => {
                let replaced = self
                    .text
                    .as_deref()
                    .is_none_or(|best| if least { *text < *best } else { *text > *best });
                if replaced {
                    self.text = Some(text.into_owned());
                }
            }
            Scalar::Undefined | Scalar::Null | Scalar::Bool(_) | Scalar::Structure => {}
        }
    }
}

#[cfg(test)]
mod tests;
