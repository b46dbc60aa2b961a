//! Tokens to expressions. Operators from tight to loose: `-` and NOT; `* / %`;
//! `+ - ||`; `< <= > >=`; `= != <>`; AND; OR; `??`.

use super::MAX_CONDITION;
use super::functions;
use super::lexer::{Token, tokens};
use super::place::{InvalidCondition, Position, Span};
use super::reference::Reference;
use super::syntax::{Constant, Expr, Infix, Operator};
use super::typing::{self, Typed};

/// How deep parentheses, calls and signs may be nested.
const MAX_NESTING: usize = 32;

/// What came of a text.
pub(super) struct Parsed {
    pub expression: Expr,
    pub reads_body: bool,
    pub reads_twin: bool,
}

pub(super) fn parse(text: &str) -> Result<Parsed, InvalidCondition> {
    if text.len() > MAX_CONDITION {
        let start = Span {
            start: Position::START,
            end: Position::START,
        };
        let problem = format!("a condition has at most {MAX_CONDITION} bytes");
        return Err(start.refuse(problem));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        nesting: 0,
        reads_body: false,
        reads_twin: false,
    };
    let expression = match parser.peek() {
        Token::End => Expr::Constant(Constant::Undefined),
        _ => parser.expression()?.expr,
    };
    match parser.peek() {
        Token::End => Ok(Parsed {
            expression,
            reads_body: parser.reads_body,
            reads_twin: parser.reads_twin,
        }),
        _ => Err(parser.expected("an operator or the end")),
    }
}

/// Operators of one rank each, the loosest first.
const RANKS: &[&[(&str, Infix)]] = &[
    &[("??", Infix::Operator(Operator::Coalesce))],
    &[("OR", Infix::Or)],
    &[("AND", Infix::And)],
    &[
        ("=", Infix::Operator(Operator::Equal)),
        ("<>", Infix::Operator(Operator::NotEqual)),
    ],
    &[
        ("<", Infix::Operator(Operator::Less)),
        ("<=", Infix::Operator(Operator::LessOrEqual)),
        (">", Infix::Operator(Operator::Greater)),
        (">=", Infix::Operator(Operator::GreaterOrEqual)),
    ],
    &[
        ("+", Infix::Operator(Operator::Add)),
        ("-", Infix::Operator(Operator::Subtract)),
        ("||", Infix::Operator(Operator::Concat)),
    ],
    &[
        ("*", Infix::Operator(Operator::Multiply)),
        ("/", Infix::Operator(Operator::Divide)),
        ("%", Infix::Operator(Operator::Remainder)),
    ],
];

struct Parser<'t> {
    tokens: Vec<(Token<'t>, Span)>,
    at: usize,
    nesting: usize,
    reads_body: bool,
    reads_twin: bool,
}

impl<'t> Parser<'t> {
    fn expression(&mut self) -> Result<Typed, InvalidCondition> {
        self.rank(RANKS)
    }

    fn rank(&mut self, ranks: &[&[(&str, Infix)]]) -> Result<Typed, InvalidCondition> {
        let [rank, tighter @ ..] = ranks else {
            return self.signed();
        };
        let mut left = self.rank(tighter)?;
        while let Some(infix) = self.take_infix(rank) {
            let right = self.rank(tighter)?;
            left = typing::joined(infix, left, right)?;
        }
        Ok(left)
    }

    fn take_infix(&mut self, rank: &[(&str, Infix)]) -> Option<Infix> {
        let Token::Symbol(symbol) = self.peek() else {
            return None;
        };
        let mut of_rank = rank.iter();
        let (_, infix) = of_rank.find(|(known, _)| known == symbol)?;
        self.at += 1;
        Some(*infix)
    }

    fn signed(&mut self) -> Result<Typed, InvalidCondition> {
        let sign = match self.peek() {
            Token::Symbol("-") => typing::negate,
            Token::Symbol("NOT") => typing::not,
            _ => return self.primary(),
        };
        let start = self.span();
        self.at += 1;
        let operand = self.nested(Self::signed)?;
        sign(operand, start)
    }

    fn primary(&mut self) -> Result<Typed, InvalidCondition> {
        let span = self.span();
        match self.peek().clone() {
            Token::Constant(constant) => {
                self.at += 1;
                Ok(typing::constant(constant, span))
            }
            Token::Name(name) => {
                self.at += 1;
                match self.peek() {
                    Token::Symbol("(") => self.call(name, span),
                    _ => Ok(self.reference(Reference::application(name), span)),
                }
            }
            Token::System(name) => {
                self.at += 1;
                let reference = Reference::system(name, true);
                let reference = reference.map_err(|problem| span.refuse(problem))?;
                Ok(self.reference(reference, span))
            }
            Token::Symbol("{") => self.braced(),
            Token::Symbol("(") => {
                self.at += 1;
                let inner = self.nested(Self::expression)?;
                let span = span.to(self.take(")")?);
                Ok(Typed { span, ..inner })
            }
            _ => Err(self.expected("a property, a literal, a function or '('")),
        }
    }

    fn braced(&mut self) -> Result<Typed, InvalidCondition> {
        let start = self.take("{")?;
        let span = self.span();
        let Token::System(name) = *self.peek() else {
            return Err(self.expected("a system property such as {$contentType}"));
        };
        self.at += 1;
        let reference = Reference::system(name, false);
        let reference = reference.map_err(|problem| span.refuse(problem))?;
        let span = start.to(self.take("}")?);
        Ok(self.reference(reference, span))
    }

    fn reference(&mut self, reference: Reference, span: Span) -> Typed {
        self.reads_body |= reference.is_of_body();
        self.reads_twin |= reference.is_of_twin();
        typing::reference(reference, span)
    }

    fn call(&mut self, name: &str, named: Span) -> Result<Typed, InvalidCondition> {
        let signature = functions::find(name).map_err(|problem| named.refuse(problem))?;
        self.take("(")?;
        let mut arguments = Vec::new();
        if *self.peek() != Token::Symbol(")") {
            arguments.push(self.nested(Self::expression)?);
            while *self.peek() == Token::Symbol(",") {
                self.at += 1;
                arguments.push(self.nested(Self::expression)?);
            }
        }
        let span = named.to(self.take(")")?);
        typing::call(signature, arguments, span)
    }

    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, InvalidCondition>,
    ) -> Result<T, InvalidCondition> {
        if self.nesting == MAX_NESTING {
            let problem = format!("more than {MAX_NESTING} levels are nested here");
            return Err(self.span().refuse(problem));
        }
        self.nesting += 1;
        let parsed = parse(self)?;
        self.nesting -= 1;
        Ok(parsed)
    }

    fn take(&mut self, symbol: &'static str) -> Result<Span, InvalidCondition> {
        if *self.peek() != Token::Symbol(symbol) {
            return Err(self.expected(&format!("'{symbol}'")));
        }
        let span = self.span();
        self.at += 1;
        Ok(span)
    }

    /// The last token is `End`, which nobody takes.
    fn peek(&self) -> &Token<'t> {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    fn expected(&self, wanted: &str) -> InvalidCondition {
        let found = self.peek().shown();
        self.span()
            .refuse(format!("{wanted} is expected, not {found}"))
    }
}
