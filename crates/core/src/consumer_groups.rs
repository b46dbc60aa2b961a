//! Consumer groups: the names under which readers of the built-in endpoint
//! keep apart.
//!
//! A group holds nothing but its name: where a reader goes on is the reader's
//! own knowledge. Every hub has [`$Default`](ConsumerGroupName::default_group),
//! which can't be deleted. Readers of a group that is deleted end.

use std::fmt;

use crate::etag::Etag;
use crate::time::Timestamp;

/// The group that every hub has.
const DEFAULT: &str = "$Default";
/// The longest name.
const MAX_LENGTH: usize = 50;

/// A consumer group's name within its hub: 1 to 50 letters, digits and `- _ .`
/// with a letter or digit at both ends, or `$Default`; case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroupName(String);

/// The text is not a consumer group's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a consumer group's name has 1 to {MAX_LENGTH} letters, digits and - _ . \
     with a letter or digit at both ends"
)]
pub struct InvalidConsumerGroupName;

impl ConsumerGroupName {
    /// Checks length and characters.
    ///
    /// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsofteventhub>
    pub fn parse(text: &str) -> Result<Self, InvalidConsumerGroupName> {
        if text.eq_ignore_ascii_case(DEFAULT) {
            return Ok(Self::default_group());
        }
        let is_plain = |b: u8| b.is_ascii_alphanumeric();
        let is_allowed = |b: u8| is_plain(b) || b"-_.".contains(&b);
        let bytes = text.as_bytes();
        let allowed = bytes.len() <= MAX_LENGTH
            && bytes.iter().copied().all(is_allowed)
            && bytes.first().copied().is_some_and(is_plain)
            && bytes.last().copied().is_some_and(is_plain);
        allowed
            .then(|| ConsumerGroupName(text.to_owned()))
            .ok_or(InvalidConsumerGroupName)
    }

    /// The name of the group that every hub has.
    pub fn default_group() -> Self {
        ConsumerGroupName(DEFAULT.to_owned())
    }

    /// Whether it is the group that every hub has.
    pub fn is_default(&self) -> bool {
        self.0 == DEFAULT
    }

    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which names are compared.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for ConsumerGroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A consumer group. It never changes: it is made and deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// Its name.
    pub name: ConsumerGroupName,
    /// When it was made; `None` for `$Default`, which is as old as its hub.
    /// Tells a group from one that had its name before.
    pub created: Option<Timestamp>,
}

impl ConsumerGroup {
    /// `$Default`.
    pub fn default_group() -> Self {
        ConsumerGroup {
            name: ConsumerGroupName::default_group(),
            created: None,
        }
    }

    /// What callers compare.
    pub fn etag(&self) -> Etag {
        let made = self.created.map_or(0, |created| created.ticks());
        Etag::from_counter(made.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_event_hubs() {
        for name in ["a", "A-b_c.9", "7", &"x".repeat(50)] {
            assert_eq!(ConsumerGroupName::parse(name).unwrap().as_str(), name);
        }
        let none = [
            "",
            "-a",
            "a-",
            ".",
            "a b",
            "a/b",
            "$Other",
            "$",
            "gr\u{fc}n",
        ];
        for name in none {
            assert!(ConsumerGroupName::parse(name).is_err(), "{name:?}");
        }
        assert!(ConsumerGroupName::parse(&"x".repeat(51)).is_err());
    }

    #[test]
    fn the_default_group_is_known_in_any_case() {
        let name = ConsumerGroupName::parse("$dEFAULT").unwrap();

        assert!(name.is_default());
        assert_eq!(name.as_str(), "$Default");
    }
}
