//! A way through a text, character by character, with the place in it: what
//! the lexers of both languages have in common.

use std::fmt;

/// A character of a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character of the line.
    pub column: usize,
}

impl Position {
    /// The first one.
    pub(crate) const START: Position = Position { line: 1, column: 1 };

    /// Behind one more character.
    fn after(self, character: char) -> Self {
        match character {
            '\n' => Position {
                line: self.line + 1,
                column: 1,
            },
            _ => Position {
                column: self.column + 1,
                ..self
            },
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Where a comment begins that has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unclosed(pub(crate) Position);

impl Unclosed {
    /// What is wrong with it.
    pub(crate) const PROBLEM: &str = "the comment is not closed with */";
}

/// How far a text is read.
pub(crate) struct Cursor<'t> {
    /// What follows.
    pub(crate) rest: &'t str,
    /// Where it begins.
    pub(crate) position: Position,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Cursor {
            rest: text,
            position: Position::START,
        }
    }

    /// The next character, not taken.
    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes the characters that belong.
    pub(crate) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let length = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        self.advance(length)
    }

    /// Takes so many bytes.
    pub(crate) fn advance(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.position = taken.chars().fold(self.position, Position::after);
        self.rest = rest;
        taken
    }

    /// Takes blanks and comments, `/* like this */`. Of a comment that is not
    /// closed, its opening is taken, and told where it stands.
    pub(crate) fn skip_blanks(&mut self) -> Result<(), Unclosed> {
        loop {
            self.take_while(char::is_whitespace);
            if !self.rest.starts_with("/*") {
                return Ok(());
            }
            let opened = self.position;
            self.advance(2);
            let length = self.rest.find("*/").ok_or(Unclosed(opened))?;
            self.advance(length + 2);
        }
    }

    /// Takes what follows `\u`: four hex digits, or the two halves of a pair
    /// that make one character.
    pub(crate) fn unicode(&mut self) -> Option<char> {
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
}
