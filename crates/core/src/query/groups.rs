//! Rows to groups, and what is computed over them.
//!
//! A page of groups holds no more of them in memory than it shows: groups have
//! an order that depends on their keys alone, and what comes too late in it is
//! dropped at once. The next page folds all rows again.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::expression::Constant;
use super::path::Path;
use super::row::Row;
use super::scalar::{Scalar, json_number};
use super::syntax::{Aggregate, Column, Item};

/// Where a group stands among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupOrder(pub u128);

/// The first groups after a place, as rows are folded into them.
pub(super) struct Groups<'q> {
    items: &'q [Item],
    keys: &'q [Path],
    after: Option<GroupOrder>,
    limit: usize,
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

impl<'q> Groups<'q> {
    /// The first `limit` groups after `after`. Without keys there is one
    /// group, also of no rows.
    pub(super) fn new(
        items: &'q [Item],
        keys: &'q [Path],
        after: Option<GroupOrder>,
        limit: usize,
    ) -> Self {
        let mut groups = Groups {
            items,
            keys,
            after,
            limit,
            first: BTreeMap::new(),
            more: false,
        };
        if keys.is_empty() {
            groups.group(Vec::new());
        }
        groups
    }

    /// Folds a row into its group.
    pub(super) fn add(&mut self, row: &Row<'_>) {
        let keys = self.keys.iter();
        let keys = keys.map(|key| key_of(Scalar::of(row.get(key)))).collect();
        let Some(group) = self.group(keys) else {
            return;
        };
        for fold in &mut group.folds {
            fold.add(row);
        }
    }

    /// The groups as rows, each with its place, and whether there are more.
    pub(super) fn finish(self) -> (Vec<PlacedRow>, bool) {
        let (items, paths) = (self.items, self.keys);
        let rows = self.first.into_iter().map(|(order, group)| {
            let row = group.into_row(items, paths);
            (order, row)
        });
        (rows.collect(), self.more)
    }

    /// The group of these keys; nothing if it is not on this page.
    fn group(&mut self, keys: Vec<Constant>) -> Option<&mut Group> {
        let order = order_of(&keys);
        if self.after.is_some_and(|after| order <= after) {
            return None;
        }
        if !self.first.contains_key(&order) {
            let last = self.first.last_key_value().map(|(order, _)| *order);
            if self.first.len() >= self.limit {
                self.more = true;
                if last.is_none_or(|last| order > last) {
                    return None;
                }
                self.first.pop_last();
            }
            let folds = self.items.iter().filter_map(Fold::of).collect();
            self.first.insert(order, Group { keys, folds });
        }
        self.first.get_mut(&order)
    }
}

impl Group {
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
fn key_of(scalar: Scalar<'_>) -> Constant {
    match scalar {
        Scalar::Undefined | Scalar::Structure => Constant::Undefined,
        Scalar::Null => Constant::Null,
        Scalar::Bool(bool) => Constant::Bool(bool),
        // There are two zeros, which are equal.
        Scalar::Number(number) => Constant::Number(number + 0.0),
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
fn order_of(keys: &[Constant]) -> GroupOrder {
    let mut hash = super::continuation::Hash::default();
    for key in keys {
        match key {
            Constant::Undefined => hash.add(&[0]),
            Constant::Null => hash.add(&[1]),
            Constant::Bool(bool) => hash.add(&[2, u8::from(*bool)]),
            Constant::Number(number) => {
                hash.add(&[3]);
                hash.add(&number.to_bits().to_be_bytes());
            }
            Constant::Text(text) => {
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

/// A sum that is exact while the numbers are whole.
#[derive(Default)]
struct Sum {
    count: u32,
    whole: i128,
    broken: f64,
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

    fn add(&mut self, row: &Row<'_>) {
        match self {
            Fold::Count(count) => *count += 1,
            Fold::Sum(path, sum) | Fold::Average(path, sum) => {
                if let Scalar::Number(number) = Scalar::of(row.get(path)) {
                    sum.add(number);
                }
            }
            Fold::Minimum(path, extremes) => extremes.add(Scalar::of(row.get(path)), true),
            Fold::Maximum(path, extremes) => extremes.add(Scalar::of(row.get(path)), false),
        }
    }

    fn finish(self) -> Option<Value> {
        match self {
            Fold::Count(count) => Some(Value::from(count)),
            Fold::Sum(_, sum) => sum.total().and_then(json_number),
            Fold::Average(_, sum) => {
                let total = sum.total()?;
                json_number(total / f64::from(sum.count))
            }
            Fold::Minimum(_, extremes) | Fold::Maximum(_, extremes) => match extremes.number {
                Some(number) => json_number(number),
                None => extremes.text.map(Value::String),
            },
        }
    }
}

impl Sum {
    fn add(&mut self, number: f64) {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        self.count = self.count.saturating_add(1);
        if number.fract() == 0.0 && number.abs() <= EXACT {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it was just seen to be a whole number that fits"
            )]
            let whole = number as i128;
            self.whole += whole;
        } else {
            self.broken += number;
        }
    }

    /// Nothing if there was no number.
    fn total(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
        let whole = self.whole as f64;
        (self.count > 0).then_some(whole + self.broken)
    }
}

impl Extremes {
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
