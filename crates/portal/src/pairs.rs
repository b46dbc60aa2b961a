//! Names and values as people type them: one pair a line.

use std::collections::HashSet;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Its number, from 1.
    pub line: usize,
    /// What stands before the separator.
    pub name: String,
    /// What stands behind it.
    pub value: String,
}

/// Reads the lines that are not blank. The first separator ends a name, which
/// stands there once; blanks around names and values don't count. What is wrong
/// is a sentence.
pub fn parse(text: &str, separator: char) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    let mut names = HashSet::new();
    for (before, text) in text.lines().enumerate() {
        let line = before + 1;
        if text.trim().is_empty() {
            continue;
        }
        let Some((name, value)) = text.split_once(separator) else {
            return Err(format!(
                "Line {line} has no {separator:?}. Write a name, {separator:?} and a value, one \
                 pair a line."
            ));
        };
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return Err(format!("Line {line} has no name."));
        }
        if !names.insert(name) {
            return Err(format!("Line {line} gives {name} a second time."));
        }
        pairs.push(Pair {
            line,
            name: name.to_owned(),
            value: value.to_owned(),
        });
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_are_left_out_and_a_value_may_hold_the_separator() {
        let pairs = parse("level=high\r\n\r\n note = a=b \n", '=').unwrap();

        let read: Vec<_> = pairs
            .iter()
            .map(|pair| (pair.line, pair.name.as_str(), pair.value.as_str()))
            .collect();
        assert_eq!(read, [(1, "level", "high"), (3, "note", "a=b")]);
    }

    #[test]
    fn what_can_not_be_read_is_told_with_its_line() {
        for (text, told) in [
            (
                "a: 1\nb",
                "Line 2 has no ':'. Write a name, ':' and a value, one pair a line.",
            ),
            (": 1", "Line 1 has no name."),
            ("a: 1\n\na: 2", "Line 3 gives a a second time."),
        ] {
            assert_eq!(parse(text, ':'), Err(told.to_owned()));
        }
    }
}
