//! The query language over twins.
//!
//! A text is parsed into a [`Query`], or refused with the place where it goes
//! wrong. [`Queries`] then reads page by page: the engine narrows down what it
//! can ([`QueryStore`](crate::ports::QueryStore)), and the rest is evaluated
//! here, so that the answer never depends on the engine. Who is connected is in
//! memory: if none but the connected can be meant, the engine is told who they
//! are, so that it need not look at all.
//!
//! **Absence.** A path that leads nowhere is *undefined*; null is a value; and
//! objects and arrays can't be compared. Comparing with what is undefined, with
//! an object or with an array is undefined, and so is the order of two values
//! of different types, while `=` between them is false and `!=` true. AND, OR
//! and NOT know true, false and undefined. A row is kept if its condition is
//! true. `NOT` binds looser than comparisons and tighter than `AND`.
//!
//! **Order and pages.** Twins come by ID (byte order), groups in an order that
//! depends on nothing but their keys, so that a page that is continued later
//! neither repeats nor skips what was there all the time.
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language>

pub use self::error::{InvalidQuery, QueryError};
pub use self::expression::{Arithmetic, Comparison, Constant, Expr};
pub use self::path::{Path, Root};
pub use self::row::of_identity;
pub use self::scalar::Scalar;
pub use self::service::{MAX_PAGE, Page, Paging, Queries, Rows};
pub use self::sieve::Sieve;
pub use self::syntax::{Aggregate, Column, Item, MAX_QUERY, Query, Select, Source};

mod continuation;
mod error;
mod evaluate;
mod expression;
mod folding;
mod groups;
mod lexer;
mod parser;
mod path;
mod reach;
mod row;
mod scalar;
mod select;
mod service;
mod sieve;
mod sum;
mod syntax;
