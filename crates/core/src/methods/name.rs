//! Method names.

use std::fmt;
use std::sync::Arc;

/// The longest method name, in characters.
pub const MAX_METHOD_NAME: usize = 100;

/// Why a text is not a method name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMethodName {
    /// Empty, or too long.
    #[error("a method name has 1 to {MAX_METHOD_NAME} characters")]
    Length,
    /// A character outside the set.
    #[error(
        "a method name can't have the character U+{:04X}; letters, digits and - . _ * ! % & ' ^ ` | ~ are allowed",
        u32::from(*.0)
    )]
    Character(char),
}

/// What a method is called: case-sensitive, 1 to [`MAX_METHOD_NAME`] letters,
/// digits and ``- . _ * ! % & ' ^ ` | ~``.
///
/// The documented set less `+` and `#`, which no topic can carry.
///
/// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-direct-methods>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodName(Arc<str>);

impl MethodName {
    /// Checks length and characters.
    pub fn parse(text: &str) -> Result<Self, InvalidMethodName> {
        if !(1..=MAX_METHOD_NAME).contains(&text.chars().count()) {
            return Err(InvalidMethodName::Length);
        }
        let refused = |c: &char| !(c.is_ascii_alphanumeric() || "-._*!%&'^`|~".contains(*c));
        match text.chars().find(refused) {
            Some(character) => Err(InvalidMethodName::Character(character)),
            None => Ok(MethodName(text.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_hundred_characters_at_most() {
        assert!(MethodName::parse(&"m".repeat(100)).is_ok());
        assert_eq!(
            MethodName::parse(&"m".repeat(101)),
            Err(InvalidMethodName::Length)
        );
        assert_eq!(MethodName::parse(""), Err(InvalidMethodName::Length));
    }

    #[test]
    fn a_name_can_be_part_of_a_topic() {
        assert!(MethodName::parse("set.Interval-2_*!%&'^`|~").is_ok());
        for character in "$()<>@,;:\\\"/[]?={} +#\u{e9}\n\0".chars() {
            assert_eq!(
                MethodName::parse(&format!("a{character}")),
                Err(InvalidMethodName::Character(character)),
            );
        }
    }
}
