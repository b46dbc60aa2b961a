//! Groups that are folded in several places at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::groups::{Grouping, Groups, PlacedRow};
use super::path::Path;
use super::row::ValuesRow;
use super::scalar::Scalar;
use super::sieve::Sieve;
use crate::ports::{Fold, FoldPart, Scan, TwinRow};

/// The rows of a scan, folded into groups.
pub(super) struct Folding {
    pub scan: Scan,
    /// Of the scan's conditions.
    pub sieve: Sieve,
    pub grouping: Arc<Grouping>,
    /// What finished parts have come to. There are as many as parts were under
    /// way at once, for the next part goes on with one of them.
    pub finished: Mutex<Vec<Groups>>,
}

impl Folding {
    /// The groups as rows, each with its place, and whether there are more.
    pub(super) fn finish(&self) -> (Vec<PlacedRow>, bool) {
        let mut whole = Groups::new(self.grouping.clone());
        for groups in self.lock().drain(..) {
            whole.merge(groups);
        }
        whole.finish()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Groups>> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fold for Folding {
    fn part(self: Arc<Self>, rest: &[usize]) -> Box<dyn FoldPart> {
        let finished = self.lock().pop();
        Box::new(Part {
            groups: finished.unwrap_or_else(|| Groups::new(self.grouping.clone())),
            rest: rest.to_vec(),
            paths: self.scan.wanted_with(rest).paths.unwrap_or_default(),
            folding: self,
        })
    }
}

struct Part {
    folding: Arc<Folding>,
    groups: Groups,
    rest: Vec<usize>,
    paths: Arc<[Path]>,
}

impl FoldPart for Part {
    fn row(&mut self, stored: &TwinRow) -> bool {
        let row = self.folding.sieve.row(stored);
        let keeps = self.folding.sieve.holds(&self.rest, &row);
        if keeps {
            self.groups.add(&row);
        }
        keeps
    }

    fn values(&mut self, values: &[Scalar<'_>]) -> bool {
        let row = ValuesRow {
            paths: &self.paths,
            values,
        };
        let keeps = self.folding.sieve.holds(&self.rest, &row);
        if keeps {
            self.groups.add(&row);
        }
        keeps
    }

    fn finish(self: Box<Self>) {
        self.folding.lock().push(self.groups);
    }
}
