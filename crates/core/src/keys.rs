//! Symmetric keys: a primary and a secondary, so that one can be rolled while
//! the other still opens the door.

use std::fmt;

use twinhub_sas::{generate_key, is_valid_key};

/// A symmetric key as base64 text of 16 to 64 bytes. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// The text is not base64 of 16 to 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key must be base64 of 16 to 64 bytes")]
pub struct InvalidKey;

impl Key {
    /// Takes a key that somebody chose.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        if is_valid_key(text) {
            Ok(Key(text.to_owned()))
        } else {
            Err(InvalidKey)
        }
    }

    /// A fresh key of 32 random bytes.
    pub fn generate() -> Self {
        Key(generate_key())
    }

    /// The key's base64 text: a secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// One of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyName {
    /// The first.
    Primary,
    /// The second.
    Secondary,
}

/// Two keys, each as good as the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The first.
    pub primary: Key,
    /// The second.
    pub secondary: Key,
}

impl KeyPair {
    /// Two fresh keys.
    pub fn generate() -> Self {
        KeyPair {
            primary: Key::generate(),
            secondary: Key::generate(),
        }
    }

    /// Replaces one key by a fresh one.
    pub fn roll(&mut self, which: KeyName) {
        match which {
            KeyName::Primary => self.primary = Key::generate(),
            KeyName::Secondary => self.secondary = Key::generate(),
        }
    }

    /// Both, in the order in which they are tried.
    pub fn both(&self) -> [&Key; 2] {
        [&self.primary, &self.secondary]
    }
}
