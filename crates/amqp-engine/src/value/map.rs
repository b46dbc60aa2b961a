//! Maps, in the order they were sent.

use super::Value;

/// Pairs of key and value, in wire order.
///
/// AMQP maps hold a handful of entries, so lookup is a scan. A peer that
/// sends a key twice breaks the standard; the first one counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map(Vec<(Value, Value)>);

impl Map {
    /// A map without entries.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value under a string or symbol key of this text.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.iter()
            .find(|(name, _)| match name {
                Value::String(text) => text == key,
                Value::Symbol(symbol) => symbol == key,
                _ => false,
            })
            .map(|(_, value)| value)
    }

    /// Appends an entry; the caller sees to it that the key is new.
    pub fn push(&mut self, key: impl Into<Value>, value: impl Into<Value>) {
        self.0.push((key.into(), value.into()));
    }

    /// The same map with one more entry.
    #[must_use]
    pub fn with(mut self, key: impl Into<Value>, value: impl Into<Value>) -> Self {
        self.push(key, value);
        self
    }

    /// The entries in wire order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(Value, Value)> {
        self.0.iter()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Value, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl IntoIterator for Map {
    type Item = (Value, Value);
    type IntoIter = std::vec::IntoIter<(Value, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Symbol;

    #[test]
    fn lookup_finds_symbol_and_string_keys() {
        let map = Map::new()
            .with(Symbol::from_static("symbol"), 1_i32)
            .with("string", 2_i32);

        assert_eq!(map.get("symbol"), Some(&Value::Int(1)));
        assert_eq!(map.get("string"), Some(&Value::Int(2)));
        assert_eq!(map.get("other"), None);
    }

    #[test]
    fn the_first_of_two_equal_keys_counts() {
        let map = Map::new().with("key", 1_i32).with("key", 2_i32);

        assert_eq!(map.get("key"), Some(&Value::Int(1)));
    }
}
