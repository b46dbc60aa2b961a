//! What is folded of twins.

use std::sync::{Arc, Mutex};

use serde_json::json;
use twinhub_core::ports::{Fold, FoldPart, Parts, Scan, TwinRow, Wanted};
use twinhub_core::query::{Expr, Path, Scalar, Source};

use super::plant::{Plant, condition, names, scan};
use crate::QueryStorage;
use crate::fixture::hub_name;

/// Keeps what it is given, by finished part.
#[derive(Default)]
struct Kept(Mutex<Finished>);

#[derive(Default)]
struct Finished {
    rest: Vec<usize>,
    rows: Vec<TwinRow>,
    values: Vec<Vec<Scalar<'static>>>,
}

struct Part {
    kept: Arc<Kept>,
    part: Finished,
}

impl Fold for Kept {
    fn part(self: Arc<Self>, rest: &[usize]) -> Box<dyn FoldPart> {
        let part = Finished {
            rest: rest.to_vec(),
            ..Finished::default()
        };
        Box::new(Part { kept: self, part })
    }
}

impl FoldPart for Part {
    fn row(&mut self, row: &TwinRow) -> bool {
        self.part.rows.push(row.clone());
        true
    }

    fn values(&mut self, values: &[Scalar<'_>]) -> bool {
        let owned = |value: &Scalar<'_>| match value {
            Scalar::Undefined => Scalar::Undefined,
            Scalar::Null => Scalar::Null,
            Scalar::Bool(bool) => Scalar::Bool(*bool),
            Scalar::Number(number) => Scalar::Number(*number),
            Scalar::Text(text) => Scalar::Text(text.clone().into_owned().into()),
            Scalar::Structure => Scalar::Structure,
        };
        self.part.values.push(values.iter().map(owned).collect());
        true
    }

    fn finish(self: Box<Self>) {
        let mut kept = self.kept.0.lock().unwrap();
        kept.rest = self.part.rest;
        kept.rows.extend(self.part.rows);
        kept.values.extend(self.part.values);
    }
}

async fn folded(plant: &Plant, scan: &Scan) -> Finished {
    let kept = Arc::new(Kept::default());
    let folded = plant.queries.fold(&plant.hub, scan, kept.clone()).await;
    folded.unwrap();
    std::mem::take(&mut *kept.0.lock().unwrap())
}

async fn filled(storage: impl QueryStorage) -> Plant {
    let plant = Plant::new(storage).await;
    for number in 0..20 {
        let tags = json!({"number": number, "third": number % 3 == 0});
        plant.with_device(&format!("d{number:02}"), tags).await;
    }
    plant.with_module("d00", "m", json!({"number": 100})).await;
    plant
}

fn path(text: &str) -> Path {
    let Expr::Path(path) = condition(text) else {
        panic!("it is a path");
    };
    path
}

/// Of the source and the hub, once each.
pub async fn every_twin_is_folded_once(storage: impl QueryStorage) {
    let plant = filled(storage).await;
    let other = hub_name("harbour");
    plant.add_hub(&other).await;

    for (source, count) in [(Source::Devices, 20), (Source::Modules, 1)] {
        let all = scan(source, &[], Parts::empty());
        let mut found = names(&folded(&plant, &all).await.rows);
        found.sort();
        let listed = plant.rows(&all, 7).await.0;
        assert_eq!((found.len(), found), (count, names(&listed)));
    }
    let kept = Arc::new(Kept::default());
    let nothing = scan(Source::Devices, &[], Parts::empty());
    let folded = plant.queries.fold(&other, &nothing, kept.clone()).await;
    folded.unwrap();
    assert!(kept.0.lock().unwrap().rows.is_empty());
}

/// As rows or as nothing but values, whichever the engine prefers.
pub async fn what_is_folded_has_what_is_wanted_and_what_is_open(storage: impl QueryStorage) {
    let plant = filled(storage).await;
    let mut scan = scan(
        Source::Devices,
        &["tags.number * 2 > 20", "tags.third"],
        Parts::empty(),
    );
    let (number, rate) = (path("tags.number"), path("properties.reported.rate"));
    scan.wanted = Wanted::of([rate.clone(), path("tags.none")]);

    let folded = folded(&plant, &scan).await;

    let paths = scan.wanted_with(&folded.rest).paths.unwrap();
    let place = |path: &Path| paths.iter().position(|known| known.is_same_as(path));
    assert_eq!(place(&rate), Some(0));
    let mut numbers: Vec<_> = folded
        .values
        .iter()
        .map(|values| {
            assert_eq!(values.len(), paths.len());
            assert_eq!(values[0], Scalar::Number(1.5));
            assert_eq!(values[1], Scalar::Undefined);
            match place(&number).map(|place| &values[place]) {
                Some(Scalar::Number(number)) => *number,
                other => panic!("it is there: {other:?}"),
            }
        })
        .collect();
    numbers.extend(folded.rows.iter().map(|row| {
        assert_eq!(row.reported.as_ref().unwrap().properties["rate"], 1.5);
        row.tags.as_ref().unwrap()["number"].as_f64().unwrap()
    }));
    for expected in [12.0, 15.0, 18.0] {
        let count = numbers.iter().filter(|number| **number == expected).count();
        assert_eq!(count, 1, "{numbers:?}");
    }
    // What is left out of the answer is not true of the others.
    let is_open = |index| folded.rest.contains(&index);
    assert!(is_open(0) || numbers.iter().all(|number| *number > 10.0));
    assert!(is_open(1) || numbers.iter().all(|number| number % 3.0 == 0.0));
}

/// They look into values, which are more than what can be compared.
pub async fn conditions_on_arrays_are_given_rows(storage: impl QueryStorage) {
    let plant = Plant::new(storage).await;
    plant.with_device("d", json!({"list": [1, 2]})).await;
    let mut scan = scan(
        Source::Devices,
        &["ARRAY_CONTAINS(tags.list, 2)"],
        Parts::empty(),
    );
    scan.wanted = Wanted::of([path("properties.reported.rate")]);

    let folded = folded(&plant, &scan).await;

    assert_eq!(names(&folded.rows).len() + folded.values.len(), 1);
    assert!(folded.values.is_empty() || folded.rest.is_empty());
}
