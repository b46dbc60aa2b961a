//! What was sampled lately: fine steps for an hour, minutes for a day.
//!
//! Pure: the time of a sample is given. Steps are counted from 1970, so that
//! those of an hour begin with the hour. A step in which nothing was sampled
//! is empty.

use std::collections::VecDeque;
use std::time::Duration;

use super::Counts;
use crate::time::Timestamp;

/// A fine step.
pub const FINE_STEP: Duration = Duration::from_secs(10);
const COARSE_STEP: Duration = Duration::from_secs(60);
/// How far back fine steps go.
const FINE_SPAN: Duration = Duration::from_secs(60 * 60);
/// How far back anything goes.
pub const MAX_SPAN: Duration = Duration::from_secs(24 * 60 * 60);

/// What happened in a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// What was counted.
    pub counts: Counts,
    /// How many devices were connected at its end.
    pub connected: u64,
}

/// The samples of steps of one length, the newest last.
#[derive(Debug)]
struct Steps {
    seconds: i64,
    most: usize,
    /// The number of the newest step.
    newest: Option<i64>,
    samples: VecDeque<Option<Sample>>,
}

impl Steps {
    fn new(step: Duration, span: Duration) -> Self {
        let steps = span.as_secs() / step.as_secs();
        Steps {
            seconds: i64::try_from(step.as_secs()).unwrap_or(i64::MAX),
            most: usize::try_from(steps).unwrap_or(usize::MAX),
            newest: None,
            samples: VecDeque::new(),
        }
    }

    /// Adds to the step that ends at `end` or later.
    fn add(&mut self, end: i64, sample: Sample) {
        let step = (end - 1).div_euclid(self.seconds);
        match self.newest {
            Some(newest) if step < newest => return self.begin_anew(step, sample),
            Some(newest) => {
                let passed = usize::try_from(step - newest).unwrap_or(usize::MAX);
                for _ in 0..passed.min(self.most) {
                    self.samples.push_back(None);
                }
            }
            None => self.samples.push_back(None),
        }
        self.newest = Some(step);
        while self.samples.len() > self.most {
            self.samples.pop_front();
        }
        if let Some(last) = self.samples.back_mut() {
            let known = last.get_or_insert_default();
            known.counts += sample.counts;
            known.connected = sample.connected;
        }
    }

    /// The clock was set back: what is known has no place in time any more.
    fn begin_anew(&mut self, step: i64, sample: Sample) {
        self.samples.clear();
        self.samples.push_back(Some(sample));
        self.newest = Some(step);
    }

    /// The last `count` steps up to the one that ends at `end`, or before.
    fn last(&self, end: i64, count: usize) -> (i64, Vec<Option<Sample>>) {
        let step = end.div_euclid(self.seconds) - 1;
        let at = |back: usize| {
            let step = step.checked_sub(i64::try_from(back).ok()?)?;
            let behind = usize::try_from(self.newest?.checked_sub(step)?).ok()?;
            let index = self.samples.len().checked_sub(behind.checked_add(1)?)?;
            self.samples.get(index).copied().flatten()
        };
        let samples = (0..count).rev().map(at).collect();
        ((step + 1) * self.seconds, samples)
    }
}

/// Fine and coarse steps of one hub.
#[derive(Debug)]
pub(super) struct Rings {
    fine: Steps,
    coarse: Steps,
    /// When the last sample was taken, in seconds of a whole fine step.
    sampled: Option<i64>,
}

impl Default for Rings {
    fn default() -> Self {
        Rings {
            fine: Steps::new(FINE_STEP, FINE_SPAN),
            coarse: Steps::new(COARSE_STEP, MAX_SPAN),
            sampled: None,
        }
    }
}

impl Rings {
    /// Notes what happened until `now`, which belongs to the fine step that
    /// has just ended: samples are taken when one does.
    pub fn sample(&mut self, now: Timestamp, sample: Sample) {
        let end = whole(now);
        self.fine.add(end, sample);
        self.coarse.add(end, sample);
        self.sampled = Some(end);
    }

    /// The steps of the `span` before `now`: fine ones as far as they go.
    pub fn last(
        &self,
        now: Timestamp,
        span: Duration,
    ) -> (Duration, Timestamp, Vec<Option<Sample>>) {
        let (step, steps) = if span <= FINE_SPAN {
            (FINE_STEP, &self.fine)
        } else {
            (COARSE_STEP, &self.coarse)
        };
        // The step that ended just now may not be sampled yet.
        let end = match self.sampled {
            Some(sampled) if whole(now) - sampled <= FINE_STEP.as_secs().cast_signed() => sampled,
            _ => whole(now),
        };
        let count = span.min(MAX_SPAN).as_secs().div_ceil(step.as_secs());
        let (end, samples) = steps.last(end, usize::try_from(count).unwrap_or(usize::MAX));
        let end = Timestamp::from_unix_seconds(u64::try_from(end).unwrap_or(0));
        (step, end, samples)
    }
}

/// The end of the fine step that ended last, in seconds since 1970.
fn whole(now: Timestamp) -> i64 {
    let step = FINE_STEP.as_secs().cast_signed();
    now.unix_seconds().div_euclid(step) * step
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 1_800_000_000;
    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(HOUR + seconds)
    }

    fn sample(messages_in: u64, connected: u64) -> Sample {
        let counts = Counts {
            messages_in,
            ..Counts::default()
        };
        Sample { counts, connected }
    }

    fn incoming(samples: &[Option<Sample>]) -> Vec<Option<u64>> {
        let count = |sample: &Option<Sample>| sample.map(|sample| sample.counts.messages_in);
        samples.iter().map(count).collect()
    }

    #[test]
    fn a_sample_is_of_the_step_that_has_just_ended() {
        let mut rings = Rings::default();

        rings.sample(at(10), sample(3, 1));
        rings.sample(at(20), sample(4, 2));

        let (step, end, samples) = rings.last(at(21), MINUTE);
        assert_eq!((step, end), (FINE_STEP, at(20)));
        let expected = [None, None, None, None, Some(3), Some(4)];
        assert_eq!(incoming(&samples), expected);
        assert_eq!(samples[5].unwrap().connected, 2);
    }

    #[test]
    fn before_anything_is_sampled_all_steps_are_empty() {
        let (_, end, samples) = Rings::default().last(at(25), MINUTE);

        assert_eq!(end, at(20));
        assert_eq!(incoming(&samples), [None; 6]);
    }

    #[test]
    fn a_step_that_was_not_sampled_yet_is_not_told() {
        let mut rings = Rings::default();
        rings.sample(at(10), sample(3, 1));

        let (_, end, samples) = rings.last(at(20), MINUTE);

        assert_eq!(end, at(10));
        assert_eq!(incoming(&samples)[5], Some(3));
    }

    #[test]
    fn steps_that_were_slept_through_are_empty() {
        let mut rings = Rings::default();
        rings.sample(at(10), sample(1, 1));

        rings.sample(at(40), sample(2, 1));

        let (_, end, samples) = rings.last(at(45), MINUTE);
        assert_eq!(end, at(40));
        let expected = [None, None, Some(1), None, None, Some(2)];
        assert_eq!(incoming(&samples), expected);
        let (_, end, samples) = rings.last(at(120), MINUTE);
        assert_eq!(end, at(120), "nothing is sampled any more");
        assert_eq!(incoming(&samples), [None; 6]);
    }

    #[test]
    fn minutes_are_sums_and_only_whole_ones_are_told() {
        let mut rings = Rings::default();
        for step in 1..=15 {
            rings.sample(at(step * 10), sample(step, step));
        }

        let (step, end, samples) = rings.last(at(151), Duration::from_secs(2 * 3600));

        assert_eq!((step, end), (COARSE_STEP, at(120)));
        assert_eq!(samples.len(), 120);
        let sums = [Some(1 + 2 + 3 + 4 + 5 + 6), Some(7 + 8 + 9 + 10 + 11 + 12)];
        assert_eq!(incoming(&samples[118..]), sums);
        assert_eq!(samples[119].unwrap().connected, 12);
        assert_eq!(samples[117], None);
    }

    #[test]
    fn an_hour_is_kept_in_fine_steps_and_a_day_in_minutes() {
        let mut rings = Rings::default();
        for step in 1..=3 * 8640 {
            rings.sample(at(step * 10), sample(1, 0));
        }

        let now = at(3 * 86_400);
        let (_, _, hour) = rings.last(now, Duration::from_secs(3600));
        let (_, _, day) = rings.last(now, Duration::from_secs(48 * 3600));

        assert_eq!(incoming(&hour), vec![Some(1); 360]);
        assert_eq!(incoming(&day), vec![Some(6); 1440]);
        assert_eq!(rings.fine.samples.len() + rings.coarse.samples.len(), 1800);
    }

    #[test]
    fn a_long_sleep_leaves_no_more_than_a_day_of_empty_steps() {
        let mut rings = Rings::default();
        rings.sample(at(10), sample(1, 0));

        rings.sample(at(1_000_000_000), sample(2, 0));

        assert_eq!(rings.fine.samples.len(), 360);
        let (_, _, samples) = rings.last(at(1_000_000_000), MINUTE);
        assert_eq!(incoming(&samples)[4..], [None, Some(2)]);
    }

    #[test]
    fn a_clock_that_was_set_back_begins_anew() {
        let mut rings = Rings::default();
        rings.sample(at(1000), sample(1, 0));

        rings.sample(at(500), sample(2, 0));

        let (_, end, samples) = rings.last(at(505), MINUTE);
        assert_eq!(end, at(500));
        assert_eq!(incoming(&samples)[4..], [None, Some(2)]);
    }
}
