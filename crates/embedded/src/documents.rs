//! Single values out of documents, without reading the rest of them.
//!
//! A twin's document has hundreds of bytes of which a query names a few. What
//! is not named is only passed over.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use twinhub_core::query::Scalar;

use self::Kind::{Bool, Null, Number, Structure, Text};

/// Paths into one document.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Paths {
    /// The number of the path that ends here.
    ends: Option<usize>,
    below: Vec<(String, Paths)>,
}

/// A value in a document, as far as values can be compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind<'d> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'d, str>),
    /// An object or an array.
    Structure,
}

impl Paths {
    /// Adds a path under a number. A path that is there already keeps its own.
    pub(crate) fn add(&mut self, keys: &[String], number: usize) {
        let Some((first, rest)) = keys.split_first() else {
            self.ends.get_or_insert(number);
            return;
        };
        let place = self.below.iter().position(|(key, _)| key == first);
        let place = place.unwrap_or_else(|| {
            self.below.push((first.clone(), Paths::default()));
            self.below.len() - 1
        });
        self.below[place].1.add(rest, number);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_none() && self.below.is_empty()
    }

    /// What is at each of the paths, by their numbers; false if the text is
    /// not JSON.
    pub(crate) fn values<'d>(
        &self,
        document: &'d str,
        each: &mut impl FnMut(usize, Kind<'d>),
    ) -> bool {
        let mut json = serde_json::Deserializer::from_str(document);
        let read = (&mut json).deserialize_any(Values { paths: self, each });
        read.is_ok()
    }

    /// The document with nothing but what the paths lead to.
    pub(crate) fn pruned(&self, document: &str) -> Option<Map<String, Value>> {
        if self.ends.is_some() {
            return serde_json::from_str(document).ok();
        }
        if self.below.is_empty() {
            return Some(Map::new());
        }
        let mut json = serde_json::Deserializer::from_str(document);
        match Pruned(self).deserialize(&mut json).ok()? {
            Some(Value::Object(object)) => Some(object),
            _ => None,
        }
    }
}

/// Finds out which of the paths below go on with a key.
struct Key<'p>(&'p [(String, Paths)]);

impl<'de, 'p> DeserializeSeed<'de> for Key<'p> {
    type Value = Option<&'p (String, Paths)>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'p> Visitor<'_> for Key<'p> {
    type Value = Option<&'p (String, Paths)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|(name, _)| name == key))
    }
}

struct Values<'p, F> {
    paths: &'p Paths,
    each: &'p mut F,
}

impl<F> Values<'_, F> {
    fn found<'d>(self, kind: Kind<'d>)
    where
        F: FnMut(usize, Kind<'d>),
    {
        if let Some(number) = self.paths.ends {
            (self.each)(number, kind);
        }
    }
}

impl<'de, F: FnMut(usize, Kind<'de>)> DeserializeSeed<'de> for Values<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, F: FnMut(usize, Kind<'de>)> Visitor<'de> for Values<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.found(Null);
        Ok(())
    }

    fn visit_bool<E>(self, bool: bool) -> Result<(), E> {
        self.found(Bool(bool));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.found(number_of(number.into()));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.found(number_of(number.into()));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.found(Number(number));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.found(Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.paths.ends.is_some() {
            self.found(Text(Cow::Owned(text.to_owned())));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        self.found(Structure);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(found) = members.next_key_seed(Key(&self.paths.below))? {
            match found {
                None => {
                    members.next_value::<IgnoredAny>()?;
                }
                Some((_, paths)) => {
                    let each = &mut *self.each;
                    members.next_value_seed(Values { paths, each })?;
                }
            }
        }
        self.found(Structure);
        Ok(())
    }
}

impl<'d> From<Kind<'d>> for Scalar<'d> {
    fn from(kind: Kind<'d>) -> Self {
        match kind {
            Null => Scalar::Null,
            Bool(bool) => Scalar::Bool(bool),
            Number(number) => Scalar::Number(number),
            Text(text) => Scalar::Text(text),
            Structure => Scalar::Structure,
        }
    }
}

/// As conditions see it.
fn number_of(number: serde_json::Number) -> Kind<'static> {
    Number(number.as_f64().unwrap_or_default())
}

/// Leads to nothing where the paths don't end in a value.
struct Pruned<'p>(&'p Paths);

impl<'de> DeserializeSeed<'de> for Pruned<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        if self.0.ends.is_some() {
            return serde::Deserialize::deserialize(from).map(Some);
        }
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pruned<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(found) = members.next_key_seed(Key(&self.0.below))? {
            let Some((key, paths)) = found else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            if let Some(value) = members.next_value_seed(Pruned(paths))? {
                object.insert(key.clone(), value);
            }
        }
        Ok(Some(Value::Object(object)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(of: &[&[&str]]) -> Paths {
        let mut paths = Paths::default();
        for (number, keys) in of.iter().enumerate() {
            let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
            paths.add(&keys, number);
        }
        paths
    }

    const DOCUMENT: &str = r#"{"a":{"b":[1,{"c":2}],"c":"x","d":null},"e":-1.5,"f\"\u0041":true,
        "g":18446744073709551615,"h":-7,"i":{}}"#;

    #[test]
    fn values_are_found_where_paths_lead() {
        let wanted: &[&[&str]] = &[
            &["a", "c"],
            &["a", "b"],
            &["a", "b", "c"],
            &["a", "d"],
            &["e"],
            &["e", "x"],
            &["f\"A"],
            &["g"],
            &["h"],
            &["i"],
            &["nothing"],
        ];

        let mut found = Vec::new();
        paths(wanted).values(DOCUMENT, &mut |number, kind| found.push((number, kind)));

        found.sort_by_key(|(number, _)| *number);
        let expected = [
            (0, Text("x".into())),
            (1, Structure),
            (3, Null),
            (4, Number(-1.5)),
            (6, Bool(true)),
            (7, Number(18_446_744_073_709_551_615.0)),
            (8, Number(-7.0)),
            (9, Structure),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_text_that_is_not_json_is_told_from_one_without_the_paths() {
        let read = |document| paths(&[&["a"]]).values(document, &mut |_, _| {});

        assert!(read("{}") && read(DOCUMENT));
        assert!(!read("{\"a\":1") && !read(""));
    }

    #[test]
    fn what_no_path_leads_to_is_left_out() {
        let both: &[&[&str]] = &[&["a", "d"], &["a", "b"], &["e", "x"], &["f\"A"], &["none"]];

        let pruned = paths(both).pruned(DOCUMENT).unwrap();
        let whole = paths(&[&["a"], &["a", "c"]]).pruned(DOCUMENT).unwrap();

        let expected = json!({"a": {"b": [1, {"c": 2}], "d": null}, "f\"A": true});
        assert_eq!(Value::Object(pruned), expected);
        assert_eq!(whole["a"]["b"][1]["c"], 2);
        assert_eq!(paths(&[&["a"]]).pruned("{\"a\":"), None);
    }
}
