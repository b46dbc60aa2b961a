//! What properties and tags may hold.
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins#tags-and-properties-format>

use std::fmt;

use serde_json::{Map, Number, Value};

/// Size of all tags together, in bytes: keys and strings by their UTF-8
/// length, 8 for a number, 4 for a boolean, nothing for structure.
pub const MAX_TAGS_BYTES: usize = 8 * 1024;
/// Size of desired and of reported properties, each, counted the same way.
pub const MAX_PROPERTIES_BYTES: usize = 32 * 1024;
const MAX_KEY_BYTES: usize = 1024;
const MAX_STRING_BYTES: usize = 4096;
/// Objects and arrays within each other, the section itself not counted.
const MAX_DEPTH: usize = 10;
/// Values of a whole part, objects, arrays and their elements among them. The
/// documented size counts an empty value as nothing: without this cap a part
/// could grow without end. No part within the documented size has as many
/// named values as this, unless their names are shorter than two bytes.
const MAX_VALUES: usize = 16 * 1024;
const MIN_INTEGER: i64 = -4_503_599_627_370_496;
const MAX_INTEGER: i64 = 4_503_599_627_370_495;

/// A part of a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `tags`
    Tags,
    /// `properties.desired`
    Desired,
    /// `properties.reported`
    Reported,
}

impl Place {
    fn max_bytes(self) -> usize {
        match self {
            Place::Tags => MAX_TAGS_BYTES,
            Place::Desired | Place::Reported => MAX_PROPERTIES_BYTES,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Tags => "tags",
            Place::Desired => "properties.desired",
            Place::Reported => "properties.reported",
        })
    }
}

/// Which rule properties break, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProperties {
    /// A key of no or too many bytes.
    #[error("{path}: a key must have 1 to {MAX_KEY_BYTES} bytes")]
    KeyLength {
        /// The object that holds the key.
        path: String,
    },
    /// A key with a character that is not allowed.
    #[error(
        "{path}: a key can't have {character:?}; control characters, blank and . $ # are not allowed"
    )]
    KeyCharacter {
        /// The object that holds the key.
        path: String,
        /// The character.
        character: char,
    },
    /// A string that is too long.
    #[error("{path}: a string has at most {MAX_STRING_BYTES} bytes")]
    StringTooLong {
        /// Where it is.
        path: String,
    },
    /// Objects too deep.
    #[error("{path}: objects nest at most {MAX_DEPTH} deep")]
    TooDeep {
        /// Where it is.
        path: String,
    },
    /// A number that clients can't all represent.
    #[error("{path}: integers must be from {MIN_INTEGER} to {MAX_INTEGER}")]
    NumberOutOfRange {
        /// Where it is.
        path: String,
    },
    /// A null within an array.
    #[error("{path}: an array can't hold null")]
    NullInArray {
        /// Where it is.
        path: String,
    },
    /// More values than a part may have.
    #[error("{place} would have {values} values, at most {MAX_VALUES} are allowed")]
    TooManyValues {
        /// Which part.
        place: Place,
        /// How many it would have.
        values: usize,
    },
    /// More than fits.
    #[error("{place} would have {bytes} bytes, at most {max} are allowed")]
    TooLarge {
        /// Which part.
        place: Place,
        /// How large it would be.
        bytes: usize,
        /// How large it may be.
        max: usize,
    },
}

/// Checks everything about a patch that does not depend on what it is merged
/// into.
pub(super) fn check_patch(
    patch: &Map<String, Value>,
    place: Place,
) -> Result<(), InvalidProperties> {
    let mut path = Path(vec![place.to_string()]);
    check_object(patch, &mut path, 0)
}

/// Checks the size of a whole part, after a merge.
pub(super) fn check_size(
    properties: &Map<String, Value>,
    place: Place,
) -> Result<(), InvalidProperties> {
    let bytes = section_bytes(properties);
    let max = place.max_bytes();
    if bytes > max {
        return Err(InvalidProperties::TooLarge { place, bytes, max });
    }
    let values = properties.values().map(count_values).sum();
    if values > MAX_VALUES {
        return Err(InvalidProperties::TooManyValues { place, values });
    }
    Ok(())
}

/// Where we are, for messages.
struct Path(Vec<String>);

impl Path {
    /// Keys are foreign text: long ones are cut.
    fn push(&mut self, key: &str) {
        self.0.push(key.chars().take(64).collect());
    }

    fn show(&self) -> String {
        self.0.join(".")
    }
}

fn check_object(
    object: &Map<String, Value>,
    path: &mut Path,
    depth: usize,
) -> Result<(), InvalidProperties> {
    if depth > MAX_DEPTH {
        return Err(InvalidProperties::TooDeep { path: path.show() });
    }
    for (key, value) in object {
        check_key(key, path)?;
        path.push(key);
        check_value(value, path, depth)?;
        path.0.pop();
    }
    Ok(())
}

fn check_key(key: &str, path: &Path) -> Result<(), InvalidProperties> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(InvalidProperties::KeyLength { path: path.show() });
    }
    // `is_control` is exactly the control blocks C0 and C1.
    let refused = |c: &char| c.is_control() || matches!(c, '.' | '$' | '#' | ' ');
    match key.chars().find(refused) {
        Some(character) => Err(InvalidProperties::KeyCharacter {
            path: path.show(),
            character,
        }),
        None => Ok(()),
    }
}

fn check_value(value: &Value, path: &mut Path, depth: usize) -> Result<(), InvalidProperties> {
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(number) => check_number(number, path),
        Value::String(text) if text.len() > MAX_STRING_BYTES => {
            Err(InvalidProperties::StringTooLong { path: path.show() })
        }
        Value::String(_) => Ok(()),
        Value::Array(_) if depth > MAX_DEPTH => {
            Err(InvalidProperties::TooDeep { path: path.show() })
        }
        Value::Array(items) => items.iter().try_for_each(|item| match item {
            Value::Null => Err(InvalidProperties::NullInArray { path: path.show() }),
            item => check_value(item, path, depth + 1),
        }),
        Value::Object(object) => check_object(object, path, depth + 1),
    }
}

fn check_number(number: &Number, path: &Path) -> Result<(), InvalidProperties> {
    let in_range = match number.as_i64() {
        Some(integer) => (MIN_INTEGER..=MAX_INTEGER).contains(&integer),
        None => number.is_f64(),
    };
    if in_range {
        Ok(())
    } else {
        Err(InvalidProperties::NumberOutOfRange { path: path.show() })
    }
}

fn count_values(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count_values).sum::<usize>(),
        Value::Object(object) => 1 + object.values().map(count_values).sum::<usize>(),
        _ => 1,
    }
}

/// The size of a section, or of an object in it, as limits count it: the bytes
/// of names and texts in UTF-8, 8 bytes a number, 4 a boolean, none for null.
pub fn section_bytes(object: &Map<String, Value>) -> usize {
    object
        .iter()
        .map(|(key, value)| key.len() + value_bytes(value))
        .sum()
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(value_bytes).sum(),
        Value::Object(object) => section_bytes(object),
    }
}
