//! Where in a text something stands.

use std::fmt;

/// A character of a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character of the line.
    pub column: usize,
}

impl Position {
    /// The first one.
    pub(super) const START: Position = Position { line: 1, column: 1 };

    /// Behind one more character.
    pub(super) fn after(self, character: char) -> Self {
        match character {
            '\n' => Position {
                line: self.line + 1,
                column: 1,
            },
            _ => Position {
                column: self.column + 1,
                ..self
            },
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first character.
    pub start: Position,
    /// What follows its last one.
    pub end: Position,
}

impl Span {
    /// From the start of this one to the end of the other.
    pub(super) fn to(self, end: Span) -> Self {
        Span {
            start: self.start,
            end: end.end,
        }
    }

    pub(super) fn refuse(self, problem: impl Into<String>) -> InvalidCondition {
        InvalidCondition {
            span: self,
            problem: problem.into(),
        }
    }
}

/// The text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", span.start)]
pub struct InvalidCondition {
    /// Where it goes wrong.
    pub span: Span,
    /// What is wrong there.
    pub problem: String,
}
