//! JSON given on the command line.

use serde_json::Value;

use super::failure::Failure;

/// Reads an object, given in place or as `@file`.
pub fn object(option: &str, text: &str) -> Result<Value, Failure> {
    match any(option, text)? {
        value @ Value::Object(_) => Ok(value),
        _ => Err(Failure::Usage(format!(
            "{option} wants a JSON object, such as '{{\"interval\": 5}}'"
        ))),
    }
}

/// Reads JSON of any kind, given in place or as `@file`.
pub fn any(option: &str, text: &str) -> Result<Value, Failure> {
    let contents;
    let json = match text.strip_prefix('@') {
        Some(file) => {
            contents = std::fs::read_to_string(file).map_err(|error| {
                Failure::Usage(format!(
                    "{option} names the file {file}, which can't be read: {error}"
                ))
            })?;
            &contents
        }
        None => text,
    };
    serde_json::from_str(json).map_err(|error| {
        Failure::Usage(format!(
            "{option} holds no JSON ({error}): quote it for the shell, '{{\"interval\": 5}}', or give a file as @file.json"
        ))
    })
}

/// Sets the member at a dotted path: `capabilities.iotEdge=true`.
///
/// A value that reads as JSON is that, anything else is a text.
pub fn set(document: &mut Value, assignment: &str) -> Result<(), Failure> {
    let (path, value) = assignment
        .split_once('=')
        .filter(|(path, _)| path.split('.').all(|name| !name.is_empty()))
        .ok_or_else(|| {
            Failure::Usage(format!(
                "--set wants PATH=VALUE, such as capabilities.iotEdge=true, not {assignment:?}"
            ))
        })?;
    let mut place = document;
    for name in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(serde_json::Map::new());
        }
        place = &mut place[name];
    }
    *place = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_is_set_as_json_or_as_text_and_paths_are_made() {
        let mut document = json!({"a": {"b": 1}, "t": "x"});

        for assignment in ["a.c=true", "n.m=some text", "t.u=\"5\"", "e=a=b"] {
            set(&mut document, assignment).unwrap();
        }

        let expected =
            json!({"a": {"b": 1, "c": true}, "n": {"m": "some text"}, "t": {"u": "5"}, "e": "a=b"});
        assert_eq!(document, expected);
    }

    #[test]
    fn an_assignment_without_path_or_value_is_wrong_usage() {
        for assignment in ["", "a", "=1", "a..b=1"] {
            let refused = set(&mut json!({}), assignment).unwrap_err();
            assert_eq!(refused.exit_code(), 2, "for {assignment:?}");
        }
    }

    #[test]
    fn an_object_comes_in_place_or_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tags.json");
        std::fs::write(&file, r#"{"site": "b"}"#).unwrap();

        let in_place = object("--tags", r#"{"site": "a"}"#).unwrap();
        let from_file = object("--tags", &format!("@{}", file.display())).unwrap();

        assert_eq!(in_place, json!({"site": "a"}));
        assert_eq!(from_file, json!({"site": "b"}));
        for bad in ["5", "{site: a}", "@/no/such/file"] {
            assert_eq!(object("--tags", bad).unwrap_err().exit_code(), 2);
        }
    }
}
