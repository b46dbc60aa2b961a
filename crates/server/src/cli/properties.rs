//! Properties of messages on the command line: `name=value;flag`.

use super::failure::Failure;

/// Reads `name=value` pairs between semicolons; a name alone has no value.
pub fn parse(option: &str, text: &str) -> Result<Vec<(String, Option<String>)>, Failure> {
    text.split(';')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some(("", _)) => Err(Failure::Usage(format!(
                "{option} wants NAME=VALUE;NAME=VALUE, not {pair:?}"
            ))),
            Some((name, value)) => Ok((name.to_owned(), Some(value.to_owned()))),
            None => Ok((pair.to_owned(), None)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_stand_between_semicolons_and_values_may_hold_equals_signs() {
        let parsed = parse("--props", "hall=7;eq=a=b;flag;;empty=").unwrap();

        let expected = [
            ("hall", Some("7")),
            ("eq", Some("a=b")),
            ("flag", None),
            ("empty", Some("")),
        ];
        let parsed: Vec<_> = parsed
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
            .collect();
        assert_eq!(parsed, expected);
        assert_eq!(parse("--props", "=x").unwrap_err().exit_code(), 2);
    }
}
