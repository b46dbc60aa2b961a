//! Lists, maps and arrays: a size and a count, both claims of the peer.

use super::scalar::{symbol, wrong};
use super::{Decode, DecodeError, Decoder};
use crate::format_code as code;
use crate::value::{Map, Symbol, Value};

/// An open compound: reads are confined to its bytes until it is closed.
#[must_use = "an open compound hides the bytes after it"]
pub(crate) struct OpenCompound {
    /// How many elements the peer claims.
    pub(crate) count: u32,
    outer: usize,
}

impl Decoder {
    /// Opens a list for its elements.
    pub(crate) fn open_list(&mut self) -> Result<OpenCompound, DecodeError> {
        match self.u8()? {
            code::LIST_EMPTY => self.open(0, 0),
            code::LIST8 => self.open_short(),
            code::LIST32 => self.open_long(),
            found => Err(wrong("list", found)),
        }
    }

    /// Reads a list of values of any types.
    pub(crate) fn list(&mut self) -> Result<Vec<Value>, DecodeError> {
        let list = self.open_list()?;
        self.list_items(&list)
    }

    pub(super) fn open_short(&mut self) -> Result<OpenCompound, DecodeError> {
        let size = usize::from(self.u8()?);
        let count = self.u8()?;
        self.open(after_count(size, 1)?, count.into())
    }

    pub(super) fn open_long(&mut self) -> Result<OpenCompound, DecodeError> {
        let size = self.u32()? as usize;
        let count = self.u32()?;
        self.open(after_count(size, 4)?, count)
    }

    /// `size` is what is left of the compound after its count.
    pub(super) fn open(&mut self, size: usize, count: u32) -> Result<OpenCompound, DecodeError> {
        self.require(size)?;
        self.descend()?;
        let outer = self.outside;
        self.outside = self.rest.len() - size;
        Ok(OpenCompound { count, outer })
    }

    /// Closes a compound, all of whose bytes must be read.
    pub(super) fn close(&mut self, compound: &OpenCompound) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => {
                self.leave(compound);
                Ok(())
            }
            unused => Err(DecodeError::UnusedBytes(unused)),
        }
    }

    /// Closes a compound, passing over what is left in it.
    pub(crate) fn close_early(&mut self, compound: &OpenCompound) -> Result<(), DecodeError> {
        let unread = self.remaining();
        self.slice(unread)?;
        self.leave(compound);
        Ok(())
    }

    fn leave(&mut self, compound: &OpenCompound) {
        self.outside = compound.outer;
        self.ascend();
    }

    pub(super) fn list_items(&mut self, list: &OpenCompound) -> Result<Vec<Value>, DecodeError> {
        let mut items = Vec::new();
        for _ in 0..list.count {
            items.push(Value::decode(self)?);
        }
        self.close(list)?;
        Ok(items)
    }

    pub(super) fn map_entries(&mut self, map: &OpenCompound) -> Result<Map, DecodeError> {
        if !map.count.is_multiple_of(2) {
            return Err(DecodeError::OddMap(map.count));
        }
        let mut entries = Map::new();
        for _ in 0..map.count / 2 {
            let key = Value::decode(self)?;
            entries.push(key, Value::decode(self)?);
        }
        self.close(map)?;
        Ok(entries)
    }
}

/// What a size leaves for the elements; it counts the count field, too.
fn after_count(size: usize, width: usize) -> Result<usize, DecodeError> {
    size.checked_sub(width).ok_or(DecodeError::UnexpectedEnd {
        needed: width,
        available: size,
    })
}

impl Decode for Map {
    fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let map = match decoder.u8()? {
            code::MAP8 => decoder.open_short()?,
            code::MAP32 => decoder.open_long()?,
            found => return Err(wrong("map", found)),
        };
        decoder.map_entries(&map)
    }
}

/// A field of several symbols: null, one symbol, or an array of them.
pub(crate) fn decode_symbols(decoder: &mut Decoder) -> Result<Vec<Symbol>, DecodeError> {
    let array = match decoder.peek()? {
        code::NULL => {
            decoder.u8()?;
            return Ok(Vec::new());
        }
        code::ARRAY8 => {
            decoder.u8()?;
            decoder.open_short()?
        }
        code::ARRAY32 => {
            decoder.u8()?;
            decoder.open_long()?
        }
        _ => return Symbol::decode(decoder).map(|symbol| vec![symbol]),
    };
    let symbols = symbol_elements(decoder, array.count)?;
    decoder.close(&array)?;
    Ok(symbols)
}

fn symbol_elements(decoder: &mut Decoder, count: u32) -> Result<Vec<Symbol>, DecodeError> {
    if count == 0 {
        // The element constructor is optional where there is no element.
        let unread = decoder.remaining();
        decoder.slice(unread)?;
        return Ok(Vec::new());
    }
    let constructor = decoder.u8()?;
    let mut symbols = Vec::new();
    for _ in 0..count {
        decoder.spend(1)?;
        let name = match constructor {
            code::SYMBOL8 => decoder.short_slice().and_then(symbol)?,
            code::SYMBOL32 => decoder.long_slice().and_then(symbol)?,
            found => return Err(wrong("array of symbols", found)),
        };
        symbols.push(name);
    }
    Ok(symbols)
}
