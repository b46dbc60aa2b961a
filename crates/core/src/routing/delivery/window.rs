//! Which events of a partition are delivered, taken by the target, or still to
//! be read.

use crate::time::Timestamp;

/// A place in a partition. Between [`delivered`](Self::delivered) and
/// [`cursor`](Self::cursor) lies what the target has taken, without gaps.
#[derive(Debug)]
pub(super) struct Window {
    delivered: u64,
    taken: u64,
    /// When the hub took the oldest event that the target holds.
    oldest: Option<Timestamp>,
}

impl Window {
    /// Everything before `next` is delivered.
    pub(super) fn new(next: u64) -> Self {
        Window {
            delivered: next,
            taken: 0,
            oldest: None,
        }
    }

    /// The first event that is not delivered.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How many the target holds.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// When the hub took the oldest event that the target holds.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.oldest
    }

    /// The event to be read next.
    pub(super) fn cursor(&self) -> u64 {
        self.delivered + self.taken
    }

    /// The target took the next `count`; the first was enqueued then.
    pub(super) fn take(&mut self, count: usize, enqueued: Timestamp) {
        self.taken += count as u64;
        self.oldest.get_or_insert(enqueued);
    }

    /// All that was taken is delivered; tells how many.
    pub(super) fn flushed(&mut self) -> u64 {
        self.oldest = None;
        self.delivered += self.taken;
        std::mem::take(&mut self.taken)
    }

    /// Only the first `count` of what was taken is delivered, and the target
    /// holds nothing; tells how many.
    pub(super) fn failed(&mut self, count: usize) -> u64 {
        self.taken = self.taken.min(count as u64);
        self.flushed()
    }

    /// Leaves out what lies before `next`; tells how many. Only while the
    /// target holds nothing.
    pub(super) fn leave_out_before(&mut self, next: u64) -> u64 {
        debug_assert_eq!(self.taken, 0, "what is taken is delivered first");
        let left_out = next.saturating_sub(self.delivered);
        self.delivered += left_out;
        left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ticks(7);

    #[test]
    fn a_failure_goes_back_to_what_is_not_delivered() {
        let mut window = Window::new(10);
        window.take(4, NOW);
        window.take(3, Timestamp::from_ticks(9));
        assert_eq!((window.cursor(), window.oldest()), (17, Some(NOW)));

        assert_eq!(window.failed(5), 5);

        assert_eq!((window.delivered(), window.cursor()), (15, 15));
        assert_eq!(window.oldest(), None);
    }

    #[test]
    fn nobody_can_deliver_more_than_was_taken() {
        let mut window = Window::new(0);
        window.take(2, NOW);

        assert_eq!(window.failed(100), 2);

        assert_eq!(window.cursor(), 2);
    }

    #[test]
    fn what_is_left_out_is_counted_once_and_nothing_goes_back() {
        let mut window = Window::new(5);

        assert_eq!(window.leave_out_before(9), 4);
        assert_eq!(window.leave_out_before(3), 0);

        assert_eq!(window.cursor(), 9);
    }
}
