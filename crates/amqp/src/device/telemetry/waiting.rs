//! Deliveries that wait until they are durable.

use std::collections::VecDeque;

use twinhub_amqp_server::links::DeliveryId;

/// What a delivery costs beside its size, so that empty ones are bounded, too.
const OVERHEAD: usize = 64;

/// Room that need not be given back.
const SMALL: usize = 64;

/// Deliveries that wait, in their order.
#[derive(Default)]
pub(super) struct Waiting {
    queue: VecDeque<Delivery>,
    bytes: usize,
}

struct Delivery {
    /// It is durable once so many messages are.
    until: u64,
    /// To be settled, if the client wants to hear of it.
    id: Option<DeliveryId>,
    bytes: u32,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How much waits, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A delivery that is durable once so many messages are.
    pub(super) fn push(&mut self, until: u64, id: Option<DeliveryId>, bytes: usize) {
        self.bytes += bytes + OVERHEAD;
        self.queue.push_back(Delivery {
            until,
            id,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        });
    }

    /// Takes those that are durable when so many messages are, and tells
    /// which are to be settled: in ranges of numbers that follow each other.
    pub(super) fn take_until(
        &mut self,
        durable: u64,
        mut settle: impl FnMut(DeliveryId, DeliveryId),
    ) {
        let mut range: Option<(DeliveryId, DeliveryId)> = None;
        while let Some(delivery) = self.queue.pop_front_if(|first| first.until <= durable) {
            self.bytes -= delivery.bytes as usize + OVERHEAD;
            let Some(id) = delivery.id else { continue };
            range = match range {
                Some((first, last)) if last.next() == id => Some((first, id)),
                Some((first, last)) => {
                    settle(first, last);
                    Some((id, id))
                }
                None => Some((id, id)),
            };
        }
        if let Some((first, last)) = range {
            settle(first, last);
        }
        // As long as it is quiet it holds nothing.
        if self.queue.is_empty() && self.queue.capacity() > SMALL {
            self.queue = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(waiting: &mut Waiting, durable: u64) -> Vec<(u32, u32)> {
        let mut ranges = Vec::new();
        waiting.take_until(durable, |first, last| ranges.push((first.0, last.0)));
        ranges
    }

    #[test]
    fn what_is_durable_is_settled_in_ranges() {
        let mut waiting = Waiting::default();
        for (until, id) in [(1, 7), (2, 8), (5, 9), (6, 11), (7, 12), (8, 13)] {
            waiting.push(until, Some(DeliveryId(id)), 10);
        }

        assert_eq!(ranges(&mut waiting, 0), []);
        assert_eq!(ranges(&mut waiting, 4), [(7, 8)]);
        assert_eq!(ranges(&mut waiting, 7), [(9, 9), (11, 12)]);
        assert_eq!(ranges(&mut waiting, u64::MAX), [(13, 13)]);
        assert!(waiting.is_empty());
        assert_eq!(waiting.bytes(), 0);
    }

    #[test]
    fn numbers_wrap_around_and_settled_deliveries_are_passed_over() {
        let mut waiting = Waiting::default();
        waiting.push(1, Some(DeliveryId(u32::MAX)), 1);
        waiting.push(2, Some(DeliveryId(0)), 1);
        waiting.push(3, None, 1);
        waiting.push(3, Some(DeliveryId(2)), 0);

        assert_eq!(ranges(&mut waiting, 3), [(u32::MAX, 0), (2, 2)]);
    }
}
