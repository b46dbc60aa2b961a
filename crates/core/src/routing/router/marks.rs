//! Which of a sender's messages are durable in one log, told from how many of
//! its copies are.
//!
//! A log gets copies of some messages. What is noted is noted per hand-over,
//! not per message; as long as the log gets every message, nothing more is
//! noted, and what it tells is exact.

use std::collections::VecDeque;

/// Once so many copies are durable, so are all copies of that many messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Mark {
    copies: u64,
    messages: u64,
}

impl Mark {
    /// Whether every message in between has a copy.
    fn runs_to(self, later: Mark) -> bool {
        later.copies - self.copies == later.messages - self.messages
    }
}

/// What is noted of one log.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// How many copies the log got, and how many are durable.
    copies: u64,
    durable: u64,
    /// The last mark that is reached.
    base: Mark,
    /// Marks ahead, the last one apart; it is the base if there are none.
    between: VecDeque<Mark>,
    last: Mark,
}

impl Marks {
    /// For a log whose first copy will be of a message behind so many.
    pub(super) fn from(messages: u64) -> Self {
        let start = Mark {
            copies: 0,
            messages,
        };
        Marks {
            base: start,
            last: start,
            ..Marks::default()
        }
    }

    /// The log took a copy of the message that follows so many.
    pub(super) fn took(&mut self, messages_before: u64) {
        if self.copies == self.last.copies && messages_before > self.last.messages {
            self.mark(messages_before);
        }
        self.copies += 1;
    }

    /// What the log took goes on its way; so many messages were taken so far.
    pub(super) fn handed_over(&mut self, messages: u64) {
        if self.copies > self.last.copies {
            self.mark(messages);
        }
    }

    fn mark(&mut self, messages: u64) {
        let mark = Mark {
            copies: self.copies,
            messages,
        };
        let is_reached = self.last == self.base;
        let before = self.between.back().unwrap_or(&self.base);
        let is_extended = before.runs_to(self.last) && self.last.runs_to(mark);
        if !is_reached && !is_extended {
            self.between.push_back(self.last);
        }
        self.last = mark;
        self.advance();
    }

    /// So many copies are durable.
    pub(super) fn stored(&mut self, copies: u64) {
        self.durable = copies;
        self.advance();
    }

    fn advance(&mut self) {
        while let Some(mark) = self.between.front().copied()
            && mark.copies <= self.durable
        {
            self.base = mark;
            self.between.pop_front();
        }
        if self.between.is_empty() && self.last.copies <= self.durable {
            self.base = self.last;
        }
    }

    /// How many copies are durable.
    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// Whether the log has copies that are not durable yet.
    pub(super) fn is_pending(&self) -> bool {
        self.durable < self.copies
    }

    /// How many messages, from the first, have no copy in this log that is not
    /// durable, of `messages` in all.
    pub(super) fn covered(&self, messages: u64) -> u64 {
        if !self.is_pending() {
            return messages;
        }
        let next = self.between.front().unwrap_or(&self.last);
        let beyond = match self.base.runs_to(*next) {
            true => self.durable - self.base.copies,
            false => 0,
        };
        self.base.messages + beyond.min(next.messages - self.base.messages)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_log_that_gets_every_message_tells_exactly_and_notes_one_mark() {
        let mut marks = Marks::default();
        for message in 0..100 {
            marks.took(message);
            if message % 3 == 0 {
                marks.handed_over(message + 1);
            }
        }

        marks.stored(41);

        assert_eq!(marks.covered(100), 41);
        assert!(marks.between.is_empty());
    }

    #[test]
    fn a_log_that_got_nothing_lately_holds_nothing_back() {
        let mut marks = Marks::default();
        marks.took(0);
        marks.handed_over(1);
        assert_eq!(marks.covered(5), 0);

        marks.stored(1);

        assert_eq!(marks.covered(5), 5);
    }

    proptest! {
        #[test]
        fn what_is_covered_is_durable_and_in_the_end_all_is(
            steps in prop::collection::vec((any::<bool>(), any::<bool>(), 0_u64..3), 1..200),
        ) {
            let mut marks = Marks::default();
            let mut copied = Vec::new();
            let mut known = 0;

            for (number, (has_copy, hands_over, stored)) in (0_u64..).zip(&steps) {
                if *has_copy {
                    marks.took(number);
                    copied.push(number);
                }
                if *hands_over {
                    marks.handed_over(number + 1);
                    known = (known + stored).min(copied.len() as u64);
                    marks.stored(known);
                }
                let first_pending = copied.get(usize::try_from(known).unwrap());
                let truth = first_pending.copied().unwrap_or(number + 1);
                prop_assert!(marks.covered(number + 1) <= truth);
            }
            let all = steps.len() as u64;
            marks.handed_over(all);
            marks.stored(copied.len() as u64);
            prop_assert_eq!(marks.covered(all), all);
        }
    }
}
