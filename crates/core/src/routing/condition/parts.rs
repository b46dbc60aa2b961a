//! Parts of a body: what conditions name of it, read in one pass, without a
//! document of all the rest.
//!
//! It comes to the same as looking into the whole document: what is not JSON
//! anywhere is not JSON, and of a key that is there twice the last counts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::reference::Path;
use super::value::{self, Value};
use crate::routing::body::{Encoding, UnreadableBody, text};

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

/// Reads what stands at a node into the slots of it and of all below it.
struct Reader<'t, 's, 'de> {
    node: &'t Node,
    slots: &'s mut [Value<'de>],
}

impl<'de> Reader<'_, '_, 'de> {
    /// It is something without parts.
    fn is(self, value: Value<'de>) {
        self.node
            .fill_below(&Value::Undefined, &Value::Undefined, self.slots);
        if let Some(slot) = self.node.slot {
            self.slots[slot] = value;
        }
    }

    fn is_container(
        &mut self,
        value: Value<'de>,
        keys: &Value<'static>,
        elements: &Value<'static>,
    ) {
        self.node.fill_below(keys, elements, self.slots);
        if let Some(slot) = self.node.slot {
            self.slots[slot] = value;
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.is(Value::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.is(Value::Bool(value));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "the language has doubles alone")]
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.is(Value::number(value as f64));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "the language has doubles alone")]
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.is(Value::number(value as f64));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.is(Value::number(value));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.is(value::text_in_body(text.into()));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let wanted = self
            .node
            .slot
            .map(|_| value::text_in_body(text.to_owned().into()));
        self.is(wanted.unwrap_or(Value::Undefined));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<(), A::Error> {
        self.is_container(Value::Array, &Value::Undefined, &Value::Absent);
        let mut wanted = self.node.elements.iter().peekable();
        let mut index = 0;
        loop {
            let next = match wanted.next_if(|(known, _)| *known == index) {
                Some((_, node)) => array.next_element_seed(Reader {
                    node,
                    slots: self.slots,
                })?,
                None => array.next_element_seed(Skip)?,
            };
            if next.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        self.is_container(Value::Object, &Value::Absent, &Value::Undefined);
        while let Some(node) = object.next_key_seed(Key(self.node))? {
            match node {
                Some(node) => object.next_value_seed(Reader {
                    node,
                    slots: self.slots,
                })?,
                None => object.next_value_seed(Skip)?,
            }
        }
        Ok(())
    }
}

/// Reads a key: the node of that name.
struct Key<'t>(&'t Node);

impl<'de, 't> DeserializeSeed<'de> for Key<'t> {
    type Value = Option<&'t Node>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'t> Visitor<'_> for Key<'t> {
    type Value = Option<&'t Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.key(name))
    }
}

/// Reads something that nobody named, as strictly as what somebody did.
struct Skip;

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while array.next_element_seed(Skip)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let nothing = Node::default();
        while object.next_key_seed(Key(&nothing))?.is_some() {
            object.next_value_seed(Skip)?;
        }
        Ok(())
    }
}
