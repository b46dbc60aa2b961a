//! What can be wrong with foreign bytes.

use crate::descriptor::Descriptor;

/// Why bytes are not the value they were read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end, or the enclosing compound does, inside a value.
    #[error("a value needs {needed} bytes, {available} are left")]
    UnexpectedEnd {
        /// Bytes the value needs from here on.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// A constructor the standard doesn't define.
    #[error("unknown constructor {0:#04x}")]
    UnknownConstructor(u8),
    /// A value of another type than its place demands.
    #[error("expected {expected}, found constructor {found:#04x}")]
    WrongType {
        /// What should be here.
        expected: &'static str,
        /// The constructor that is.
        found: u8,
    },
    /// A composite of another type than its place demands.
    #[error("expected {expected}, found descriptor {found}")]
    WrongDescriptor {
        /// What should be here.
        expected: &'static str,
        /// The descriptor that is.
        found: Descriptor,
    },
    /// A mandatory field is null or left out.
    #[error("{composite} lacks its mandatory field {field}")]
    MissingField {
        /// The composite's symbolic descriptor.
        composite: &'static str,
        /// The field's name in the standard.
        field: &'static str,
    },
    /// A number that its enumeration doesn't define.
    #[error("{value} is no {expected}")]
    UndefinedValue {
        /// The enumeration.
        expected: &'static str,
        /// The number found.
        value: u32,
    },
    /// A string that isn't UTF-8.
    #[error("a string is not utf-8")]
    InvalidUtf8,
    /// A symbol that isn't ASCII.
    #[error("a symbol is not ascii")]
    SymbolNotAscii,
    /// A char that is no Unicode scalar value.
    #[error("{0:#x} is no unicode character")]
    InvalidChar(u32),
    /// A map with a key that has no value.
    #[error("a map counts {0} keys and values, which is odd")]
    OddMap(u32),
    /// A compound whose elements don't fill the size it claims.
    #[error("{0} bytes of a compound belong to no element")]
    UnusedBytes(usize),
    /// A message section that may occur once, a second time; or a body of two kinds.
    #[error("message section {0:#x} does not fit the sections before it")]
    UnexpectedSection(u64),
    /// Bytes after the last value.
    #[error("{0} bytes follow the last value")]
    TrailingBytes(usize),
    /// Nesting beyond the limit.
    #[error("values are nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: u32,
    },
    /// More values than the limit.
    #[error("more than {limit} values")]
    TooManyValues {
        /// The limit.
        limit: u32,
    },
}
