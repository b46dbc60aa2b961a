//! Places: who reads which partition for which consumer group.
//!
//! Readers with an epoch have a partition for themselves: whoever comes with
//! the same epoch or a higher one takes it over, whoever comes with a lower
//! one, or with none, is refused. Without epochs, up to
//! [`MAX_WITHOUT_EPOCH`] readers share it.
//!
//! One [`Places`] is shared by all connections of the process. A reader leaves
//! with its [`Place`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use twinhub_core::events::PartitionId;
use twinhub_core::ids::HubName;

/// The most readers without an epoch in one place.
/// <https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas>
pub(crate) const MAX_WITHOUT_EPOCH: usize = 5;

/// What is read, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Stand {
    hub: HubName,
    group: String,
    partition: PartitionId,
}

impl Stand {
    /// A partition of a hub, for a consumer group, whose case does not count.
    pub(crate) fn new(hub: HubName, group: &str, partition: PartitionId) -> Self {
        Stand {
            hub,
            group: group.to_ascii_lowercase(),
            partition,
        }
    }
}

/// A reader as others are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReaderName {
    /// As it calls itself.
    pub name: String,
    /// Its epoch, if it has one.
    pub epoch: Option<i64>,
}

impl std::fmt::Display for ReaderName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.epoch {
            Some(epoch) => write!(f, "'{}' of epoch {epoch}", self.name),
            None => write!(f, "'{}' without an epoch", self.name),
        }
    }
}

/// Why a reader gets no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlace {
    /// Somebody with a higher epoch is there.
    #[error("reader {refused} can't be opened: reader {holder} is open")]
    Outranked {
        /// Who wanted to come.
        refused: ReaderName,
        /// Who is there.
        holder: ReaderName,
    },
    /// [`MAX_WITHOUT_EPOCH`] are there.
    #[error(
        "{MAX_WITHOUT_EPOCH} readers of this partition are open for this consumer group, \
         the most that there may be"
    )]
    Full,
}

/// Who reads what.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    stands: HashMap<Stand, Vec<Sitting>>,
    last: u64,
}

#[derive(Debug)]
struct Sitting {
    number: u64,
    reader: ReaderName,
    /// Tells it who took its place.
    ousted: oneshot::Sender<ReaderName>,
}

/// A reader's place; leaving it makes room.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    stand: Stand,
    number: u64,
    ousted: oneshot::Receiver<ReaderName>,
}

impl Places {
    /// Takes a place, if need be somebody else's.
    pub(crate) fn enter(
        self: &Arc<Self>,
        stand: Stand,
        reader: ReaderName,
    ) -> Result<Place, NoPlace> {
        let mut taken = self.taken();
        taken.last += 1;
        let number = taken.last;
        let sitting = taken.stands.entry(stand.clone()).or_default();
        match decide(sitting, &reader) {
            Ok(Entrance::Beside) => {}
            Ok(Entrance::Instead) => {
                for ousted in sitting.drain(..) {
                    // Whoever is gone meanwhile need not be told.
                    let _ = ousted.ousted.send(reader.clone());
                }
            }
            Err(refused) => return Err(refused),
        }
        let (sender, ousted) = oneshot::channel();
        sitting.push(Sitting {
            number,
            reader,
            ousted: sender,
        });
        drop(taken);
        Ok(Place {
            places: self.clone(),
            stand,
            number,
            ousted,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entrance {
    Beside,
    Instead,
}

fn decide(sitting: &[Sitting], reader: &ReaderName) -> Result<Entrance, NoPlace> {
    let holder = sitting
        .iter()
        .find(|sitting| sitting.reader.epoch > reader.epoch);
    if let Some(holder) = holder {
        return Err(NoPlace::Outranked {
            refused: reader.clone(),
            holder: holder.reader.clone(),
        });
    }
    match reader.epoch {
        Some(_) => Ok(Entrance::Instead),
        None if sitting.len() >= MAX_WITHOUT_EPOCH => Err(NoPlace::Full),
        None => Ok(Entrance::Beside),
    }
}

impl Place {
    /// Who took the place, once somebody did. Safe to cancel.
    pub(crate) async fn ousted(&mut self) -> ReaderName {
        match (&mut self.ousted).await {
            Ok(reader) => reader,
            // The sender lives until this reader is ousted or leaves.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Entry::Occupied(mut stand) = taken.stands.entry(self.stand.clone()) {
            let left = self.number;
            stand.get_mut().retain(|sitting| sitting.number != left);
            if stand.get().is_empty() {
                stand.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn stand(group: &str, partition: u16) -> Stand {
        let hub = HubName::parse("plant").unwrap();
        Stand::new(hub, group, PartitionId(partition))
    }

    fn reader(name: &str, epoch: impl Into<Option<i64>>) -> ReaderName {
        ReaderName {
            name: name.to_owned(),
            epoch: epoch.into(),
        }
    }

    fn enter(
        places: &Arc<Places>,
        name: &str,
        epoch: impl Into<Option<i64>>,
    ) -> Result<Place, NoPlace> {
        places.enter(stand("$Default", 0), reader(name, epoch))
    }

    fn ousted_by(place: &mut Place) -> Option<ReaderName> {
        place.ousted().now_or_never()
    }

    #[test]
    fn a_higher_epoch_and_an_equal_one_take_over() {
        for epoch in [3, 4] {
            let places = Arc::default();
            let mut first = enter(&places, "first", 3).unwrap();

            let mut second = enter(&places, "second", epoch).unwrap();

            assert_eq!(ousted_by(&mut first), Some(reader("second", epoch)));
            assert_eq!(ousted_by(&mut second), None);
        }
    }

    #[test]
    fn a_lower_epoch_and_none_at_all_are_refused_while_the_holder_is_there() {
        for epoch in [Some(2), None] {
            let places = Arc::default();
            let mut first = enter(&places, "first", 3).unwrap();

            let second = enter(&places, "second", epoch);

            let expected = NoPlace::Outranked {
                refused: reader("second", epoch),
                holder: reader("first", 3),
            };
            assert_eq!(second.unwrap_err(), expected);
            assert_eq!(ousted_by(&mut first), None);
            drop(first);
            assert!(enter(&places, "second", epoch).is_ok());
        }
    }

    #[test]
    fn an_epoch_ousts_all_who_have_none() {
        let places = Arc::default();
        let mut without: Vec<_> = (0..MAX_WITHOUT_EPOCH)
            .map(|_| enter(&places, "shared", None).unwrap())
            .collect();

        let _alone = enter(&places, "alone", 0).unwrap();

        for place in &mut without {
            assert_eq!(ousted_by(place), Some(reader("alone", 0)));
        }
        drop(without);
        assert!(
            enter(&places, "late", None).is_err(),
            "those who left took nobody along"
        );
    }

    #[test]
    fn five_readers_share_a_partition_and_a_sixth_waits_for_one_to_leave() {
        let places = Arc::default();
        let mut shared: Vec<_> = (0..MAX_WITHOUT_EPOCH)
            .map(|_| enter(&places, "shared", None).unwrap())
            .collect();

        let sixth = enter(&places, "sixth", None).unwrap_err();

        assert_eq!(sixth, NoPlace::Full);
        shared.pop();
        assert!(enter(&places, "sixth", None).is_ok());
    }

    #[test]
    fn groups_and_partitions_do_not_hinder_each_other_and_case_does_not_count() {
        let places: Arc<Places> = Arc::default();
        let mut first = enter(&places, "first", 7).unwrap();

        let other_group = places.enter(stand("other", 0), reader("other", 1)).unwrap();
        let other_partition = places
            .enter(stand("$Default", 1), reader("other", 1))
            .unwrap();
        assert_eq!(ousted_by(&mut first), None);
        let _same = places
            .enter(stand("$DEFAULT", 0), reader("same", 7))
            .unwrap();

        assert_eq!(ousted_by(&mut first), Some(reader("same", 7)));
        drop((other_group, other_partition));
    }

    #[test]
    fn places_that_all_have_left_are_forgotten() {
        let places: Arc<Places> = Arc::default();
        let place = enter(&places, "first", 7).unwrap();

        drop(place);

        assert!(places.taken().stands.is_empty());
    }
}
