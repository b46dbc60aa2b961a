//! What can go wrong with a query.

use crate::ports::StoreError;

/// A text that is no query, and where it stops being one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the query is invalid at line {line}, column {column}: {problem}")]
pub struct InvalidQuery {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong there, and what would be right.
    pub problem: String,
}

/// Why a query was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// It is no query.
    #[error(transparent)]
    Invalid(#[from] InvalidQuery),
    /// It asks for rows that this version does not have.
    #[error("queries over {0}")]
    NotBuilt(&'static str),
    /// The continuation is none, or that of another query.
    #[error("the continuation token does not belong to this query")]
    Continuation,
    /// The twins could not be read.
    #[error("could not read the twins")]
    Store(#[from] StoreError),
}
