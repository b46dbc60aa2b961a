//! Characters to tokens.

use super::error::InvalidQuery;
use crate::cursor::{Cursor, Position, Unclosed};

impl Position {
    pub(super) fn refuse(self, problem: impl Into<String>) -> InvalidQuery {
        InvalidQuery {
            line: self.line,
            column: self.column,
            problem: problem.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword or a name.
    Word(String),
    /// `[[...]]`, without the brackets.
    Bracketed(String),
    Text(String),
    Number(f64),
    /// Punctuation or an operator.
    Symbol(&'static str),
    End,
}

impl Token {
    /// How it is shown in an error.
    pub(super) fn shown(&self) -> String {
        match self {
            Token::Word(word) => format!("'{}'", shortened(word)),
            Token::Bracketed(name) => format!("'[[{}]]'", shortened(name)),
            Token::Text(_) => "a text".to_owned(),
            Token::Number(number) => format!("the number {number}"),
            Token::Symbol(symbol) => format!("'{symbol}'"),
            Token::End => "the end".to_owned(),
        }
    }
}

fn shortened(word: &str) -> String {
    word.chars().take(64).collect()
}

/// The longer ones first.
const SYMBOLS: &[&str] = &[
    "!=", "<>", "<=", ">=", "=", "<", ">", "*", ",", "(", ")", ".", "+", "-", "/", "%", "[", "]",
];

/// All tokens, with `End` as the last.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Position)>, InvalidQuery> {
    let mut lexer = Lexer {
        at: Cursor::new(text),
    };
    let mut tokens = Vec::new();
    loop {
        let blanks = lexer.at.skip_blanks();
        blanks.map_err(|Unclosed(opened)| opened.refuse(Unclosed::PROBLEM))?;
        let place = lexer.at.position;
        let token = lexer.next()?;
        let is_end = token == Token::End;
        tokens.push((token, place));
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    at: Cursor<'t>,
}

impl<'t> Lexer<'t> {
    fn next(&mut self) -> Result<Token, InvalidQuery> {
        let Some(first) = self.at.peek() else {
            return Ok(Token::End);
        };
        if starts_word(first) {
            return Ok(Token::Word(self.at.take_while(continues_word).to_owned()));
        }
        if first.is_ascii_digit() {
            return self.number();
        }
        if first == '\'' || first == '"' {
            return self.text(first);
        }
        if self.at.rest.starts_with("[[") {
            return self.bracketed();
        }
        let symbol = SYMBOLS
            .iter()
            .find(|symbol| self.at.rest.starts_with(**symbol));
        let symbol = symbol.ok_or_else(|| {
            self.at
                .position
                .refuse(format!("the character {first:?} means nothing here"))
        })?;
        self.at.advance(symbol.len());
        Ok(Token::Symbol(symbol))
    }

    fn number(&mut self) -> Result<Token, InvalidQuery> {
        let place = self.at.position;
        let number = match self.at.rest.get(..2) {
            Some("0x" | "0X") => {
                self.at.advance(2);
                let digits = self.at.take_while(|c| c.is_ascii_hexdigit());
                u64::from_str_radix(digits, 16).ok().map(|number| {
                    #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
                    let number = number as f64;
                    number
                })
            }
            _ => self.decimal().parse().ok(),
        };
        let number = number.filter(|number: &f64| number.is_finite());
        let ends = !self.at.rest.starts_with(continues_word);
        number
            .filter(|_| ends)
            .map(Token::Number)
            .ok_or_else(|| {
                place.refuse(
                    "this is no number that fits into a double; a name that begins with a digit is written [[...]]",
                )
            })
    }

    fn decimal(&mut self) -> &'t str {
        let digits = |from: usize| {
            let rest = &self.at.rest[from..];
            from + rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len())
        };
        let mut end = digits(0);
        if self.at.rest[end..].starts_with('.') && digits(end + 1) > end + 1 {
            end = digits(end + 1);
        }
        if self.at.rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(self.at.rest[end + 1..].starts_with(['+', '-']));
            let exponent = end + 1 + sign;
            if digits(exponent) > exponent {
                end = digits(exponent);
            }
        }
        self.at.advance(end)
    }

    /// Backslash escapes, and the quote doubled.
    fn text(&mut self, quote: char) -> Result<Token, InvalidQuery> {
        let opened = self.at.position;
        self.at.advance(1);
        let mut text = String::new();
        loop {
            text.push_str(self.at.take_while(|c| c != quote && c != '\\'));
            match self.at.peek() {
                None => return Err(opened.refuse(format!("the text is not closed with {quote}"))),
                Some('\\') => text.push(self.escape()?),
                Some(_) => {
                    self.at.advance(1);
                    if !self.at.rest.starts_with(quote) {
                        return Ok(Token::Text(text));
                    }
                    self.at.advance(1);
                    text.push(quote);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, InvalidQuery> {
        let place = self.at.position;
        let unknown =
            || place.refuse(r#"after a backslash comes one of ' " \ / b f n r t or uXXXX"#);
        self.at.advance(1);
        let escaped = self.at.peek().ok_or_else(unknown)?;
        let character = match escaped {
            '\'' | '"' | '\\' | '/' => escaped,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                self.at.advance(1);
                return self.at.unicode().ok_or_else(unknown);
            }
            _ => return Err(unknown()),
        };
        self.at.advance(1);
        Ok(character)
    }

    fn bracketed(&mut self) -> Result<Token, InvalidQuery> {
        let opened = self.at.position;
        let name = self.at.rest[2..].split_once("]]").map(|(name, _)| name);
        let name = name.filter(|name| !name.is_empty() && !name.contains(']'));
        let name = name.ok_or_else(|| opened.refuse("a name in brackets is written [[name]]"))?;
        self.at.advance(name.len() + 4);
        Ok(Token::Bracketed(name.to_owned()))
    }
}

fn starts_word(character: char) -> bool {
    character.is_alphabetic() || character == '_' || character == '$'
}

fn continues_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lexed(text: &str) -> Vec<Token> {
        let mut tokens: Vec<_> = tokens(text).unwrap().into_iter().map(|(t, _)| t).collect();
        assert_eq!(tokens.pop(), Some(Token::End));
        tokens
    }

    fn text(text: &str) -> Token {
        Token::Text(text.to_owned())
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        let expected = [1.0, 2.5, 3e4, 1e-2, 255.0].map(Token::Number);

        assert_eq!(lexed("1 2.5 3e4 1E-2 0xFf"), expected);
    }

    #[test]
    fn texts_take_both_quotes_and_escapes() {
        assert_eq!(lexed(r#"'a"b'"#), [text("a\"b")]);
        assert_eq!(lexed(r#""it's""#), [text("it's")]);
        assert_eq!(lexed(r"'it''s'"), [text("it's")]);
        assert_eq!(lexed(r"'\u00e9\'\\\n'"), [text("é'\\\n")]);
        assert_eq!(lexed(r"'\ud83d\ude00'"), [text("😀")]);
    }

    #[test]
    fn what_is_no_token_is_refused_where_it_begins() {
        for (text, column) in [
            ("a ~ b", 3),
            ("a = 'b", 5),
            ("a = 'b\\x'", 7),
            ("[[a]", 1),
            ("[[]]", 1),
            ("  1a", 3),
            ("1e999", 1),
            (r"'\ud83d'", 2),
            ("0x", 1),
            ("a /* b", 3),
            ("a /*/ b", 3),
        ] {
            let refused = tokens(text).unwrap_err();

            assert_eq!((refused.line, refused.column), (1, column), "{text}");
        }
    }

    #[test]
    fn comments_stand_for_blanks_but_not_in_texts() {
        let tokens = lexed("a/* one *//**/b /* * / 'c' */ '/* d */'");

        let words = ["a", "b"].map(|word| Token::Word(word.to_owned()));
        assert_eq!(tokens, [&words[..], &[text("/* d */")]].concat());
    }

    #[test]
    fn lines_and_characters_are_counted() {
        let refused = tokens("SELECT é\r\n  'ö' ~").unwrap_err();

        assert_eq!((refused.line, refused.column), (2, 7));
    }
}
