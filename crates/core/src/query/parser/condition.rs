//! Tokens to conditions.
//!
//! From tight to loose: unary `-`; `* / %`; `+ -`; comparisons, IN, NIN; NOT;
//! AND; OR. Comparisons don't chain.

use super::Parser;
use crate::query::error::InvalidQuery;
use crate::query::expression::{Arithmetic, Comparison, Constant, Expr};
use crate::query::lexer::Token;

/// How deep brackets, NOT and signs may nest.
pub(super) const MAX_NESTING: usize = 32;

const COMPARISONS: &[(&str, Comparison)] = &[
    ("=", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<>", Comparison::NotEqual),
    ("<", Comparison::Less),
    ("<=", Comparison::LessOrEqual),
    (">", Comparison::Greater),
    (">=", Comparison::GreaterOrEqual),
];
const SUMS: &[(&str, Arithmetic)] = &[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)];
const PRODUCTS: &[(&str, Arithmetic)] = &[
    ("*", Arithmetic::Multiply),
    ("/", Arithmetic::Divide),
    ("%", Arithmetic::Remainder),
];

impl Parser {
    pub(super) fn condition(&mut self) -> Result<Expr, InvalidQuery> {
        let first = self.conjunction()?;
        let mut parts = vec![first];
        while self.take_word("OR") {
            parts.push(self.conjunction()?);
        }
        Ok(one_or(Expr::Or, parts))
    }

    fn conjunction(&mut self) -> Result<Expr, InvalidQuery> {
        let first = self.negation()?;
        let mut parts = vec![first];
        while self.take_word("AND") {
            parts.push(self.negation()?);
        }
        Ok(one_or(Expr::And, parts))
    }

    fn negation(&mut self) -> Result<Expr, InvalidQuery> {
        if !self.take_word("NOT") {
            return self.comparison();
        }
        self.nested(|parser| Ok(Expr::Not(Box::new(parser.negation()?))))
    }

    fn comparison(&mut self) -> Result<Expr, InvalidQuery> {
        let left = Box::new(self.sum()?);
        let compared = if let Some(comparison) = self.take_operator(COMPARISONS) {
            Expr::Compare(left, comparison, Box::new(self.sum()?))
        } else if self.take_word("IN") {
            Expr::In(left, self.array()?)
        } else if self.take_word("NIN") {
            Expr::NotIn(left, self.array()?)
        } else {
            return Ok(*left);
        };
        if COMPARISONS
            .iter()
            .any(|(symbol, _)| self.peek() == &Token::Symbol(symbol))
        {
            let problem = "comparisons don't chain; put one of them in parentheses";
            return Err(self.place().refuse(problem));
        }
        Ok(compared)
    }

    fn sum(&mut self) -> Result<Expr, InvalidQuery> {
        self.chain(SUMS, Self::product)
    }

    fn product(&mut self) -> Result<Expr, InvalidQuery> {
        self.chain(PRODUCTS, Self::signed)
    }

    fn chain(
        &mut self,
        operators: &[(&'static str, Arithmetic)],
        operand: fn(&mut Self) -> Result<Expr, InvalidQuery>,
    ) -> Result<Expr, InvalidQuery> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some(operator) = self.take_operator(operators) {
            rest.push((operator, operand(self)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Expr::Chain(Box::new(first), rest))
    }

    fn signed(&mut self) -> Result<Expr, InvalidQuery> {
        if !self.take_symbol("-") {
            return self.primary();
        }
        self.nested(|parser| {
            Ok(match parser.signed()? {
                Expr::Constant(Constant::Number(number)) => {
                    Expr::Constant(Constant::Number(-number))
                }
                operand => Expr::Negative(Box::new(operand)),
            })
        })
    }

    fn primary(&mut self) -> Result<Expr, InvalidQuery> {
        if let Some(constant) = self.take_constant() {
            return Ok(Expr::Constant(constant));
        }
        if self.take_symbol("(") {
            return self.nested(|parser| {
                let inner = parser.condition()?;
                parser.expect_symbol(")")?;
                Ok(inner)
            });
        }
        match (self.peek(), self.peek_second()) {
            (Token::Word(_), Token::Symbol("(")) => self.nested(Self::function),
            (Token::Word(_) | Token::Bracketed(_), _) => Ok(Expr::Path(self.path()?)),
            _ => Err(self.expected("a value or a path")),
        }
    }

    fn function(&mut self) -> Result<Expr, InvalidQuery> {
        let place = self.place();
        let Token::Word(name) = self.take() else {
            return Err(self.expected("a function"));
        };
        self.expect_symbol("(")?;
        let call = match name.to_ascii_uppercase().as_str() {
            "IS_DEFINED" => Expr::IsDefined(self.path()?),
            "STARTSWITH" => {
                let (text, start) = self.two()?;
                Expr::StartsWith(text, start)
            }
            "ENDSWITH" => {
                let (text, end) = self.two()?;
                Expr::EndsWith(text, end)
            }
            "ARRAY_CONTAINS" => {
                let array = self.path()?;
                self.expect_symbol(",")?;
                Expr::ArrayContains(array, Box::new(self.sum()?))
            }
            _ => {
                return Err(place.refuse(format!(
                    "there is no function {}; IS_DEFINED, STARTSWITH, ENDSWITH and ARRAY_CONTAINS are there",
                    Token::Word(name).shown()
                )));
            }
        };
        self.expect_symbol(")")?;
        Ok(call)
    }

    fn two(&mut self) -> Result<(Box<Expr>, Box<Expr>), InvalidQuery> {
        let first = self.sum()?;
        self.expect_symbol(",")?;
        Ok((Box::new(first), Box::new(self.sum()?)))
    }

    fn array(&mut self) -> Result<Vec<Constant>, InvalidQuery> {
        if !self.take_symbol("[") {
            return Err(self.expected("a list in square brackets, such as ['a', 'b']"));
        }
        let mut constants = Vec::new();
        loop {
            let negative = self.take_symbol("-");
            let place = self.place();
            let constant = self.take_constant();
            constants.push(match (constant, negative) {
                (Some(Constant::Number(number)), true) => Constant::Number(-number),
                (Some(constant), false) => constant,
                _ => return Err(place.refuse("a list holds texts, numbers, true, false and null")),
            });
            if !self.take_symbol(",") {
                self.expect_symbol("]")?;
                return Ok(constants);
            }
        }
    }

    fn take_constant(&mut self) -> Option<Constant> {
        let constant = match self.peek() {
            Token::Text(text) => Constant::Text(text.clone()),
            Token::Number(number) => Constant::Number(*number),
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "true" => Constant::Bool(true),
                "false" => Constant::Bool(false),
                "null" => Constant::Null,
                "undefined" => Constant::Undefined,
                _ => return None,
            },
            _ => return None,
        };
        self.take();
        Some(constant)
    }

    fn take_operator<T: Copy>(&mut self, operators: &[(&'static str, T)]) -> Option<T> {
        let found = operators
            .iter()
            .find(|(symbol, _)| self.peek() == &Token::Symbol(symbol))?;
        self.take();
        Some(found.1)
    }

    /// Goes one level deeper: what recurses is bounded.
    fn nested(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Expr, InvalidQuery>,
    ) -> Result<Expr, InvalidQuery> {
        if self.levels == 0 {
            let problem = format!("conditions nest at most {MAX_NESTING} deep");
            return Err(self.place().refuse(problem));
        }
        self.levels -= 1;
        let parsed = parse(self);
        self.levels += 1;
        parsed
    }
}

fn one_or(many: fn(Vec<Expr>) -> Expr, mut parts: Vec<Expr>) -> Expr {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            many(parts)
        }
    }
}
