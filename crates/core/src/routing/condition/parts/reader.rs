//! One pass over JSON that fills slots.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Node;
use crate::routing::condition::value::{self, Value};

/// Reads what stands at a node into the slots of it and of all below it.
pub(super) struct Reader<'t, 's, 'de> {
    pub node: &'t Node,
    pub slots: &'s mut [Value<'de>],
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
