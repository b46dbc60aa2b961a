//! What proves that a receiver holds a lock.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Made anew for each lock, and not to be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LockToken(Uuid);

/// The text is not the form of a lock token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a lock token is a UUID")]
pub struct InvalidLockToken;

impl LockToken {
    /// A fresh one of 122 random bits.
    pub fn random() -> Self {
        LockToken(Uuid::new_v4())
    }

    /// From its bytes, as engines store it.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        LockToken(Uuid::from_bytes(bytes))
    }

    /// Its bytes, in the order in which its text shows them.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

/// Lower-case digits with hyphens.
impl fmt::Display for LockToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for LockToken {
    type Err = InvalidLockToken;

    fn from_str(text: &str) -> Result<Self, InvalidLockToken> {
        let uuid = Uuid::try_parse(text).map_err(|_| InvalidLockToken)?;
        Ok(LockToken(uuid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_back() {
        let token = LockToken::random();

        assert_eq!(token.to_string().parse(), Ok(token));
        assert_eq!(LockToken::from_bytes(token.to_bytes()), token);
        assert_eq!("pump-7".parse::<LockToken>(), Err(InvalidLockToken));
    }
}
