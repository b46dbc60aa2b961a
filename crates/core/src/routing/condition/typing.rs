//! What can be seen to clash before any event is there.

use super::functions::{Function, Signature};
use super::place::{InvalidCondition, Span};
use super::reference::Reference;
use super::syntax::{Constant, Expr, Infix, Operator};

/// How deep expressions may get; of chains, only those of AND and OR don't.
const MAX_DEPTH: usize = 100;

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Number,
    Text,
    Bool,
    Null,
    Undefined,
    /// Whatever the body or the twin holds.
    Any,
}

impl Type {
    fn shown(self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Text => "a text",
            Type::Bool => "a boolean",
            Type::Null => "null",
            Type::Undefined => "undefined",
            Type::Any => "anything",
        }
    }

    /// Whether it may turn out to be a `wanted`, or to be missing.
    fn may_be(self, wanted: Type) -> bool {
        self == wanted || self.is_open() || wanted == Type::Any
    }

    fn is_open(self) -> bool {
        matches!(self, Type::Any | Type::Undefined)
    }
}

/// An expression, what is known of its value, and where it stands.
#[derive(Debug)]
pub(super) struct Typed {
    pub expr: Expr,
    pub of: Type,
    pub span: Span,
    /// Of operations that build on each other.
    pub depth: usize,
}

impl Typed {
    fn require(&self, wanted: Type) -> Result<(), InvalidCondition> {
        if self.of.may_be(wanted) {
            return Ok(());
        }
        let problem = format!("this is {}, not {}", self.of.shown(), wanted.shown());
        Err(self.span.refuse(problem))
    }

    /// Null is taken for false.
    fn require_truth(&self) -> Result<(), InvalidCondition> {
        match self.of {
            Type::Null => Ok(()),
            _ => self.require(Type::Bool),
        }
    }
}

pub(super) fn constant(constant: Constant, span: Span) -> Typed {
    let of = match constant {
        Constant::Undefined => Type::Undefined,
        Constant::Null => Type::Null,
        Constant::Bool(_) => Type::Bool,
        Constant::Number(_) => Type::Number,
        Constant::Text(_) => Type::Text,
    };
    Typed {
        expr: Expr::Constant(constant),
        of,
        span,
        depth: 1,
    }
}

pub(super) fn reference(reference: Reference, span: Span) -> Typed {
    let of = match reference.is_of_body() || reference.is_of_twin() {
        true => Type::Any,
        false => Type::Text,
    };
    Typed {
        expr: Expr::Reference(reference),
        of,
        span,
        depth: 1,
    }
}

pub(super) fn negate(operand: Typed, sign: Span) -> Result<Typed, InvalidCondition> {
    operand.require(Type::Number)?;
    let depth = deeper(&[&operand], sign)?;
    Ok(Typed {
        span: sign.to(operand.span),
        of: Type::Number,
        expr: Expr::Negate(Box::new(operand.expr)),
        depth,
    })
}

pub(super) fn not(operand: Typed, sign: Span) -> Result<Typed, InvalidCondition> {
    operand.require_truth()?;
    let depth = deeper(&[&operand], sign)?;
    Ok(Typed {
        span: sign.to(operand.span),
        of: Type::Bool,
        expr: Expr::Not(Box::new(operand.expr)),
        depth,
    })
}

pub(super) fn joined(infix: Infix, left: Typed, right: Typed) -> Result<Typed, InvalidCondition> {
    let of = result(infix, &left, &right)?;
    let span = left.span.to(right.span);
    let (expr, depth) = match (infix, left.expr) {
        (Infix::And, Expr::All(mut all)) => {
            all.push(right.expr);
            (Expr::All(all), left.depth.max(right.depth + 1))
        }
        (Infix::Or, Expr::Any(mut any)) => {
            any.push(right.expr);
            (Expr::Any(any), left.depth.max(right.depth + 1))
        }
        (infix, left_expr) => {
            let expr = match infix {
                Infix::And => Expr::All(vec![left_expr, right.expr]),
                Infix::Or => Expr::Any(vec![left_expr, right.expr]),
                Infix::Operator(operator) => {
                    Expr::Binary(operator, Box::new((left_expr, right.expr)))
                }
            };
            (expr, left.depth.max(right.depth) + 1)
        }
    };
    if depth > MAX_DEPTH {
        return Err(too_deep(span));
    }
    Ok(Typed {
        expr,
        of,
        span,
        depth,
    })
}

/// The type of what an operator makes of two operands.
fn result(infix: Infix, left: &Typed, right: &Typed) -> Result<Type, InvalidCondition> {
    let both = |wanted| left.require(wanted).and_then(|()| right.require(wanted));
    let operator = match infix {
        Infix::And | Infix::Or => {
            left.require_truth()?;
            right.require_truth()?;
            return Ok(Type::Bool);
        }
        Infix::Operator(operator) => operator,
    };
    match operator {
        Operator::Coalesce => coalesced(left, right),
        Operator::Equal | Operator::NotEqual => {
            let null = left.of == Type::Null || right.of == Type::Null;
            if !null && !left.of.may_be(right.of) && !right.of.is_open() {
                return Err(clash(left, right));
            }
            Ok(Type::Bool)
        }
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            ordered(left, right).map(|()| Type::Bool)
        }
        Operator::Concat => both(Type::Text).map(|()| Type::Text),
        Operator::Add
        | Operator::Subtract
        | Operator::Multiply
        | Operator::Divide
        | Operator::Remainder => both(Type::Number).map(|()| Type::Number),
    }
}

/// Numbers and texts have an order.
fn ordered(left: &Typed, right: &Typed) -> Result<(), InvalidCondition> {
    for operand in [left, right] {
        if matches!(operand.of, Type::Bool | Type::Null) {
            let problem = format!("{} has no order", operand.of.shown());
            return Err(operand.span.refuse(problem));
        }
    }
    match left.of.is_open() || right.of.is_open() || left.of == right.of {
        true => Ok(()),
        false => Err(clash(left, right)),
    }
}

fn coalesced(left: &Typed, right: &Typed) -> Result<Type, InvalidCondition> {
    match (left.of, right.of) {
        (Type::Any, _) | (_, Type::Any) => Ok(Type::Any),
        (Type::Null | Type::Undefined, other) | (other, Type::Null | Type::Undefined) => Ok(other),
        (same, other) if same == other => Ok(same),
        _ => Err(clash(left, right)),
    }
}

fn clash(left: &Typed, right: &Typed) -> InvalidCondition {
    let span = left.span.to(right.span);
    span.refuse(format!(
        "{} and {} can't be compared",
        left.of.shown(),
        right.of.shown()
    ))
}

pub(super) fn call(
    signature: &Signature,
    arguments: Vec<Typed>,
    span: Span,
) -> Result<Typed, InvalidCondition> {
    let (fewest, most) = signature.counts();
    if arguments.len() < fewest || arguments.len() > most {
        let problem = match most {
            usize::MAX => format!("{} takes {fewest} arguments or more", signature.name),
            most if most == fewest => format!("{} takes {most} argument(s)", signature.name),
            most => format!("{} takes {fewest} to {most} arguments", signature.name),
        };
        return Err(span.refuse(problem));
    }
    for (number, argument) in arguments.iter().enumerate() {
        argument.require(signature.parameter(number))?;
    }
    let depth = deeper(&arguments.iter().collect::<Vec<_>>(), span)?;
    let function: Function = signature.function;
    Ok(Typed {
        expr: Expr::Call(
            function,
            arguments.into_iter().map(|typed| typed.expr).collect(),
        ),
        of: signature.result,
        span,
        depth,
    })
}

fn deeper(operands: &[&Typed], span: Span) -> Result<usize, InvalidCondition> {
    let deepest = operands.iter().map(|typed| typed.depth).max();
    let depth = deepest.unwrap_or(0) + 1;
    if depth > MAX_DEPTH {
        return Err(too_deep(span));
    }
    Ok(depth)
}

fn too_deep(span: Span) -> InvalidCondition {
    span.refuse(format!(
        "more than {MAX_DEPTH} operations build on each other"
    ))
}
