//! What conditions are made of.

use super::functions::Function;
use super::reference::Reference;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Box<str>),
}

impl Constant {
    /// How it is shown in an error.
    pub(super) fn shown(&self) -> String {
        match self {
            Constant::Undefined => "'undefined'".to_owned(),
            Constant::Null => "'null'".to_owned(),
            Constant::Bool(value) => format!("'{value}'"),
            Constant::Number(number) => format!("the number {number}"),
            Constant::Text(_) => "a text".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Coalesce,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Concat,
    Multiply,
    Divide,
    Remainder,
}

/// What stands between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Infix {
    Or,
    And,
    Operator(Operator),
}

/// An expression whose types agree as far as they are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Constant(Constant),
    Reference(Reference),
    Negate(Box<Expr>),
    Not(Box<Expr>),
    /// Two or more.
    All(Vec<Expr>),
    /// Two or more.
    Any(Vec<Expr>),
    Binary(Operator, Box<(Expr, Expr)>),
    Call(Function, Vec<Expr>),
}

impl Expr {
    pub(super) const TRUE: Expr = Expr::Constant(Constant::Bool(true));
}
