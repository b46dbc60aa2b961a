//! Topic names and topic filters: strings that were checked once.

use std::{fmt, ops::Deref};

use bytestring::ByteString;

/// Why a string is not a topic name or filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// It has no character.
    #[error("the topic is empty")]
    Empty,
    /// It has more bytes than a length of 16 bits can tell.
    #[error("the topic is longer than 65535 bytes")]
    TooLong,
    /// It contains U+0000.
    #[error("the topic contains a null character")]
    Null,
    /// A name contains `+` or `#`.
    #[error("the topic name contains a wildcard")]
    WildcardInName,
    /// `#` is not the last level on its own, or `+` shares its level.
    #[error("a wildcard of the topic filter does not stand where it may")]
    MisplacedWildcard,
}

/// What a message is published to: no wildcards, never empty.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TopicName(ByteString);

impl TopicName {
    /// Checks a topic name.
    pub fn new(text: impl Into<ByteString>) -> Result<Self, TopicError> {
        let text = text.into();
        check_name(&text)?;
        Ok(Self(text))
    }
}

/// What a client subscribes to: wildcards only as whole levels, never empty.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TopicFilter(ByteString);

impl TopicFilter {
    /// Checks a topic filter.
    pub fn new(text: impl Into<ByteString>) -> Result<Self, TopicError> {
        let text = text.into();
        check_text(&text)?;
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            let misplaced = match level {
                "+" => false,
                "#" => levels.peek().is_some(),
                _ => level.contains(['+', '#']),
            };
            if misplaced {
                return Err(TopicError::MisplacedWildcard);
            }
        }
        Ok(Self(text))
    }
}

/// Whether a text is a topic name.
pub(crate) fn check_name(text: &str) -> Result<(), TopicError> {
    check_text(text)?;
    match text.contains(['+', '#']) {
        true => Err(TopicError::WildcardInName),
        false => Ok(()),
    }
}

fn check_text(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > usize::from(u16::MAX) {
        return Err(TopicError::TooLong);
    }
    if text.as_bytes().contains(&0) {
        return Err(TopicError::Null);
    }
    Ok(())
}

impl Deref for TopicName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for TopicFilter {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Debug for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_wildcards_and_are_not_empty() {
        for good in ["a", "/", "a/b", "/a//b/", "$iothub/twin/GET/?$rid=1", "ä"] {
            assert_eq!(&*TopicName::new(good).unwrap(), good);
        }
        for (bad, error) in [
            ("", TopicError::Empty),
            ("a/+", TopicError::WildcardInName),
            ("a#", TopicError::WildcardInName),
            ("a\0b", TopicError::Null),
        ] {
            assert_eq!(TopicName::new(bad).unwrap_err(), error, "{bad:?}");
        }
    }

    #[test]
    fn wildcards_of_filters_fill_a_level_and_hash_is_last() {
        for good in ["#", "+", "/", "a/#", "+/+", "/+/#", "a/+/b", "$iothub/#"] {
            assert_eq!(&*TopicFilter::new(good).unwrap(), good);
        }
        for bad in ["a#", "#/a", "a/#/b", "a+", "+a", "a/b+/c", "##", "++"] {
            assert_eq!(
                TopicFilter::new(bad).unwrap_err(),
                TopicError::MisplacedWildcard,
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_topic_fits_a_length_of_16_bits() {
        assert!(TopicName::new("a".repeat(65_535)).is_ok());
        assert_eq!(
            TopicName::new("a".repeat(65_536)).unwrap_err(),
            TopicError::TooLong
        );
    }
}
