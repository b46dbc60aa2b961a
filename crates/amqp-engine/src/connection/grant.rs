//! The credit of a link that the peer sends on.

use super::outgoing::distance;

/// Credit as both sides count it: up to a number of deliveries.
///
/// The host counts the deliveries that it is handed. What the peer spent
/// credit on without a delivery for the host (aborted, resumed, skipped) is
/// granted again before it is missed, so that the host need not know of it.
#[derive(Debug)]
pub(super) struct Grant {
    /// Deliveries begun, counted from where the peer began.
    pub(super) delivery_count: u32,
    /// The count that the credit ends at.
    until: u32,
    /// The count that any credit ever ended at: the peer may not have heard
    /// yet that it has less.
    allowed_until: u32,
    /// Credit that was spent without a delivery for the host.
    wasted: u32,
}

impl Grant {
    /// No credit, for a peer that begins to count here.
    pub(super) fn none_from(delivery_count: u32) -> Self {
        Self {
            delivery_count,
            until: delivery_count,
            allowed_until: delivery_count,
            wasted: 0,
        }
    }

    pub(super) fn credit(&self) -> u32 {
        distance(self.delivery_count, self.until)
    }

    /// Sets the credit.
    pub(super) fn set(&mut self, credit: u32) {
        // Numbers that wrap around can't tell more from less than none.
        let credit = credit.min(u32::MAX / 2);
        self.until = self.delivery_count.wrapping_add(credit);
        if credit > distance(self.delivery_count, self.allowed_until) {
            self.allowed_until = self.until;
        }
        self.wasted = 0;
    }

    /// Counts a delivery that begins; false when the peer may not begin one.
    #[must_use]
    pub(super) fn spend(&mut self) -> bool {
        let allowed = self.delivery_count != self.allowed_until;
        if allowed {
            self.delivery_count = self.delivery_count.wrapping_add(1);
        }
        allowed
    }

    /// A delivery that was begun does not come to the host.
    pub(super) fn waste(&mut self) {
        self.wasted = self.wasted.saturating_add(1);
    }

    /// Takes note of how far the peer says it has come; it may skip, not go back.
    pub(super) fn skip_to(&mut self, count: u32) {
        let skipped = distance(self.delivery_count, count);
        if skipped <= distance(self.delivery_count, self.allowed_until) {
            let spent = skipped.min(self.credit());
            self.wasted = self.wasted.saturating_add(spent);
            self.delivery_count = self.delivery_count.wrapping_add(skipped);
        }
    }

    /// Grants again what was wasted, once it is half of what the host counts
    /// on; the peer must then be told.
    #[must_use]
    pub(super) fn renew(&mut self) -> bool {
        let credit = self.credit();
        let due = self.wasted > 0 && self.wasted >= credit;
        if due {
            self.set(credit.saturating_add(self.wasted));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grant of this much.
    fn of(credit: u32) -> Grant {
        let mut grant = Grant::none_from(u32::MAX - 2);
        grant.set(credit);
        grant
    }

    #[test]
    fn credit_is_spent_across_the_wrap() {
        let mut grant = of(5);

        let spent = (0..10).take_while(|_| grant.spend()).count();

        assert_eq!((spent, grant.credit()), (5, 0));
    }

    #[test]
    fn what_is_taken_back_may_have_been_spent() {
        let mut grant = of(5);
        grant.set(1);

        let spent = (0..10).take_while(|_| grant.spend()).count();

        assert_eq!((spent, grant.credit()), (5, 0));
    }

    #[test]
    fn what_is_wasted_is_renewed_when_it_is_half() {
        let mut grant = of(10);
        for _ in 0..4 {
            assert!(grant.spend());
            grant.waste();
            assert!(!grant.renew());
        }

        assert!(grant.spend());
        grant.waste();

        assert!(grant.renew());
        assert_eq!(grant.credit(), 10);
    }

    #[test]
    fn what_is_wasted_is_renewed_before_it_is_missed() {
        let mut grant = of(10);
        assert!(grant.spend());
        grant.waste();

        let renewed: Vec<bool> = (0..9)
            .map(|_| {
                assert!(grant.spend());
                grant.renew()
            })
            .collect();

        let before_the_last = [[false; 7].as_slice(), &[true, false]].concat();
        assert_eq!(renewed, before_the_last);
        assert_eq!(grant.credit(), 1, "of ten, nine were handed over");
    }

    #[test]
    fn a_credit_beyond_all_counting_is_cut() {
        let mut grant = of(u32::MAX);

        assert!(grant.spend());

        assert_eq!(grant.credit(), u32::MAX / 2 - 1);
    }
}
