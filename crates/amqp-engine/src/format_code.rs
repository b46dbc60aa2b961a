//! The format codes of AMQP 1.0 part 1: the byte that says how a value is encoded.

/// A described value: a descriptor follows, then the value itself.
pub const DESCRIBED: u8 = 0x00;
/// Null.
pub const NULL: u8 = 0x40;
/// True, without a byte of its own.
pub const TRUE: u8 = 0x41;
/// False, without a byte of its own.
pub const FALSE: u8 = 0x42;
/// A uint of value 0.
pub const UINT_ZERO: u8 = 0x43;
/// A ulong of value 0.
pub const ULONG_ZERO: u8 = 0x44;
/// A list without elements.
pub const LIST_EMPTY: u8 = 0x45;
/// An unsigned byte.
pub const UBYTE: u8 = 0x50;
/// A signed byte.
pub const BYTE: u8 = 0x51;
/// A uint below 256.
pub const UINT_SMALL: u8 = 0x52;
/// A ulong below 256.
pub const ULONG_SMALL: u8 = 0x53;
/// An int of one signed byte.
pub const INT_SMALL: u8 = 0x54;
/// A long of one signed byte.
pub const LONG_SMALL: u8 = 0x55;
/// A boolean with a byte: 0 or 1.
pub const BOOLEAN: u8 = 0x56;
/// An unsigned 16-bit integer.
pub const USHORT: u8 = 0x60;
/// A signed 16-bit integer.
pub const SHORT: u8 = 0x61;
/// An unsigned 32-bit integer.
pub const UINT: u8 = 0x70;
/// A signed 32-bit integer.
pub const INT: u8 = 0x71;
/// An IEEE 754 binary32.
pub const FLOAT: u8 = 0x72;
/// A Unicode character as UTF-32BE.
pub const CHAR: u8 = 0x73;
/// An IEEE 754 decimal32.
pub const DECIMAL32: u8 = 0x74;
/// An unsigned 64-bit integer.
pub const ULONG: u8 = 0x80;
/// A signed 64-bit integer.
pub const LONG: u8 = 0x81;
/// An IEEE 754 binary64.
pub const DOUBLE: u8 = 0x82;
/// Milliseconds since 1970 as a signed 64-bit integer.
pub const TIMESTAMP: u8 = 0x83;
/// An IEEE 754 decimal64.
pub const DECIMAL64: u8 = 0x84;
/// An IEEE 754 decimal128.
pub const DECIMAL128: u8 = 0x94;
/// A UUID, 16 bytes.
pub const UUID: u8 = 0x98;
/// Bytes, with a length of one byte.
pub const BINARY8: u8 = 0xa0;
/// UTF-8 text, with a length of one byte.
pub const STRING8: u8 = 0xa1;
/// ASCII symbol, with a length of one byte.
pub const SYMBOL8: u8 = 0xa3;
/// Bytes, with a length of four bytes.
pub const BINARY32: u8 = 0xb0;
/// UTF-8 text, with a length of four bytes.
pub const STRING32: u8 = 0xb1;
/// ASCII symbol, with a length of four bytes.
pub const SYMBOL32: u8 = 0xb3;
/// A list, size and count of one byte each.
pub const LIST8: u8 = 0xc0;
/// A map, size and count of one byte each.
pub const MAP8: u8 = 0xc1;
/// A list, size and count of four bytes each.
pub const LIST32: u8 = 0xd0;
/// A map, size and count of four bytes each.
pub const MAP32: u8 = 0xd1;
/// An array, size and count of one byte each.
pub const ARRAY8: u8 = 0xe0;
/// An array, size and count of four bytes each.
pub const ARRAY32: u8 = 0xf0;
