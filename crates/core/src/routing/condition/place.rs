//! Where in a text something stands.

pub use crate::cursor::Position;

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
