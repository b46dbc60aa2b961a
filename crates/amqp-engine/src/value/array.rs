//! Arrays: values that share one constructor on the wire.

use std::mem::discriminant;

use super::Value;

/// Values of one type; described ones share their descriptor, too.
///
/// An empty array forgets its element type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Array(Vec<Value>);

/// The elements of an array must be of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the elements of an array must be of one type")]
pub struct MixedArray;

impl Array {
    /// An array of these elements.
    ///
    /// # Errors
    /// When two elements differ in type or descriptor.
    pub fn new(items: Vec<Value>) -> Result<Self, MixedArray> {
        let alike = items.windows(2).all(|pair| same_type(&pair[0], &pair[1]));
        if alike {
            Ok(Self(items))
        } else {
            Err(MixedArray)
        }
    }

    /// An array of strings.
    pub fn of_strings(items: impl IntoIterator<Item = String>) -> Self {
        Self(items.into_iter().map(Value::from).collect())
    }

    /// The elements.
    pub fn items(&self) -> &[Value] {
        &self.0
    }

    /// The elements, for keeping.
    pub fn into_items(self) -> Vec<Value> {
        self.0
    }

    pub(crate) fn from_alike(items: Vec<Value>) -> Self {
        debug_assert!(items.windows(2).all(|pair| same_type(&pair[0], &pair[1])));
        Self(items)
    }
}

fn same_type(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Described(a), Value::Described(b)) => {
            a.descriptor == b.descriptor && same_type(&a.value, &b.value)
        }
        _ => discriminant(a) == discriminant(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_two_types_are_refused() {
        let mixed = Array::new(vec![Value::Int(1), Value::Uint(1)]);

        assert_eq!(mixed, Err(MixedArray));
    }
}
