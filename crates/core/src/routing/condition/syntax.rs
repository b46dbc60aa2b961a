//! What conditions are made of.

use super::functions::Function;
use super::reference::{BodyPath, Otherwise, Reference};

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

    pub(super) fn for_each_body_path(&mut self, act: &mut dyn FnMut(&mut BodyPath)) {
        match self {
            Expr::Reference(reference) => {
                if let Otherwise::Body(Some(part)) = &mut reference.otherwise {
                    act(part);
                }
            }
            Expr::Constant(_) => {}
            Expr::Negate(operand) | Expr::Not(operand) => operand.for_each_body_path(act),
            Expr::Binary(_, operands) => {
                operands.0.for_each_body_path(act);
                operands.1.for_each_body_path(act);
            }
            Expr::All(operands) | Expr::Any(operands) | Expr::Call(_, operands) => {
                for operand in operands {
                    operand.for_each_body_path(act);
                }
            }
        }
    }
}
