//! What an expression comes to.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;

use super::Outcome;
use super::reference::Found;
use super::syntax::Constant;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Undefined,
    Null,
    /// What the body lacks: null, but not defined.
    Absent,
    Bool(bool),
    /// Never NaN.
    Number(f64),
    Text(Cow<'a, str>),
    /// Undefined, but known to be an array.
    Array,
    /// Undefined, but known to be an object.
    Object,
}

impl<'a> Value<'a> {
    /// NaN is undefined.
    pub(super) fn number(number: f64) -> Self {
        match number.is_nan() {
            true => Value::Undefined,
            false => Value::Number(number),
        }
    }

    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Value::Text(text.into())
    }

    pub(super) fn constant(constant: &'a Constant) -> Self {
        match constant {
            Constant::Undefined => Value::Undefined,
            Constant::Null => Value::Null,
            Constant::Bool(value) => Value::Bool(*value),
            Constant::Number(number) => Value::number(*number),
            Constant::Text(text) => Value::text(&**text),
        }
    }

    /// A property: without a value it is null.
    pub(super) fn property(property: Option<&'a str>) -> Self {
        property.map_or(Value::Null, Value::text)
    }

    pub(super) fn in_body(found: Found<'a>) -> Self {
        match found {
            Found::Value(json) => Value::json(json),
            Found::Absent => Value::Absent,
            Found::Nowhere => Value::Undefined,
        }
    }

    /// The same one, as long as this one lasts.
    pub(super) fn lend(&self) -> Value<'_> {
        match self {
            Value::Undefined => Value::Undefined,
            Value::Null => Value::Null,
            Value::Absent => Value::Absent,
            Value::Bool(value) => Value::Bool(*value),
            Value::Number(number) => Value::Number(*number),
            Value::Text(text) => Value::text(&**text),
            Value::Array => Value::Array,
            Value::Object => Value::Object,
        }
    }

    /// The same one, which lasts.
    pub(super) fn into_owned(self) -> Value<'static> {
        match self {
            Value::Undefined => Value::Undefined,
            Value::Null => Value::Null,
            Value::Absent => Value::Absent,
            Value::Bool(value) => Value::Bool(value),
            Value::Number(number) => Value::Number(number),
            Value::Text(text) => Value::text(text.into_owned()),
            Value::Array => Value::Array,
            Value::Object => Value::Object,
        }
    }

    pub(super) fn in_twin(found: Found<'a>) -> Self {
        match found {
            Found::Value(json) => Value::json(json),
            Found::Absent | Found::Nowhere => Value::Undefined,
        }
    }

    fn json(json: &'a Json) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => number.as_f64().map_or(Value::Undefined, Value::number),
            Json::String(text) => text_in_body(text.as_str().into()),
            Json::Array(_) => Value::Array,
            Json::Object(_) => Value::Object,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.truth() {
            Some(true) => Outcome::True,
            Some(false) => Outcome::False,
            None => Outcome::Undefined,
        }
    }

    /// In three values; null is false.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            Value::Null | Value::Absent => Some(false),
            _ => None,
        }
    }

    pub(super) fn from_truth(truth: Option<bool>) -> Self {
        truth.map_or(Value::Undefined, Value::Bool)
    }

    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::Absent)
    }

    /// Has neither value nor is null.
    pub(super) fn is_undefined(&self) -> bool {
        matches!(self, Value::Undefined | Value::Array | Value::Object)
    }

    /// Of different types are not equal.
    pub(super) fn equals(&self, other: &Value<'_>) -> Option<bool> {
        if self.is_undefined() || other.is_undefined() {
            return None;
        }
        Some(match (self, other) {
            (Value::Bool(one), Value::Bool(other)) => one == other,
            #[expect(clippy::float_cmp, reason = "the language compares doubles")]
            (Value::Number(one), Value::Number(other)) => one == other,
            (Value::Text(one), Value::Text(other)) => one == other,
            (one, other) => one.is_null() && other.is_null(),
        })
    }

    /// Only numbers with numbers, and texts with texts.
    pub(super) fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Value::Number(one), Value::Number(other)) => one.partial_cmp(other),
            (Value::Text(one), Value::Text(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

/// A text of the body; dates are undefined.
pub(super) fn text_in_body(text: Cow<'_, str>) -> Value<'_> {
    match is_date(&text) {
        true => Value::Undefined,
        false => Value::Text(text),
    }
}

/// Whether the hub takes a text of the body for a date: ISO 8601 with a time,
/// and a fraction, `Z` or offset if need be.
fn is_date(text: &str) -> bool {
    const DATE: &[u8] = b"0000-00-00T00:00:00";
    let Some((stem, rest)) = text.as_bytes().split_at_checked(DATE.len()) else {
        return false;
    };
    let alike = |(byte, pattern): (&u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        pattern => byte == pattern,
    };
    if !stem.iter().zip(DATE).all(alike) {
        return false;
    }
    let rest = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
            match digits.count() {
                0 => return false,
                digits => &fraction[digits..],
            }
        }
        rest => rest,
    };
    match rest {
        [] | [b'Z'] => true,
        [b'+' | b'-', offset @ ..] => {
            matches!(offset.len(), 2 | 4 | 5)
                && offset
                    .iter()
                    .enumerate()
                    .all(|(at, byte)| byte.is_ascii_digit() || (at, *byte) == (2, b':'))
        }
        _ => false,
    }
}
