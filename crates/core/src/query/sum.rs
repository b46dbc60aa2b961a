//! Sums that do not depend on the order of what is summed up.
//!
//! Rows come in the order in which they are read, on several threads, and
//! doubles that are added in another order give another sum. So numbers are
//! added as integers: whole ones, and mantissas by their exponent. Only the
//! totals of these are rounded and added, always in the same order.
//!
//! As doubles do, such totals end at infinity: numbers close to the largest one
//! whose totals are infinite with both signs have a sum that is no number, even
//! if they would cancel each other out.

use std::collections::BTreeMap;

/// A sum of finite numbers.
#[derive(Debug, Default)]
pub(super) struct Sum {
    count: u32,
    /// Of those without a fraction.
    whole: i128,
    /// Of the others: mantissas, by their exponent.
    broken: BTreeMap<i32, i128>,
}

impl Sum {
    pub(super) fn add(&mut self, number: f64) {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        self.count = self.count.saturating_add(1);
        if number.fract() == 0.0 && number.abs() <= EXACT {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it was just seen to be a whole number that fits"
            )]
            let whole = number as i64;
            self.whole += i128::from(whole);
        } else {
            let (mantissa, exponent) = parts(number);
            *self.broken.entry(exponent).or_default() += i128::from(mantissa);
        }
    }

    /// Adds what was added to another.
    pub(super) fn merge(&mut self, other: Sum) {
        self.count = self.count.saturating_add(other.count);
        self.whole += other.whole;
        for (exponent, mantissas) in other.broken {
            *self.broken.entry(exponent).or_default() += mantissas;
        }
    }

    /// Nothing if there was no number.
    pub(super) fn total(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
        let broken = self.broken.iter().map(|(exponent, mantissas)| {
            // In two steps: a half of it is never too small for a double.
            let half = exponent / 2;
            *mantissas as f64 * 2f64.powi(half) * 2f64.powi(exponent - half)
        });
        // From the smallest on.
        let broken: f64 = broken.sum();
        #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
        let whole = self.whole as f64;
        (self.count > 0).then_some(whole + broken)
    }

    /// Nothing if there was no number.
    pub(super) fn mean(&self) -> Option<f64> {
        self.total().map(|total| total / f64::from(self.count))
    }
}

/// A finite number as `mantissa * 2^exponent`.
fn parts(number: f64) -> (i64, i32) {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = number.to_bits();
    let fraction = (bits & FRACTION).cast_signed();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let (mantissa, exponent) = match exponent {
        0 => (fraction, -1_074),
        _ => (fraction | 1 << 52, exponent - 1_075),
    };
    (if number < 0.0 { -mantissa } else { mantissa }, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(numbers: &[f64]) -> f64 {
        let mut sum = Sum::default();
        for number in numbers {
            sum.add(*number);
        }
        sum.total().unwrap()
    }

    #[test]
    fn one_number_is_its_own_sum() {
        for number in [
            0.1,
            -0.1,
            1.5,
            5e-324,
            -2.3e-308,
            1e300,
            -1e-300,
            f64::MAX,
            9e15,
            9.1e15,
            7.0,
        ] {
            assert_eq!(total(&[number]), number);
            assert_eq!(total(&[number, 0.25, -number, number, -0.25]), number);
        }
    }

    #[test]
    fn no_order_gives_another_sum() {
        let mut numbers: Vec<_> = (1..1_000)
            .map(|n| f64::from(n) * 0.1 * 10f64.powi(n % 30 - 15))
            .collect();
        let there = total(&numbers);
        numbers.reverse();
        let back = total(&numbers);
        let (mut first, mut second) = (Sum::default(), Sum::default());
        for (place, number) in numbers.iter().enumerate() {
            let half = if place % 7 < 3 {
                &mut first
            } else {
                &mut second
            };
            half.add(*number);
        }
        first.merge(second);

        assert_eq!(there, back);
        assert_eq!(first.total(), Some(there));
        assert_eq!(first.mean(), Some(there / 999.0));
    }

    #[test]
    fn nothing_has_no_sum() {
        assert_eq!(Sum::default().total(), None);
        assert_eq!(Sum::default().mean(), None);
    }

    #[test]
    fn tenths_are_summed_up_without_drifting() {
        assert_eq!(total(&[0.1; 10]), 1.0);
        assert_eq!(total(&[1e16, 0.1, -1e16]), 0.1);
    }
}
