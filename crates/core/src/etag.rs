//! ETags, and what a writer demands of what it overwrites.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The version of an identity or a twin as clients see it, without quotes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Etag(String);

impl Etag {
    /// The form of identity ETags: base64 of a decimal number.
    pub fn from_decimal(number: u64) -> Self {
        Etag(BASE64_STANDARD.encode(number.to_string()))
    }

    /// The form of twin ETags: base64 of a big-endian counter.
    pub fn from_counter(number: u64) -> Self {
        Etag(BASE64_STANDARD.encode(number.to_be_bytes()))
    }

    /// The ETag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a writer demands of the present state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing was said.
    None,
    /// It must exist, in whatever version.
    Any,
    /// It must be at this version.
    Etag(String),
}

impl Precondition {
    /// Whether something that exists at `current` may be overwritten.
    pub fn accepts(&self, current: &Etag) -> bool {
        match self {
            Precondition::None | Precondition::Any => true,
            Precondition::Etag(expected) => expected == current.as_str(),
        }
    }
}

impl fmt::Display for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Precondition::None => f.write_str("no etag"),
            Precondition::Any => f.write_str("any etag"),
            Precondition::Etag(etag) => write!(f, "etag {etag}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_those_of_the_hub() {
        assert_eq!(Etag::from_decimal(0).as_str(), "MA==");
        assert_eq!(Etag::from_counter(1).as_str(), "AAAAAAAAAAE=");
    }

    #[test]
    fn only_the_current_etag_is_accepted() {
        let current = Etag::from_decimal(7);

        assert!(Precondition::Any.accepts(&current));
        assert!(Precondition::Etag(current.to_string()).accepts(&current));
        assert!(!Precondition::Etag("NOPE".to_owned()).accepts(&current));
    }
}
