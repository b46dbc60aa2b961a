//! Symbols: short ASCII names, mostly from a fixed vocabulary.

use bytes::Bytes;
use bytestring::ByteString;

/// An ASCII name; static ones cost no allocation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(ByteString);

/// A symbol may hold ASCII characters only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a symbol holds ASCII only")]
pub struct NotAscii;

impl Symbol {
    /// A symbol of the program's own vocabulary.
    ///
    /// # Panics
    /// When the text isn't ASCII; in a `const`, that stops the build.
    pub const fn from_static(text: &'static str) -> Self {
        assert!(text.is_ascii(), "a symbol holds ASCII only");
        Self(ByteString::from_static(text))
    }

    /// The symbol's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The symbol's text, for keeping: nothing is copied.
impl From<Symbol> for ByteString {
    fn from(symbol: Symbol) -> Self {
        symbol.0
    }
}

impl TryFrom<Bytes> for Symbol {
    type Error = NotAscii;

    fn try_from(bytes: Bytes) -> Result<Self, NotAscii> {
        if !bytes.is_ascii() {
            return Err(NotAscii);
        }
        ByteString::try_from(bytes).map(Self).map_err(|_| NotAscii)
    }
}

impl TryFrom<String> for Symbol {
    type Error = NotAscii;

    fn try_from(text: String) -> Result<Self, NotAscii> {
        if text.is_ascii() {
            Ok(Self(text.into()))
        } else {
            Err(NotAscii)
        }
    }
}

impl PartialEq<str> for Symbol {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Symbol {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl std::fmt::Display for Symbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for Symbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, ":{}", self.as_str())
    }
}
