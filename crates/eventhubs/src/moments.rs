//! Moments on the wire: milliseconds since 1970, where core has ticks.

use twinhub_amqp_engine::value::Timestamp as Milliseconds;
use twinhub_core::time::Timestamp;

const TICKS_PER_MILLISECOND: i64 = 10_000;

/// The last whole millisecond that has passed at a moment.
pub(crate) fn to_wire(moment: Timestamp) -> Milliseconds {
    let since_1970 = moment.ticks() - Timestamp::from_unix_seconds(0).ticks();
    Milliseconds(since_1970.div_euclid(TICKS_PER_MILLISECOND))
}

/// The moment at which a millisecond begins; stops at the ends of time.
pub(crate) fn from_wire(moment: Milliseconds) -> Timestamp {
    let ticks = moment.0.saturating_mul(TICKS_PER_MILLISECOND);
    Timestamp::from_ticks(ticks.saturating_add(Timestamp::from_unix_seconds(0).ticks()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_never_came_is_what_readers_know_as_such() {
        assert_eq!(to_wire(Timestamp::NEVER), Milliseconds(-62_135_596_800_000));
    }

    #[test]
    fn a_millisecond_lasts_until_the_next_one() {
        let begin = from_wire(Milliseconds(1_700_000_000_123));
        let last_tick = Timestamp::from_ticks(begin.ticks() + 9_999);

        assert_eq!(to_wire(begin), Milliseconds(1_700_000_000_123));
        assert_eq!(to_wire(last_tick), Milliseconds(1_700_000_000_123));
    }

    #[test]
    fn times_beyond_the_calendar_are_its_ends() {
        assert!(from_wire(Milliseconds(i64::MAX)) > Timestamp::from_unix_seconds(1 << 39));
        assert!(from_wire(Milliseconds(i64::MIN)) < Timestamp::NEVER);
    }
}
