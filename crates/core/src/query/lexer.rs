//! Characters to tokens.

use super::error::InvalidQuery;

/// Where a token begins, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
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
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Place)>, InvalidQuery> {
    let mut lexer = Lexer {
        rest: text,
        place: Place { line: 1, column: 1 },
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let place = lexer.place;
        let token = lexer.next()?;
        let is_end = token == Token::End;
        tokens.push((token, place));
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    rest: &'t str,
    place: Place,
}

impl<'t> Lexer<'t> {
    fn next(&mut self) -> Result<Token, InvalidQuery> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(Token::End);
        };
        if starts_word(first) {
            return Ok(Token::Word(self.take_while(continues_word).to_owned()));
        }
        if first.is_ascii_digit() {
            return self.number();
        }
        if first == '\'' || first == '"' {
            return self.text(first);
        }
        if self.rest.starts_with("[[") {
            return self.bracketed();
        }
        let symbol = SYMBOLS
            .iter()
            .find(|symbol| self.rest.starts_with(**symbol));
        let symbol = symbol.ok_or_else(|| {
            self.place
                .refuse(format!("the character {first:?} means nothing here"))
        })?;
        self.advance(symbol.len());
        Ok(Token::Symbol(symbol))
    }

    fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let length = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        self.advance(length)
    }

    /// Takes so many bytes.
    fn advance(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        for character in taken.chars() {
            if character == '\n' {
                self.place.line += 1;
                self.place.column = 1;
            } else {
                self.place.column += 1;
            }
        }
        self.rest = rest;
        taken
    }

    fn number(&mut self) -> Result<Token, InvalidQuery> {
        let place = self.place;
        let number = match self.rest.get(..2) {
            Some("0x" | "0X") => {
                self.advance(2);
                let digits = self.take_while(|c| c.is_ascii_hexdigit());
                u64::from_str_radix(digits, 16).ok().map(|number| {
                    #[expect(clippy::cast_precision_loss, reason = "numbers are doubles")]
                    let number = number as f64;
                    number
                })
            }
            _ => self.decimal().parse().ok(),
        };
        let number = number.filter(|number: &f64| number.is_finite());
        let ends = !self.rest.starts_with(continues_word);
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
            let rest = &self.rest[from..];
            from + rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len())
        };
        let mut end = digits(0);
        if self.rest[end..].starts_with('.') && digits(end + 1) > end + 1 {
            end = digits(end + 1);
        }
        if self.rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(self.rest[end + 1..].starts_with(['+', '-']));
            let exponent = end + 1 + sign;
            if digits(exponent) > exponent {
                end = digits(exponent);
            }
        }
        self.advance(end)
    }

    /// Backslash escapes, and the quote doubled.
    fn text(&mut self, quote: char) -> Result<Token, InvalidQuery> {
        let opened = self.place;
        self.advance(1);
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| c != quote && c != '\\'));
            match self.rest.chars().next() {
                None => return Err(opened.refuse(format!("the text is not closed with {quote}"))),
                Some('\\') => text.push(self.escape()?),
                Some(_) => {
                    self.advance(1);
                    if !self.rest.starts_with(quote) {
                        return Ok(Token::Text(text));
                    }
                    self.advance(1);
                    text.push(quote);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, InvalidQuery> {
        let place = self.place;
        let unknown =
            || place.refuse(r#"after a backslash comes one of ' " \ / b f n r t or uXXXX"#);
        self.advance(1);
        let escaped = self.rest.chars().next().ok_or_else(unknown)?;
        let character = match escaped {
            '\'' | '"' | '\\' | '/' => escaped,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                self.advance(1);
                return self.unicode().ok_or_else(unknown);
            }
            _ => return Err(unknown()),
        };
        self.advance(1);
        Ok(character)
    }

    /// Four hex digits; the two halves of a pair make one character.
    fn unicode(&mut self) -> Option<char> {
        let first = self.unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        if !self.rest.starts_with("\\u") {
            return None;
        }
        self.advance(2);
        let second = self.unit().filter(|unit| (0xdc00..0xe000).contains(unit))?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.rest.get(..4)?;
        let all_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let unit = u32::from_str_radix(digits, 16).ok().filter(|_| all_hex)?;
        self.advance(4);
        Some(unit)
    }

    fn bracketed(&mut self) -> Result<Token, InvalidQuery> {
        let opened = self.place;
        let name = self.rest[2..].split_once("]]").map(|(name, _)| name);
        let name = name.filter(|name| !name.is_empty() && !name.contains(']'));
        let name = name.ok_or_else(|| opened.refuse("a name in brackets is written [[name]]"))?;
        self.advance(name.len() + 4);
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
        ] {
            let refused = tokens(text).unwrap_err();

            assert_eq!((refused.line, refused.column), (1, column), "{text}");
        }
    }

    #[test]
    fn lines_and_characters_are_counted() {
        let refused = tokens("SELECT é\r\n  'ö' ~").unwrap_err();

        assert_eq!((refused.line, refused.column), (2, 7));
    }
}
