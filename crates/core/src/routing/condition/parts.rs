//! Parts of a body: what conditions name of it, read in one pass, without a
//! document of all the rest.
//!
//! It comes to the same as looking into the whole document: what is not JSON
//! anywhere is not JSON, and of a key that is there twice the last counts.

use std::borrow::Cow;

use serde::de::DeserializeSeed;

use self::reader::Reader;
use super::reference::Path;
use super::value::Value;
use crate::routing::body::{Encoding, UnreadableBody, text};

mod reader;

/// The parts that some conditions name: a tree of keys and elements.
#[derive(Debug, Default)]
pub(in crate::routing) struct PartTree {
    root: Node,
    count: usize,
}

/// Something in a body that has a name, or parts that have one.
#[derive(Debug, Default)]
struct Node {
    slot: Option<usize>,
    /// The marks of the keys, which are quicker to compare.
    marks: Vec<u32>,
    keys: Vec<(Box<str>, Node)>,
    /// In order.
    elements: Vec<(usize, Node)>,
}

/// What a body has at those places.
#[derive(Debug)]
pub struct Parts<'a>(Vec<Value<'a>>);

impl Parts<'_> {
    pub(super) fn get(&self, slot: usize) -> Value<'_> {
        self.0.get(slot).map_or(Value::Undefined, Value::lend)
    }

    fn into_owned(self) -> Parts<'static> {
        Parts(self.0.into_iter().map(Value::into_owned).collect())
    }
}

impl PartTree {
    /// The slot of a path.
    pub(super) fn slot_of(&mut self, path: &Path) -> usize {
        let mut node = &mut self.root;
        for (key, index) in path.steps() {
            node = node.at_key(key);
            if let Some(index) = index {
                node = node.at_element(index);
            }
        }
        let next = self.count;
        let slot = *node.slot.get_or_insert(next);
        self.count = self.count.max(slot + 1);
        slot
    }

    /// Reads a body.
    pub(in crate::routing) fn read<'a>(
        &self,
        encoding: Encoding,
        body: &'a [u8],
    ) -> Result<Parts<'a>, UnreadableBody> {
        match text(encoding, body)? {
            Cow::Borrowed(text) => self.read_text(text),
            Cow::Owned(text) => self.read_text(&text).map(Parts::into_owned),
        }
    }

    fn read_text<'a>(&self, text: &'a str) -> Result<Parts<'a>, UnreadableBody> {
        let mut slots = vec![Value::Undefined; self.count];
        let mut json = serde_json::Deserializer::from_str(text);
        let read = Reader {
            node: &self.root,
            slots: &mut slots,
        };
        let read = read.deserialize(&mut json).and_then(|()| json.end());
        read.map(|()| Parts(slots))
            .map_err(|_| UnreadableBody::NotJson)
    }
}

/// Something of a key that other keys hardly have: length, first and last byte.
fn mark(key: &str) -> u32 {
    let ends = match key.as_bytes() {
        [] => [0, 0],
        [only] => [*only, 0],
        [first, .., last] => [*first, *last],
    };
    let [low, high, ..] = key.len().to_le_bytes();
    u32::from_le_bytes([ends[0], ends[1], low, high])
}

impl Node {
    /// The node of a key, made if there is none.
    fn at_key(&mut self, key: &str) -> &mut Node {
        let known = self.keys.iter().position(|(known, _)| **known == *key);
        let place = known.unwrap_or_else(|| {
            self.marks.push(mark(key));
            self.keys.push((key.into(), Node::default()));
            self.keys.len() - 1
        });
        &mut self.keys[place].1
    }

    /// The node of an element, made if there is none.
    fn at_element(&mut self, index: usize) -> &mut Node {
        let place = self
            .elements
            .binary_search_by_key(&index, |(known, _)| *known);
        let place = place.unwrap_or_else(|place| {
            self.elements.insert(place, (index, Node::default()));
            place
        });
        &mut self.elements[place].1
    }

    /// What is below it has this value, whatever it is.
    fn fill_below(
        &self,
        keys: &Value<'static>,
        elements: &Value<'static>,
        slots: &mut [Value<'_>],
    ) {
        for (_, node) in &self.keys {
            node.fill(keys, slots);
        }
        for (_, node) in &self.elements {
            node.fill(elements, slots);
        }
    }

    fn fill(&self, value: &Value<'static>, slots: &mut [Value<'_>]) {
        if let Some(slot) = self.slot {
            slots[slot] = value.clone();
        }
        self.fill_below(value, value, slots);
    }

    fn key(&self, name: &str) -> Option<&Node> {
        let wanted = mark(name);
        let mut alike = self.marks.iter().zip(&self.keys);
        alike
            .find(|(mark, (known, _))| **mark == wanted && **known == *name)
            .map(|(_, (_, node))| node)
    }
}
