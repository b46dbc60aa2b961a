//! Where a condition goes wrong.

use serde::Deserialize;

/// A mistake in a condition, with its line and what is wrong in it marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The line's text.
    pub text: String,
    /// Blanks, and marks below what is wrong.
    pub marks: String,
}

/// What `$testnew` tells of a mistake.
#[derive(Debug, Clone, Deserialize)]
pub struct CompilationError {
    message: String,
    location: Location,
}

#[derive(Debug, Clone, Deserialize)]
struct Location {
    start: Position,
    end: Position,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Position {
    line: usize,
    column: usize,
}

impl Fault {
    /// A mistake in this condition.
    pub fn of(condition: &str, error: &CompilationError) -> Self {
        let Location { start, end } = error.location;
        let line = condition.lines().nth(start.line.saturating_sub(1));
        let line = line.unwrap_or_default();
        let before = line.chars().take(start.column.saturating_sub(1));
        // A tab stays one, so that the marks stand below what they mark.
        let mut marks: String = before
            .map(|it| if it == '\t' { '\t' } else { ' ' })
            .collect();
        let rest = line.chars().count() + 1;
        let until = if end.line == start.line {
            end.column
        } else {
            rest
        };
        let width = until.min(rest).saturating_sub(start.column).max(1);
        marks.extend(std::iter::repeat_n('^', width));
        Fault {
            line: start.line,
            column: start.column,
            message: error.message.clone(),
            text: line.to_owned(),
            marks,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(condition: &str, start: (usize, usize), end: (usize, usize)) -> Fault {
        let place = |(line, column)| json!({ "line": line, "column": column });
        let location = json!({ "start": place(start), "end": place(end) });
        let error = json!({ "message": "no", "location": location });
        Fault::of(condition, &serde_json::from_value(error).unwrap())
    }

    #[test]
    fn what_is_wrong_is_marked_in_its_line() {
        let fault = fault("a = 1 AND\n\té == 2", (2, 4), (2, 6));

        assert_eq!(fault.text, "\té == 2");
        assert_eq!(fault.marks, "\t  ^^");
    }

    #[test]
    fn marks_end_with_the_line_and_there_is_at_least_one() {
        assert_eq!(fault("a = 'x\ny'", (1, 5), (2, 3)).marks, "    ^^");
        assert_eq!(fault("a =", (1, 4), (1, 4)).marks, "   ^");
        assert_eq!(fault("", (9, 9), (9, 9)).marks, "^");
    }
}
