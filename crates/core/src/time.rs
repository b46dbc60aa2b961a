//! Moments, and the clock they come from.
//!
//! All time is passed in. Rules take a [`Timestamp`]; only the program's edge
//! holds a [`Clock`] and asks it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

const TICKS_PER_SECOND: i64 = 10_000_000;
const TICKS_PER_MILLISECOND: i64 = 10_000;
/// Ticks from 0001-01-01 to 1970-01-01.
const UNIX_EPOCH_TICKS: i64 = 621_355_968_000_000_000;
/// The last tick of the year 9999.
const LAST_TICK: i64 = 3_155_378_975_999_999_999;

/// A moment in UTC, in ticks of 100 ns since 0001-01-01 (the unit of the hub's
/// generation IDs and of the seven fraction digits in its dates).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// What the hub shows for a moment that never came: `0001-01-01T00:00:00Z`.
    pub const NEVER: Timestamp = Timestamp(0);

    /// From ticks of 100 ns since 0001-01-01.
    pub const fn from_ticks(ticks: i64) -> Self {
        Timestamp(ticks)
    }

    /// Ticks of 100 ns since 0001-01-01.
    pub const fn ticks(self) -> i64 {
        self.0
    }

    /// From seconds since 1970; what lies beyond the calendar is its end.
    pub fn from_unix_seconds(seconds: u64) -> Self {
        let ticks = i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(TICKS_PER_SECOND);
        Timestamp(ticks.saturating_add(UNIX_EPOCH_TICKS))
    }

    /// Whole seconds since 1970; negative before.
    pub const fn unix_seconds(self) -> i64 {
        (self.0 - UNIX_EPOCH_TICKS).div_euclid(TICKS_PER_SECOND)
    }

    /// From milliseconds since 1970, negative before; what lies beyond the
    /// calendar is its beginning or its end.
    pub fn from_unix_millis(millis: i64) -> Self {
        let ticks = millis.saturating_mul(TICKS_PER_MILLISECOND);
        let ticks = ticks.saturating_add(UNIX_EPOCH_TICKS);
        Timestamp(ticks.clamp(0, LAST_TICK))
    }

    /// Whole milliseconds since 1970; negative before.
    pub const fn unix_millis(self) -> i64 {
        (self.0 - UNIX_EPOCH_TICKS).div_euclid(TICKS_PER_MILLISECOND)
    }

    /// How long from `earlier` until this moment; zero if it came first.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let ticks = u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0);
        Duration::from_micros(ticks / 10) + Duration::from_nanos(ticks % 10 * 100)
    }

    /// This moment moved later; stops at the end of time.
    pub fn plus(self, span: Duration) -> Self {
        let ticks = i64::try_from(span.as_nanos() / 100).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(ticks))
    }

    /// This moment moved earlier; stops at the beginning of time.
    pub fn minus(self, span: Duration) -> Self {
        let ticks = i64::try_from(span.as_nanos() / 100).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_sub(ticks))
    }

    /// Reads an RFC 3339 date such as the hub writes, with or without `Z`.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339)
            .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
            .ok()?
            .to_offset(UtcOffset::UTC);
        let unix_ticks = i64::try_from(moment.unix_timestamp_nanos() / 100).ok()?;
        Some(Timestamp(unix_ticks.checked_add(UNIX_EPOCH_TICKS)?))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Timestamp::NEVER {
            return f.write_str("0001-01-01T00:00:00Z");
        }
        let unix_nanos = i128::from(self.0 - UNIX_EPOCH_TICKS) * 100;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(unix_nanos)
            .unwrap_or_else(|_| end_of_calendar());
        let text = moment
            .format(format_description!(
                "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z"
            ))
            .map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

fn end_of_calendar() -> OffsetDateTime {
    let day = Date::from_calendar_date(9999, Month::December, 31).unwrap_or(Date::MAX);
    PrimitiveDateTime::new(day, Time::MIDNIGHT).assume_utc()
}

/// Where the present comes from.
pub trait Clock: Send + Sync + 'static {
    /// The moment it is now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        // A machine set before 1970 counts as 1970.
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(UNIX_EPOCH_TICKS).plus(since_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_seven_fraction_digits_and_utc() {
        let moment = Timestamp::from_unix_seconds(1_600_000_000).plus(Duration::from_micros(1));

        assert_eq!(moment.to_string(), "2020-09-13T12:26:40.0000010Z");
    }

    #[test]
    fn never_has_no_fraction() {
        assert_eq!(Timestamp::NEVER.to_string(), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn seconds_are_those_that_have_passed() {
        let moment = Timestamp::from_unix_seconds(7).plus(Duration::from_millis(999));

        assert_eq!(moment.unix_seconds(), 7);
        assert!(Timestamp::NEVER.unix_seconds() < 0);
    }

    #[test]
    fn milliseconds_beyond_the_calendar_are_its_ends() {
        let moment = Timestamp::from_unix_millis(1_600_000_000_123);

        assert_eq!(moment.to_string(), "2020-09-13T12:26:40.1230000Z");
        assert_eq!(moment.unix_millis(), 1_600_000_000_123);
        assert_eq!(Timestamp::from_unix_millis(i64::MIN), Timestamp::NEVER);
        assert_eq!(Timestamp::NEVER.unix_millis(), -62_135_596_800_000);
        assert_eq!(
            Timestamp::from_unix_millis(i64::MAX).to_string(),
            "9999-12-31T23:59:59.9999999Z"
        );
    }

    #[test]
    fn what_is_shown_is_read_back() {
        let moment = Timestamp::from_unix_seconds(1_700_000_000).plus(Duration::from_nanos(1_200));

        assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
        assert_eq!(
            Timestamp::parse("0001-01-01T00:00:00"),
            Some(Timestamp::NEVER)
        );
    }

    #[test]
    fn a_generation_made_today_has_eighteen_digits() {
        assert_eq!(SystemClock.now().ticks().to_string().len(), 18);
    }
}
