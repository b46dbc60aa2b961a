//! Conditions, as parsed.

use super::path::Path;

/// A value that is written in the query.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// `undefined`
    Undefined,
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(String),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// The one that is true of `b` and `a` where this is of `a` and `b`.
    pub fn turned(self) -> Self {
        match self {
            Comparison::Equal | Comparison::NotEqual => self,
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        }
    }
}

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// A condition or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A value.
    Constant(Constant),
    /// What is at a path.
    Path(Path),
    /// `NOT a`
    Not(Box<Expr>),
    /// `a AND b AND ...`: two or more.
    And(Vec<Expr>),
    /// `a OR b OR ...`: two or more.
    Or(Vec<Expr>),
    /// `a = b` and the like.
    Compare(Box<Expr>, Comparison, Box<Expr>),
    /// `a IN [...]`
    In(Box<Expr>, Vec<Constant>),
    /// `a NIN [...]`
    NotIn(Box<Expr>, Vec<Constant>),
    /// `a + b - c` or `a * b / c`, from left to right.
    Chain(Box<Expr>, Vec<(Arithmetic, Expr)>),
    /// `-a`
    Negative(Box<Expr>),
    /// `IS_DEFINED(path)`
    IsDefined(Path),
    /// `STARTSWITH(a, b)`
    StartsWith(Box<Expr>, Box<Expr>),
    /// `ENDSWITH(a, b)`
    EndsWith(Box<Expr>, Box<Expr>),
    /// `ARRAY_CONTAINS(path, a)`
    ArrayContains(Path, Box<Expr>),
}

impl Expr {
    /// Calls `visit` with every path in it.
    pub fn for_each_path(&self, visit: &mut impl FnMut(&Path)) {
        self.for_each(&mut |part| match part {
            Expr::Path(path) | Expr::IsDefined(path) | Expr::ArrayContains(path, _) => visit(path),
            _ => {}
        });
    }

    /// Whether it is about what is in an array.
    pub fn looks_into_arrays(&self) -> bool {
        let mut looks = false;
        self.for_each(&mut |part| looks |= matches!(part, Expr::ArrayContains(..)));
        looks
    }

    /// Calls `visit` with it and all its parts.
    fn for_each(&self, visit: &mut dyn FnMut(&Expr)) {
        visit(self);
        match self {
            Expr::Constant(_) | Expr::Path(_) | Expr::IsDefined(_) => {}
            Expr::Not(inner)
            | Expr::Negative(inner)
            | Expr::In(inner, _)
            | Expr::NotIn(inner, _)
            | Expr::ArrayContains(_, inner) => inner.for_each(visit),
            Expr::And(parts) | Expr::Or(parts) => {
                for part in parts {
                    part.for_each(visit);
                }
            }
            Expr::Compare(left, _, right)
            | Expr::StartsWith(left, right)
            | Expr::EndsWith(left, right) => {
                left.for_each(visit);
                right.for_each(visit);
            }
            Expr::Chain(first, rest) => {
                first.for_each(visit);
                for (_, operand) in rest {
                    operand.for_each(visit);
                }
            }
        }
    }
}
