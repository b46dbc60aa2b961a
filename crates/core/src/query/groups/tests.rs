use serde_json::json;

use super::super::row::ValuesRow;
use super::*;
use crate::query::{Query, Select};

const TEXT: &str = "SELECT tags.k, COUNT() AS n, SUM(tags.v) AS sum, AVG(tags.v) AS mean, \
     MIN(tags.v) AS least, MAX(tags.v) AS most FROM devices GROUP BY tags.k";
const KEYS: u32 = 50;

/// The first groups of this order after a place.
fn grouping(after: Option<GroupOrder>, limit: usize) -> Arc<Grouping> {
    let Select::Groups { items, keys } = Query::parse(TEXT).unwrap().select else {
        panic!("it has groups");
    };
    Arc::new(Grouping {
        items,
        keys,
        after,
        limit,
    })
}

/// Folds rows into as many groups as there are parts, and merges these.
fn folded(grouping: &Arc<Grouping>, parts: usize) -> (Vec<PlacedRow>, bool) {
    let paths = Query::parse(TEXT).unwrap().wanted().paths.unwrap();
    let mut groups: Vec<_> = (0..parts).map(|_| Groups::new(grouping.clone())).collect();
    for number in 0..2_000_u32 {
        let key = Scalar::Text(format!("k{}", number * 7 % KEYS).into());
        let value = match number % 11 {
            0 => Scalar::Text(format!("t{number}").into()),
            1 => Scalar::Undefined,
            _ => Scalar::Number(f64::from(number) * 0.1 - 50.0),
        };
        let values: Vec<_> = paths
            .iter()
            .map(|path| if path.name == "k" { &key } else { &value })
            .map(Scalar::borrowed)
            .collect();
        let row = ValuesRow {
            paths: &paths,
            values: &values,
        };
        groups[(number * number) as usize % parts].add(&row);
    }
    let mut whole = Groups::new(grouping.clone());
    for groups in groups {
        whole.merge(groups);
    }
    whole.finish()
}

#[test]
fn groups_that_are_folded_apart_are_those_that_are_folded_at_once() {
    for limit in [1, 7, 1_000] {
        let mut after = None;
        let mut seen = 0;
        loop {
            let grouping = grouping(after, limit);
            let (rows, more) = folded(&grouping, 1);

            for parts in [2, 5] {
                assert_eq!(folded(&grouping, parts), (rows.clone(), more));
            }
            seen += rows.len();
            after = rows.last().map(|(order, _)| *order);
            if !more {
                break;
            }
        }
        assert_eq!(seen, KEYS as usize);
    }
}

#[test]
fn without_keys_there_is_one_group_also_of_no_rows() {
    let query = Query::parse("SELECT COUNT() AS n, SUM(tags.v) AS sum FROM devices").unwrap();
    let Select::Groups { items, keys } = query.select else {
        panic!("it is folded");
    };
    let grouping = Arc::new(Grouping {
        items,
        keys,
        after: None,
        limit: 100,
    });

    let mut groups = Groups::new(grouping.clone());
    groups.merge(Groups::new(grouping));
    let (rows, more) = groups.finish();

    let rows: Vec<_> = rows
        .into_iter()
        .map(|(_, row)| Value::Object(row))
        .collect();
    assert_eq!((rows, more), (vec![json!({"n": 0})], false));
}
