//! Characters to tokens. The longest token wins; of two that are as long, a
//! literal or an operator wins over a name.

use super::place::{InvalidCondition, Position, Span};
use super::syntax::Constant;
use crate::cursor::{Cursor, Unclosed};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'t> {
    Constant(Constant),
    /// An application property or a function.
    Name(&'t str),
    /// A system property or a path, without its `$`.
    System(&'t str),
    /// An operator or punctuation; words in capitals.
    Symbol(&'static str),
    End,
}

impl Token<'_> {
    /// How it is shown in an error.
    pub(super) fn shown(&self) -> String {
        match self {
            Token::Constant(constant) => constant.shown(),
            Token::Name(name) => format!("'{}'", shortened(name)),
            Token::System(name) => format!("'${}'", shortened(name)),
            Token::Symbol(symbol) => format!("'{symbol}'"),
            Token::End => "the end".to_owned(),
        }
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

/// Those that no name can hold; the longer ones first.
const SYMBOLS: &[&str] = &[
    "<=", "<>", ">=", "<", ">", "=", "??", "(", ")", "{", "}", ",", "/",
];
/// Those that a longer name swallows.
const WORDS: &[&str] = &["-", "+", "*", "%", "||", "AND", "OR", "NOT"];

/// All tokens, with `End` as the last.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, Span)>, InvalidCondition> {
    let mut lexer = Lexer {
        at: Cursor::new(text),
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let start = lexer.at.position;
        let token = lexer.next()?;
        let is_end = token == Token::End;
        tokens.push((token, lexer.since(start)));
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    at: Cursor<'t>,
}

impl<'t> Lexer<'t> {
    fn next(&mut self) -> Result<Token<'t>, InvalidCondition> {
        let Some(first) = self.at.peek() else {
            return Ok(Token::End);
        };
        match first {
            '"' | '\'' => self.text(first),
            '$' => self.system(),
            _ => match self.symbol()? {
                Some(symbol) => Ok(Token::Symbol(symbol)),
                None => self.word(first),
            },
        }
    }

    fn skip_blanks(&mut self) -> Result<(), InvalidCondition> {
        self.at
            .skip_blanks()
            .map_err(|Unclosed(opened)| self.since(opened).refuse(Unclosed::PROBLEM))
    }

    fn symbol(&mut self) -> Result<Option<&'static str>, InvalidCondition> {
        let start = self.at.position;
        if self.at.rest.starts_with("==") {
            self.at.advance(2);
            return Err(self.since(start).refuse("'==' is no operator: write '='"));
        }
        // Longer than the name '!' is.
        if self.at.rest.starts_with("!=") {
            self.at.advance(2);
            return Ok(Some("<>"));
        }
        let mut symbols = SYMBOLS.iter();
        let symbol = symbols.find(|symbol| self.at.rest.starts_with(**symbol));
        if let Some(symbol) = symbol {
            self.at.advance(symbol.len());
        }
        Ok(symbol.copied())
    }

    /// A literal, an operator that a name could hold, or a name.
    fn word(&mut self, first: char) -> Result<Token<'t>, InvalidCondition> {
        let start = self.at.position;
        let word = self
            .at
            .take_while(|c| is_of_names(c) && c != '[' && c != ']');
        if word.is_empty() {
            self.at.advance(first.len_utf8());
            return Err(self
                .since(start)
                .refuse(format!("the character {first:?} means nothing here")));
        }
        let constant = match word {
            "true" => Some(Constant::Bool(true)),
            "false" => Some(Constant::Bool(false)),
            "null" => Some(Constant::Null),
            "undefined" => Some(Constant::Undefined),
            word => number(word).map(Constant::Number),
        };
        if let Some(constant) = constant {
            return Ok(Token::Constant(constant));
        }
        let mut words = WORDS.iter();
        if let Some(symbol) = words.find(|symbol| symbol.eq_ignore_ascii_case(word)) {
            return Ok(Token::Symbol(symbol));
        }
        if word.starts_with("||") {
            let problem = "'||' needs a blank behind it, or it is taken for the start of a name";
            return Err(self.since(start).refuse(problem));
        }
        Ok(Token::Name(word))
    }

    fn system(&mut self) -> Result<Token<'t>, InvalidCondition> {
        let start = self.at.position;
        self.at.advance(1);
        let name = self.at.take_while(is_of_names);
        if name.is_empty() {
            let problem = "a system property's name follows '$'";
            return Err(self.since(start).refuse(problem));
        }
        Ok(Token::System(name))
    }

    fn text(&mut self, quote: char) -> Result<Token<'t>, InvalidCondition> {
        let start = self.at.position;
        self.at.advance(1);
        let mut text = String::new();
        loop {
            text.push_str(self.at.take_while(|c| c != quote && c != '\\'));
            match self.at.peek() {
                Some('\\') => text.push(self.escape()?),
                Some(_) => break,
                None => {
                    let problem = format!("the text is not closed with {quote}");
                    return Err(self.since(start).refuse(problem));
                }
            }
        }
        self.at.advance(1);
        if quote == '\''
            && self
                .at
                .rest
                .starts_with(|c| is_of_names(c) && c != '[' && c != ']')
        {
            let problem = "a text in single quotes needs a blank behind it";
            return Err(self.since(start).refuse(problem));
        }
        Ok(Token::Constant(Constant::Text(text.into())))
    }

    fn escape(&mut self) -> Result<char, InvalidCondition> {
        let start = self.at.position;
        let unknown = |lexer: &Self| {
            lexer
                .since(start)
                .refuse(r#"after a backslash comes one of ' " \ or uXXXX"#)
        };
        self.at.advance(1);
        let escaped = self.at.peek();
        let escaped = escaped.ok_or_else(|| unknown(self))?;
        self.at.advance(escaped.len_utf8());
        match escaped {
            '\'' | '"' | '\\' => Ok(escaped),
            'u' => self.at.unicode().ok_or_else(|| unknown(self)),
            _ => Err(unknown(self)),
        }
    }

    fn since(&self, start: Position) -> Span {
        Span {
            start,
            end: self.at.position,
        }
    }
}

fn is_of_names(character: char) -> bool {
    !character.is_whitespace() && !r#"()<>@,;:\"/?={}"#.contains(character)
}

/// Decimal with an optional fraction and exponent, or hexadecimal.
pub(super) fn number(word: &str) -> Option<f64> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if let Some(hex) = digits.strip_prefix("0x") {
        let all_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(hex, 16).ok().filter(|_| all_hex)?;
        #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
        let number = number as f64;
        return Some(if digits == word { number } else { -number });
    }
    let is_plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let number = is_plain.then(|| word.parse().ok()).flatten();
    number.filter(|number: &f64| number.is_finite())
}
