//! Conditions: compiled from text, asked about a subject.
//!
//! **Names.** `name` is an application property, `$name` an application
//! property spelt so or else a system property, `{$name}` a system property
//! only, `$body.a.b[0]` a part of a JSON body, `$twin.tags.a` one of the
//! sender's twin. Properties are found in any case. `- + * % ! | ' # & ~ .` are
//! legal inside names and the longest name wins: operators want blanks.
//!
//! **Types.** Numbers, texts, booleans, null, and *undefined*. Nothing is
//! converted; what can be seen to clash is refused at compile time
//! (application and system properties are texts). What the body or a twin turns
//! out to hold is compared as it is: of another type is not equal.
//!
//! **Absence.** A property that is not there is undefined, a part that the twin
//! lacks too. A part that the body lacks compares like null, though it is not
//! [defined](Condition): the published tests of the hub's router want the one
//! and the documented conditions on twin changes the other. Objects, arrays and
//! dates in the body are undefined. AND, OR and NOT know three values, in which
//! null is false.
//!
//! **Outcome.** Whatever is not true does not match.

use self::evaluate::evaluate;
use self::syntax::Expr;
use super::body::UnreadableBody;
use super::subject::Subject;

pub(super) use self::parts::PartTree;
pub use self::parts::Parts;
pub use self::place::{InvalidCondition, Position, Span};
pub(super) use self::reference::TwinPath;
pub use self::reference::{SystemName, TwinSection};

mod evaluate;
mod functions;
mod lexer;
mod parser;
mod parts;
mod place;
mod reference;
mod syntax;
#[cfg(test)]
mod tests;
mod typing;
mod value;

/// The longest text of a condition, in bytes.
pub const MAX_CONDITION: usize = 8_192;

/// A condition, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    expression: Expr,
    reads_body: bool,
    reads_twin: bool,
}

/// What a condition says of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It matches.
    True,
    /// It does not match.
    False,
    /// It does not match: something that it names is not there, or its value
    /// is no boolean.
    Undefined,
}

impl Condition {
    /// Checks and compiles a text. One without any words is undefined of
    /// everything; a route that has none is always true, and says so itself.
    pub fn compile(text: &str) -> Result<Self, InvalidCondition> {
        let parsed = parser::parse(text)?;
        Ok(Condition {
            reads_body: parsed.reads_body,
            reads_twin: parsed.reads_twin,
            expression: parsed.expression,
        })
    }

    /// What it says of a subject. Whoever reads the body of a message that
    /// can't be read is told so, whatever the rest of the condition is.
    pub fn evaluate(&self, subject: &dyn Subject) -> Result<Outcome, UnreadableBody> {
        if self.reads_body {
            subject.body()?;
        }
        Ok(evaluate(&self.expression, subject).outcome())
    }

    /// Has it ask for the body's parts in a tree, besides those already there:
    /// about subjects whose bodies are read by another tree it says nothing.
    pub(super) fn read_parts(&mut self, tree: &mut PartTree) {
        self.expression.for_each_body_path(&mut |part| {
            part.slot = Some(tree.slot_of(&part.path));
        });
    }

    /// Whether it is true of every event.
    pub fn is_always_true(&self) -> bool {
        self.expression == Expr::TRUE
    }

    /// Whether it names a part of the body.
    pub fn reads_body(&self) -> bool {
        self.reads_body
    }

    /// Whether it names a part of the sender's twin.
    pub fn reads_twin(&self) -> bool {
        self.reads_twin
    }
}
