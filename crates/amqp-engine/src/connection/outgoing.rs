//! The sending end of a link: credit, draining, and a delivery that waits for
//! the session's window in the middle.

use bytes::Bytes;

use crate::performatives::Flow;

/// What a link that the host sends on may send.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// Deliveries begun, and credit given back.
    pub(super) delivery_count: u32,
    pub(super) credit: u32,
    /// Whether the peer waits for the credit to be used up or given back.
    pub(super) draining: bool,
    /// Whether the peer asked for our state before the link was answered.
    pub(super) echo_due: bool,
    /// Whether every delivery is settled when sent.
    pub(super) settled_only: bool,
    /// Deliveries that the peer has not settled.
    pub(super) unsettled: usize,
    /// What the session's window had no room for.
    pub(super) rest: Option<Bytes>,
    /// Whether an event about flow is on its way to the host.
    pub(super) flow_due: bool,
}

impl Outgoing {
    /// Takes the peer's word on credit.
    pub(super) fn hear(&mut self, flow: &Flow) {
        let Some(granted) = flow.link_credit else {
            return;
        };
        // A peer that hasn't seen our attach doesn't know a count: it is 0.
        let in_flight = distance(flow.delivery_count.unwrap_or(0), self.delivery_count);
        self.credit = granted.saturating_sub(in_flight);
        self.draining = flow.drain;
    }

    /// Counts a delivery; true when that was the last one of a drain.
    pub(super) fn spend(&mut self) -> bool {
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.credit = self.credit.saturating_sub(1);
        self.draining && self.credit == 0
    }

    /// Gives back what credit is left.
    pub(super) fn give_back(&mut self) {
        self.delivery_count = self.delivery_count.wrapping_add(self.credit);
        self.credit = 0;
    }
}

/// How far `to` lies ahead of `from` in numbers that wrap around; 0 when behind.
pub(super) fn distance(from: u32, to: u32) -> u32 {
    let ahead = to.wrapping_sub(from);
    if ahead > u32::MAX / 2 { 0 } else { ahead }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_across_the_wrap() {
        assert_eq!(distance(u32::MAX, 1), 2);
        assert_eq!(distance(1, u32::MAX), 0);
        assert_eq!(distance(7, 7), 0);
    }

    #[test]
    fn credit_counts_what_is_under_way() {
        let mut link = Outgoing {
            delivery_count: 5,
            ..Outgoing::default()
        };

        link.hear(&Flow {
            delivery_count: Some(3),
            link_credit: Some(10),
            ..Flow::default()
        });

        assert_eq!(link.credit, 8);
    }
}
