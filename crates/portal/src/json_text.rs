//! JSON as people type it into forms, and read it there.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// What is wrong with a text that should be JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidJson {
    /// A sentence with line and column.
    pub problem: String,
}

impl InvalidJson {
    fn of(error: &serde_json::Error) -> Self {
        let told = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let what = told.strip_suffix(&place).unwrap_or(&told);
        InvalidJson {
            problem: format!(
                "This is not JSON: line {}, column {}: {what}.",
                error.line(),
                error.column()
            ),
        }
    }
}

/// It stands at the field.
impl From<InvalidJson> for String {
    fn from(error: InvalidJson) -> Self {
        error.problem
    }
}

/// Reads an object; nothing typed is an empty one.
pub fn parse_object(text: &str) -> Result<Map<String, Value>, InvalidJson> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(InvalidJson {
            problem: "This must be a JSON object: { \"name\": value }.".to_owned(),
        }),
        Err(error) => Err(InvalidJson::of(&error)),
    }
}

/// Checks any JSON and leaves it as it was written: numbers keep their digits.
pub fn parse_raw(text: &str) -> Result<Option<Box<RawValue>>, InvalidJson> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| InvalidJson::of(&error))
}

/// An object on several lines; an empty one for who begins to write.
pub fn pretty(object: &Map<String, Value>) -> String {
    serde_json::to_string_pretty(object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_is_told_at_its_place() {
        let error = parse_object("{\n  \"a\": 1,\n  b: 2\n}").unwrap_err();

        assert_eq!(
            error.problem,
            "This is not JSON: line 3, column 3: key must be a string."
        );
    }

    #[test]
    fn only_objects_are_taken_where_objects_are_due() {
        assert!(parse_object("[1]").unwrap_err().problem.contains("object"));
        assert_eq!(parse_object(" \r\n").unwrap(), Map::new());
        assert_eq!(
            Value::Object(parse_object("{\"a\":1}").unwrap()),
            json!({ "a": 1 })
        );
    }

    #[test]
    fn what_is_any_json_stays_as_it_was_written() {
        let raw = parse_raw(" {\"a\" : 1.00} ").unwrap().unwrap();

        assert_eq!(raw.get(), "{\"a\" : 1.00}");
        assert!(parse_raw("").unwrap().is_none());
        assert!(parse_raw("{,}").is_err());
    }
}
