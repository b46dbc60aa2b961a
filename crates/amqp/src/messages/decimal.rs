//! Decimal numbers as AMQP sends them: IEEE 754-2008 with a binary integer as
//! coefficient.

use std::fmt;

/// A number in base ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decimal {
    /// `coefficient` times ten to the `exponent`.
    Finite {
        negative: bool,
        coefficient: u128,
        exponent: i32,
    },
    Infinite {
        negative: bool,
    },
    NotANumber,
}

/// How a format spends its bits: sign, exponent, coefficient.
struct Format {
    bits: u32,
    exponent_bits: u32,
    bias: i32,
    digits: u32,
}

pub(super) fn decimal32(bytes: [u8; 4]) -> Decimal {
    let format = Format {
        bits: 32,
        exponent_bits: 8,
        bias: 101,
        digits: 7,
    };
    format.read(u128::from(u32::from_be_bytes(bytes)))
}

pub(super) fn decimal64(bytes: [u8; 8]) -> Decimal {
    let format = Format {
        bits: 64,
        exponent_bits: 10,
        bias: 398,
        digits: 16,
    };
    format.read(u128::from(u64::from_be_bytes(bytes)))
}

pub(super) fn decimal128(bytes: [u8; 16]) -> Decimal {
    let format = Format {
        bits: 128,
        exponent_bits: 14,
        bias: 6176,
        digits: 34,
    };
    format.read(u128::from_be_bytes(bytes))
}

impl Format {
    fn read(&self, word: u128) -> Decimal {
        let negative = word >> (self.bits - 1) & 1 == 1;
        match word >> (self.bits - 6) & 0b11111 {
            0b11111 => return Decimal::NotANumber,
            0b11110 => return Decimal::Infinite { negative },
            _ => {}
        }
        // Coefficients that need one bit more than there is stand two bits
        // further to the right, behind an implied `100`.
        let is_large = word >> (self.bits - 3) & 0b11 == 0b11;
        let below = self.bits - 1 - self.exponent_bits;
        let (shift, implied) = match is_large {
            false => (below, 0),
            true => (below - 2, 0b100 << (below - 2)),
        };
        let exponent = word >> shift & ((1 << self.exponent_bits) - 1);
        let coefficient = implied | word & ((1 << shift) - 1);
        Decimal::Finite {
            negative,
            // What is too large counts as zero, says the standard.
            coefficient: match coefficient < 10_u128.pow(self.digits) {
                true => coefficient,
                false => 0,
            },
            exponent: i32::try_from(exponent).map_or(0, |exponent| exponent - self.bias),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |negative| if negative { "-" } else { "" };
        match *self {
            Decimal::NotANumber => f.write_str("NaN"),
            Decimal::Infinite { negative } => write!(f, "{}inf", sign(negative)),
            Decimal::Finite {
                negative,
                coefficient,
                exponent: 0,
            } => write!(f, "{}{coefficient}", sign(negative)),
            Decimal::Finite {
                negative,
                coefficient,
                exponent,
            } => write!(f, "{}{coefficient}E{exponent}", sign(negative)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_coefficients_are_read() {
        // 1.25, -7 and 9,999,999, which takes the longer form.
        let shown = |bits: u32| decimal32(bits.to_be_bytes()).to_string();

        assert_eq!(shown((101 - 2) << 23 | 125), "125E-2");
        assert_eq!(shown(1 << 31 | 101 << 23 | 7), "-7");
        assert_eq!(
            shown(0b11 << 29 | 101 << 21 | (9_999_999 - (1 << 23))),
            "9999999"
        );
    }

    #[test]
    fn every_width_has_its_own_bias() {
        assert_eq!(
            decimal64((398 << 53 | 1_u64).to_be_bytes()).to_string(),
            "1"
        );
        assert_eq!(
            decimal128(((6176 + 3) << 113 | 1_u128).to_be_bytes()).to_string(),
            "1E3"
        );
    }

    #[test]
    fn what_is_no_number_says_so() {
        assert_eq!(decimal32([0x7c, 0, 0, 0]).to_string(), "NaN");
        assert_eq!(decimal32([0xf8, 0, 0, 0]).to_string(), "-inf");
        assert_eq!(decimal128([0xff; 16]).to_string(), "NaN");
    }
}
