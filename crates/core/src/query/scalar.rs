//! Values as conditions see them: what can be compared.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::expression::Constant;

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'v> {
    /// Nothing is there, or it makes no sense.
    Undefined,
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Never NaN, which is undefined.
    Number(f64),
    /// A text.
    Text(Cow<'v, str>),
    /// An object or an array: it exists, and can't be compared.
    Structure,
}

impl<'v> Scalar<'v> {
    pub(super) fn of(value: Option<Cow<'v, Value>>) -> Self {
        match value {
            None => Scalar::Undefined,
            Some(Cow::Borrowed(value)) => Scalar::of_json(value),
            Some(Cow::Owned(Value::String(text))) => Scalar::Text(Cow::Owned(text)),
            Some(Cow::Owned(value)) => match Scalar::of_json(&value) {
                Scalar::Null => Scalar::Null,
                Scalar::Bool(bool) => Scalar::Bool(bool),
                Scalar::Number(number) => Scalar::Number(number),
                _ => Scalar::Structure,
            },
        }
    }

    /// The same value.
    pub(super) fn borrowed(&'v self) -> Self {
        match self {
            Scalar::Text(text) => Scalar::Text(Cow::Borrowed(text)),
            other => other.clone(),
        }
    }

    pub(super) fn of_json(value: &'v Value) -> Self {
        match value {
            Value::Null => Scalar::Null,
            Value::Bool(bool) => Scalar::Bool(*bool),
            Value::Number(number) => number.as_f64().map_or(Scalar::Undefined, Scalar::Number),
            Value::String(text) => Scalar::Text(Cow::Borrowed(text)),
            Value::Array(_) | Value::Object(_) => Scalar::Structure,
        }
    }

    pub(super) fn of_constant(constant: &'v Constant) -> Self {
        match constant {
            Constant::Undefined => Scalar::Undefined,
            Constant::Null => Scalar::Null,
            Constant::Bool(bool) => Scalar::Bool(*bool),
            Constant::Number(number) => Scalar::Number(*number),
            Constant::Text(text) => Scalar::Text(Cow::Borrowed(text)),
        }
    }

    pub(super) fn of_number(number: f64) -> Self {
        if number.is_nan() {
            return Scalar::Undefined;
        }
        Scalar::Number(number)
    }

    pub(super) fn of_truth(truth: Option<bool>) -> Self {
        truth.map_or(Scalar::Undefined, Scalar::Bool)
    }

    /// Whether it is true, if it is true or false.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Scalar::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Scalar::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether both are the same, if they can be compared.
    pub(super) fn equals(&self, other: &Scalar<'_>) -> Option<bool> {
        match (self, other) {
            (Scalar::Undefined | Scalar::Structure, _)
            | (_, Scalar::Undefined | Scalar::Structure) => None,
            (left, right) => Some(left == right),
        }
    }

    /// Which comes first, for two numbers or two texts.
    pub(super) fn order(&self, other: &Scalar<'_>) -> Option<Ordering> {
        match (self, other) {
            (Scalar::Number(left), Scalar::Number(right)) => left.partial_cmp(right),
            (Scalar::Text(left), Scalar::Text(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }
}

/// A number as JSON: without a fraction if it has none. What JSON can't hold
/// is nothing.
pub(super) fn json_number(number: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it was just seen to be a whole number that fits"
        )]
        return Some(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number)
}
