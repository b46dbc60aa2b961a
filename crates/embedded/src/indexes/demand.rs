//! What queries looked for in vain, and what they found by an index.

use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use twinhub_core::ids::HubName;

use super::IndexSettings;
use super::lookup::Lookup;
use super::path::IndexPath;
use crate::tables::indexes::IndexNumber;

/// Paths that are remembered; more are not worth an index, for none of them
/// is asked for often.
const MAX_PATHS: usize = 256;

/// A path of a hub's twins.
pub(crate) type Wanted = (HubName, IndexPath);

/// What a read of twins did.
#[derive(Debug)]
pub(crate) enum Account {
    /// It had no condition that an index could help with.
    NoUse,
    /// These indexes led to the twins.
    Used(Vec<IndexNumber>),
    /// It looked at some twins of all.
    Searched(Search),
    /// It looked at some of the connected.
    Connected(Search),
}

/// What a read looked at without an index.
#[derive(Debug)]
pub(crate) struct Search {
    /// Identities of the hub.
    pub of: u64,
    pub looked_at: u64,
    pub found: u64,
}

/// Shared by those who read and the thread that builds.
#[derive(Debug)]
pub(crate) struct Demand {
    settings: IndexSettings,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Twins that were looked at in vain, by what might have spared it.
    in_vain: HashMap<Wanted, u64>,
    /// What is worth an index now.
    due: Vec<Wanted>,
    /// What is indexed or being indexed.
    indexed: HashSet<Wanted>,
    used: HashSet<IndexNumber>,
    stopping: bool,
}

impl Demand {
    pub(crate) fn new(settings: IndexSettings) -> Self {
        Demand {
            settings,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn settings(&self) -> &IndexSettings {
        &self.settings
    }

    /// Notes what came of a read with these conditions.
    pub(crate) fn note(&self, hub: &HubName, lookups: &[Lookup], account: Account) {
        match account {
            Account::NoUse => {}
            Account::Used(indexes) => self.lock().used.extend(indexes),
            Account::Searched(search) | Account::Connected(search) => {
                let Search {
                    of,
                    looked_at,
                    found,
                } = search;
                // Where many are found an index would not be used.
                let expected = found.saturating_mul(self.settings.one_in);
                let in_vain = looked_at.saturating_sub(expected);
                if of >= self.settings.least_identities {
                    self.searched(hub, lookups, in_vain, self.settings.searches * of);
                }
            }
        }
    }

    /// Of conditions side by side one index is enough. If the first turns out
    /// to be of no use, searches go on, and the next has its turn.
    fn searched(&self, hub: &HubName, lookups: &[Lookup], in_vain: u64, enough: u64) {
        let mut state = self.lock();
        let state = &mut *state;
        let wanted = |lookup: &Lookup| -> HashSet<Wanted> {
            let paths = lookup.iter().map(|(path, _)| (hub.clone(), path.clone()));
            paths.filter(|path| !state.indexed.contains(path)).collect()
        };
        let Some(wanted) = lookups.iter().map(wanted).find(|paths| !paths.is_empty()) else {
            return;
        };
        for wanted in wanted {
            if state.in_vain.len() >= MAX_PATHS && !state.in_vain.contains_key(&wanted) {
                continue;
            }
            let so_far = state.in_vain.entry(wanted.clone()).or_default();
            *so_far += in_vain;
            if *so_far >= enough {
                state.in_vain.remove(&wanted);
                state.indexed.insert(wanted.clone());
                state.due.push(wanted);
                self.changed.notify_all();
            }
        }
    }

    /// Says what is indexed or being indexed.
    pub(crate) fn set_indexed(&self, indexed: impl Iterator<Item = Wanted>) {
        let mut state = self.lock();
        state.indexed = indexed.collect();
        let due = state.due.clone();
        state.indexed.extend(due);
    }

    /// What is worth an index and has none.
    pub(crate) fn take_due(&self) -> Vec<Wanted> {
        std::mem::take(&mut self.lock().due)
    }

    /// The indexes that were used since the last time, from when on half as
    /// much of what was searched in vain counts.
    pub(crate) fn take_used(&self) -> HashSet<IndexNumber> {
        let mut state = self.lock();
        state.in_vain.retain(|_, in_vain| {
            *in_vain /= 2;
            *in_vain > 0
        });
        std::mem::take(&mut state.used)
    }

    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    /// Waits; false when it is time to stop.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let state = self
            .changed
            .wait_timeout_while(self.lock(), pause, |state| !state.stopping);
        let (state, _) = state.unwrap_or_else(PoisonError::into_inner);
        !state.stopping
    }

    /// Waits for something to do, at most so long; false when it is time to
    /// stop.
    pub(crate) fn wait(&self, most: Duration) -> bool {
        let idle = |state: &mut State| state.due.is_empty() && !state.stopping;
        let state = self.changed.wait_timeout_while(self.lock(), most, idle);
        let (state, _) = state.unwrap_or_else(PoisonError::into_inner);
        !state.stopping
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use twinhub_core::query::Query;

    use super::super::lookup::lookup;
    use super::*;

    const OF: u64 = 10_000;

    fn hub() -> HubName {
        HubName::parse("plant").unwrap()
    }

    fn demand() -> Demand {
        Demand::new(IndexSettings {
            least_identities: OF,
            searches: 2,
            one_in: 100,
            ..IndexSettings::default()
        })
    }

    fn search(demand: &Demand, conditions: &[&str], of: u64, found: u64) -> Vec<String> {
        let lookups: Vec<_> = conditions
            .iter()
            .filter_map(|text| lookup(&Query::parse_condition(text).unwrap()))
            .collect();
        let account = Account::Searched(Search {
            of,
            looked_at: of,
            found,
        });
        demand.note(&hub(), &lookups, account);
        let due = demand.take_due().into_iter();
        let mut due: Vec<_> = due.map(|(_, path)| path.keys.join(".")).collect();
        due.sort();
        due
    }

    #[test]
    fn a_path_that_is_searched_in_vain_twice_is_due_once() {
        let demand = demand();

        let due: Vec<_> = (0..4)
            .map(|_| search(&demand, &["tags.a = 1"], OF, 0))
            .collect();

        assert_eq!(due, [vec![], vec!["a".to_owned()], vec![], vec![]]);
    }

    #[test]
    fn small_hubs_and_searches_that_find_much_want_no_index() {
        let demand = demand();

        for _ in 0..10 {
            assert_eq!(search(&demand, &["tags.a = 1"], OF - 1, 0), [""; 0]);
            assert_eq!(search(&demand, &["tags.a = 1"], OF, OF / 100), [""; 0]);
            assert_eq!(search(&demand, &["tags.a != 1"], OF, 0), [""; 0]);
        }
    }

    #[test]
    fn one_of_conditions_side_by_side_is_due_before_the_other() {
        let demand = demand();
        let both = ["tags.a = 1 OR tags.b > 2", "IS_DEFINED(tags.c)"];

        let due: Vec<_> = (0..4).map(|_| search(&demand, &both, OF, 0)).collect();

        assert_eq!(due[1], ["a", "b"]);
        assert_eq!(due[3], ["c"]);
    }

    #[test]
    fn what_is_not_asked_for_again_is_forgotten() {
        let demand = demand();

        search(&demand, &["tags.a = 1"], OF, 0);
        for _ in 0..20 {
            demand.take_used();
        }

        assert_eq!(search(&demand, &["tags.a = 1"], OF, 0), [""; 0]);
    }
}
