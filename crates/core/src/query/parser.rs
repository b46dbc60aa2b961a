//! Tokens to a query: what is selected, from where, grouped by what.

use self::condition::MAX_NESTING;
use super::error::{InvalidQuery, QueryError};
use super::expression::Expr;
use super::lexer::{self, Token};
use super::path::Path;
use super::syntax::{Aggregate, Column, Item, MAX_QUERY, Query, Select, Source};
use crate::cursor::Position;

mod condition;

/// Words that are no names unless they stand in brackets.
const RESERVED: &[&str] = &[
    "and",
    "as",
    "between",
    "by",
    "distinct",
    "false",
    "from",
    "group",
    "having",
    "in",
    "join",
    "like",
    "nin",
    "not",
    "null",
    "or",
    "order",
    "select",
    "top",
    "true",
    "undefined",
    "value",
    "where",
];

impl Query {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let start = Position::START;
        if text.chars().nth(MAX_QUERY).is_some() {
            let problem = format!("a query has at most {MAX_QUERY} characters");
            return Err(start.refuse(problem).into());
        }
        let mut parser = Parser::new(text)?;
        let query = parser.query()?;
        parser.end()?;
        query.ok_or(QueryError::NotBuilt("jobs"))
    }

    /// Reads a condition that stands alone.
    pub fn parse_condition(text: &str) -> Result<Expr, InvalidQuery> {
        let mut parser = Parser::new(text)?;
        let condition = parser.condition()?;
        parser.end()?;
        Ok(condition)
    }
}

struct Parser {
    tokens: Vec<(Token, Position)>,
    next: usize,
    /// How many more levels of brackets and the like may be opened.
    levels: usize,
}

/// What stands between SELECT and FROM.
enum Selected {
    All,
    Items(Vec<(Item, Position)>),
}

impl Parser {
    fn new(text: &str) -> Result<Self, InvalidQuery> {
        Ok(Parser {
            tokens: lexer::tokens(text)?,
            next: 0,
            levels: MAX_NESTING,
        })
    }

    /// Nothing for queries over jobs.
    fn query(&mut self) -> Result<Option<Query>, InvalidQuery> {
        self.expect_word("SELECT")?;
        let top = self.top()?;
        let selected_at = self.place();
        let selected = self.selected()?;
        self.expect_word("FROM")?;
        let source = self.source()?;
        let mut conditions = Vec::new();
        if self.take_word("WHERE") {
            conditions = match self.condition()? {
                Expr::And(parts) => parts,
                condition => vec![condition],
            };
        }
        let grouped_at = self.place();
        let keys = self.group_by()?;
        let Some(source) = source else {
            return match (selected, keys) {
                (Selected::All, None) => Ok(None),
                (Selected::Items(_), _) => {
                    Err(selected_at.refuse("of devices.jobs only whole rows can be selected: *"))
                }
                (Selected::All, Some(_)) => Err(grouped_at.refuse("jobs can't be grouped")),
            };
        };
        Ok(Some(Query {
            top,
            select: select(selected, keys, grouped_at)?,
            source,
            conditions,
        }))
    }

    fn top(&mut self) -> Result<Option<u64>, InvalidQuery> {
        if !self.take_word("TOP") {
            return Ok(None);
        }
        let place = self.place();
        match self.take() {
            Token::Number(top) if top >= 1.0 && top.fract() == 0.0 && top <= 1e15 => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it was just seen to be a whole number that fits"
                )]
                let top = top as u64;
                Ok(Some(top))
            }
            _ => Err(place.refuse("TOP wants a whole number from 1")),
        }
    }

    fn selected(&mut self) -> Result<Selected, InvalidQuery> {
        if self.take_symbol("*") {
            return Ok(Selected::All);
        }
        let mut items: Vec<(Item, Position)> = Vec::new();
        loop {
            let place = self.place();
            let item = self.item()?;
            if items.iter().any(|(known, _)| known.name == item.name) {
                return Err(place.refuse(format!(
                    "there are two columns {}; name one with AS",
                    item.name
                )));
            }
            items.push((item, place));
            if !self.take_symbol(",") {
                return Ok(Selected::Items(items));
            }
        }
    }

    fn item(&mut self) -> Result<Item, InvalidQuery> {
        let place = self.place();
        let aggregate = match (self.peek(), self.peek_second()) {
            (Token::Word(word), Token::Symbol("(")) => Some(word.to_ascii_uppercase()),
            _ => None,
        };
        let column = match aggregate {
            Some(name) => Column::Aggregate(self.aggregate(&name)?),
            None => Column::Path(self.path()?),
        };
        let alias = if self.take_word("AS") {
            Some(self.name("a name for the column")?)
        } else {
            None
        };
        let name = match (alias, &column) {
            (Some(alias), _) => alias,
            (None, Column::Path(path)) => path.name.clone(),
            (None, Column::Aggregate(_)) => {
                return Err(place.refuse("name what is computed, such as COUNT() AS total"));
            }
        };
        Ok(Item { name, column })
    }

    fn aggregate(&mut self, name: &str) -> Result<Aggregate, InvalidQuery> {
        let place = self.place();
        let of: fn(Path) -> Aggregate = match name {
            "COUNT" => {
                self.take();
                self.expect_symbol("(")?;
                self.expect_symbol(")")?;
                return Ok(Aggregate::Count);
            }
            "SUM" => Aggregate::Sum,
            "AVG" => Aggregate::Average,
            "MIN" => Aggregate::Minimum,
            "MAX" => Aggregate::Maximum,
            _ => {
                return Err(place.refuse("only COUNT, SUM, AVG, MIN and MAX can be selected"));
            }
        };
        self.take();
        self.expect_symbol("(")?;
        let path = self.path()?;
        self.expect_symbol(")")?;
        Ok(of(path))
    }

    /// Nothing for jobs.
    fn source(&mut self) -> Result<Option<Source>, InvalidQuery> {
        let place = self.place();
        let unknown = || place.refuse("twins are FROM devices or FROM devices.modules");
        let is = |token: &Token, name: &str| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(name));
        if !is(&self.take(), "devices") {
            return Err(unknown());
        }
        if !self.take_symbol(".") {
            return Ok(Some(Source::Devices));
        }
        match self.take() {
            token if is(&token, "modules") => Ok(Some(Source::Modules)),
            token if is(&token, "jobs") => Ok(None),
            _ => Err(unknown()),
        }
    }

    fn group_by(&mut self) -> Result<Option<Vec<Path>>, InvalidQuery> {
        if !self.take_word("GROUP") {
            return Ok(None);
        }
        self.expect_word("BY")?;
        let mut keys = Vec::new();
        loop {
            keys.push(self.path()?);
            if !self.take_symbol(",") {
                return Ok(Some(keys));
            }
        }
    }

    fn path(&mut self) -> Result<Path, InvalidQuery> {
        let mut segments = vec![self.name("a path such as tags.site")?];
        while self.take_symbol(".") {
            segments.push(self.name("a name")?);
        }
        Ok(Path::of(segments))
    }

    /// A name that is no keyword, or one in brackets.
    fn name(&mut self, expected: &str) -> Result<String, InvalidQuery> {
        let name = match self.peek() {
            Token::Bracketed(name) => name.clone(),
            Token::Word(word) if !is_reserved(word) => word.clone(),
            Token::Word(word) => {
                let problem = format!("'{word}' is a keyword; as a name it is written [[{word}]]");
                return Err(self.place().refuse(problem));
            }
            _ => return Err(self.expected(expected)),
        };
        self.take();
        Ok(name)
    }

    fn end(&self) -> Result<(), InvalidQuery> {
        match self.peek() {
            Token::End => Ok(()),
            _ => Err(self.expected("the end of the query")),
        }
    }

    fn expected(&self, expected: &str) -> InvalidQuery {
        let found = self.peek().shown();
        self.place()
            .refuse(format!("expected {expected}, found {found}"))
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next].0
    }

    fn peek_second(&self) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.next + 1).min(last)].0
    }

    fn place(&self) -> Position {
        self.tokens[self.next].1
    }

    /// The next token; the last one stays.
    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn take_symbol(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(symbol) if *symbol == wanted);
        if found {
            self.take();
        }
        found
    }

    fn expect_symbol(&mut self, wanted: &str) -> Result<(), InvalidQuery> {
        if self.take_symbol(wanted) {
            return Ok(());
        }
        Err(self.expected(&format!("'{wanted}'")))
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(wanted));
        if found {
            self.take();
        }
        found
    }

    fn expect_word(&mut self, wanted: &str) -> Result<(), InvalidQuery> {
        if self.take_word(wanted) {
            return Ok(());
        }
        Err(self.expected(wanted))
    }
}

fn is_reserved(word: &str) -> bool {
    RESERVED
        .iter()
        .any(|known| known.eq_ignore_ascii_case(word))
}

/// What is selected, once it is known how it is grouped.
fn select(
    selected: Selected,
    keys: Option<Vec<Path>>,
    grouped_at: Position,
) -> Result<Select, InvalidQuery> {
    let items = match (selected, &keys) {
        (Selected::All, None) => return Ok(Select::All),
        (Selected::All, Some(_)) => {
            return Err(grouped_at.refuse("GROUP BY needs columns in place of *"));
        }
        (Selected::Items(items), _) => items,
    };
    let aggregates = items
        .iter()
        .any(|(item, _)| matches!(item.column, Column::Aggregate(_)));
    if keys.is_none() && !aggregates {
        return Ok(Select::Columns(without_places(items)));
    }
    let keys = keys.unwrap_or_default();
    for (item, place) in &items {
        if let Column::Path(path) = &item.column
            && !keys.iter().any(|key| key.is_same_as(path))
        {
            return Err(place.refuse(format!("{} is neither computed nor in GROUP BY", item.name)));
        }
    }
    Ok(Select::Groups {
        items: without_places(items),
        keys,
    })
}

fn without_places(items: Vec<(Item, Position)>) -> Vec<Item> {
    items.into_iter().map(|(item, _)| item).collect()
}

#[cfg(test)]
mod tests;
