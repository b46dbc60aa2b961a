//! What a client was given and has not settled.

use twinhub_amqp_server::links::DeliveryId;
use twinhub_core::c2d::LockToken;
use twinhub_core::time::Timestamp;

/// How many messages a client may leave unsettled: more than a queue holds,
/// since those whose locks ran out come again.
const MAX_UNSETTLED: usize = 128;

/// What a client was given and has not settled.
#[derive(Default)]
pub(super) struct Unsettled {
    /// In the order in which they were sent.
    given: Vec<Given>,
    /// Locked, and not sent in the end.
    unsent: Vec<LockToken>,
}

struct Given {
    id: DeliveryId,
    lock: LockToken,
    locked_until: Timestamp,
}

impl Unsettled {
    /// Whether one more may be given. If need be, those are forgotten whose
    /// locks ran out: they come again.
    pub(super) fn has_room(&mut self, now: Timestamp) -> bool {
        if self.given.len() >= MAX_UNSETTLED {
            self.given.retain(|given| given.locked_until > now);
        }
        self.given.len() < MAX_UNSETTLED
    }

    /// A message was sent.
    pub(super) fn insert(&mut self, id: DeliveryId, lock: LockToken, locked_until: Timestamp) {
        self.given.push(Given {
            id,
            lock,
            locked_until,
        });
    }

    /// A message was locked, and not sent.
    pub(super) fn unsent(&mut self, lock: LockToken) {
        self.unsent.push(lock);
    }

    /// Those that were not sent, if there are any.
    pub(super) fn take_unsent(&mut self) -> Option<Vec<LockToken>> {
        (!self.unsent.is_empty()).then(|| std::mem::take(&mut self.unsent))
    }

    /// Takes those from `first` to `last`, whose numbers may wrap around.
    pub(super) fn take(
        &mut self,
        first: DeliveryId,
        last: DeliveryId,
    ) -> Vec<(DeliveryId, LockToken)> {
        let length = last.0.wrapping_sub(first.0);
        let is_meant = |given: &mut Given| given.id.0.wrapping_sub(first.0) <= length;
        self.given
            .extract_if(.., is_meant)
            .map(|given| (given.id, given.lock))
            .collect()
    }

    /// The locks of all.
    pub(super) fn all(self) -> Vec<LockToken> {
        let given = self.given.into_iter().map(|given| given.lock);
        given.chain(self.unsent).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(ids: &[u32], until: u64) -> Unsettled {
        let mut unsettled = Unsettled::default();
        for id in ids {
            let until = Timestamp::from_unix_seconds(until);
            unsettled.insert(DeliveryId(*id), LockToken::random(), until);
        }
        unsettled
    }

    fn taken(unsettled: &mut Unsettled, first: u32, last: u32) -> Vec<u32> {
        let taken = unsettled.take(DeliveryId(first), DeliveryId(last));
        taken.into_iter().map(|(id, _)| id.0).collect()
    }

    #[test]
    fn a_range_takes_what_is_in_it_once_and_wraps_around() {
        let mut unsettled = given(&[u32::MAX - 1, u32::MAX, 0, 2, 5], 60);

        assert_eq!(taken(&mut unsettled, u32::MAX, 2), [u32::MAX, 0, 2]);
        assert_eq!(taken(&mut unsettled, u32::MAX, 2), [0_u32; 0]);
        assert_eq!(taken(&mut unsettled, 5, 5), [5]);
        assert_eq!(unsettled.all().len(), 1);
    }

    #[test]
    fn there_is_room_again_once_locks_have_run_out() {
        let ids: Vec<u32> = (0..128).collect();
        let mut unsettled = given(&ids, 60);

        assert!(!unsettled.has_room(Timestamp::from_unix_seconds(59)));
        assert!(unsettled.has_room(Timestamp::from_unix_seconds(60)));
        assert!(unsettled.all().is_empty());
    }
}
