//! Long texts as a page can bear them, and JSON laid out for people: every
//! member on a line of its own, and otherwise exactly as it was written: order,
//! numbers and escapes stay.
//!
//! Laying out can make sixty letters of one, and HTML makes five of an
//! ampersand. So what is shown has a budget in bytes of the page, and is cut
//! behind it. Bytes are those that the filter `text` writes.

/// What fits into a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The text, or its beginning.
    pub text: String,
    /// Whether there is more than that.
    pub is_cut: bool,
}

/// Lays out JSON, up to so many bytes of HTML. A text that is none comes out
/// unharmed, too, if not nicely.
pub fn indented(json: &str, budget: usize) -> Shown {
    let mut out = Page::new(budget);
    let mut depth = 0_usize;
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next().filter(|_| !out.is_full) {
        match letter {
            '"' => {
                out.push('"');
                copy_text(&mut letters, &mut out);
            }
            '{' | '[' => {
                while letters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                out.push(letter);
                if let Some(close) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                    continue;
                }
                depth += 1;
                new_line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            blank if blank.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    out.shown()
}

/// A text as it is, up to so many bytes of HTML.
pub fn beginning(text: &str, budget: usize) -> Shown {
    let mut out = Page::new(budget);
    for letter in text.chars() {
        out.push(letter);
        if out.is_full {
            break;
        }
    }
    out.shown()
}

/// A text of one line, with its middle left out if it takes more bytes of HTML:
/// both ends of a path tell something.
pub fn clipped(text: &str, budget: usize) -> String {
    if html_size(text) <= budget {
        return text.to_owned();
    }
    let head = beginning(text, budget / 2).text;
    let mut left = budget / 2;
    let tail = text[head.len()..].char_indices().rev().find(|(_, letter)| {
        let weight = weight(*letter);
        let is_over = weight > left;
        left = left.saturating_sub(weight);
        is_over
    });
    let tail = tail.map_or("", |(at, letter)| {
        &text[head.len() + at + letter.len_utf8()..]
    });
    format!("{head}…{tail}")
}

/// As many of the first as fit into so many bytes of HTML, and how many more
/// there are.
pub fn first_of<R>(
    rows: impl IntoIterator<Item = R>,
    budget: usize,
    size: impl Fn(&R) -> usize,
) -> (Vec<R>, usize) {
    let mut left = budget;
    let mut rows = rows.into_iter();
    let mut first = Vec::new();
    while let Some(row) = rows.next() {
        match left.checked_sub(size(&row)) {
            Some(rest) => left = rest,
            None => return (first, 1 + rows.count()),
        }
        first.push(row);
    }
    (first, 0)
}

/// What is written, until the budget is spent.
struct Page {
    text: String,
    left: usize,
    is_full: bool,
}

impl Page {
    fn new(budget: usize) -> Self {
        Page {
            text: String::new(),
            left: budget,
            is_full: false,
        }
    }

    fn push(&mut self, letter: char) {
        match self.left.checked_sub(weight(letter)) {
            Some(left) if !self.is_full => {
                self.left = left;
                self.text.push(letter);
            }
            _ => self.is_full = true,
        }
    }

    fn push_str(&mut self, text: &str) {
        text.chars().for_each(|letter| self.push(letter));
    }

    fn shown(self) -> Shown {
        Shown {
            text: self.text,
            is_cut: self.is_full,
        }
    }
}

/// How many bytes a text has in HTML.
pub fn html_size(text: &str) -> usize {
    text.chars().map(weight).sum()
}

/// How many bytes a text has as the value of an attribute, where the default
/// escapes more.
pub fn attribute_size(text: &str) -> usize {
    let is_escaped = |letter: &char| matches!(letter, '<' | '>' | '&' | '"' | '\'');
    text.len() + 4 * text.chars().filter(is_escaped).count()
}

/// How many bytes a letter has in HTML.
fn weight(letter: char) -> usize {
    match letter {
        '&' => 5,
        '<' => 4,
        _ => letter.len_utf8(),
    }
}

/// What is left of a text in quotes.
fn copy_text(letters: &mut impl Iterator<Item = char>, out: &mut Page) {
    let mut is_escaped = false;
    for letter in letters {
        out.push(letter);
        match letter {
            _ if out.is_full => return,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return,
            _ => {}
        }
    }
}

fn new_line(out: &mut Page, depth: usize) {
    out.push('\n');
    for _ in 0..depth.min(32) {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn laid_out(json: &str) -> String {
        let shown = indented(json, 1_000_000);
        assert!(!shown.is_cut);
        shown.text
    }

    #[test]
    fn members_stand_below_each_other_as_they_were_written() {
        let laid_out =
            laid_out(r#"{"z":1.10,"a":[ ],"text":"a, \"b\": {","list":[1, {"x":null}]}"#);

        let expected = r#"{
  "z": 1.10,
  "a": [],
  "text": "a, \"b\": {",
  "list": [
    1,
    {
      "x": null
    }
  ]
}"#;
        assert_eq!(laid_out, expected);
    }

    #[test]
    fn what_was_laid_out_before_comes_out_the_same() {
        let once = laid_out(r#"[{"a":{}},"\\",-1e5,true]"#);

        assert_eq!(laid_out(&once), once);
        let parsed: Value = serde_json::from_str(&once).unwrap();
        assert_eq!(parsed, serde_json::json!([{"a": {}}, "\\", -1e5, true]));
    }

    #[test]
    fn a_small_text_that_would_become_a_large_page_is_cut() {
        let deep = format!("{}{}", "[".repeat(40), "0,".repeat(30_000));
        let quotes = format!("[\"{}\"]", "<".repeat(30_000));

        for json in [deep, quotes] {
            let shown = indented(&json, 10_000);

            assert!(shown.is_cut);
            let html = html_size(&shown.text);
            assert!((9_990..=10_000).contains(&html), "{html}");
        }
    }

    #[test]
    fn what_just_fits_is_whole() {
        assert_eq!(indented("[1]", 7).text, "[\n  1\n]");
        assert!(!indented("[1]", 7).is_cut);
        assert!(indented("[1]", 6).is_cut);
        assert_eq!(beginning("aü<", 7).text, "aü<");
        assert!(!beginning("aü<", 7).is_cut);
        assert_eq!(beginning("aü<b", 6).text, "aü");
        assert!(beginning("aü<", 6).is_cut);
    }

    #[test]
    fn of_what_is_clipped_both_ends_are_left() {
        assert_eq!(clipped("desired.a.b", 11), "desired.a.b");
        assert_eq!(clipped("desired.üa.b", 8), "desi…a.b");
        assert_eq!(clipped("<<<<<<", 16), "<<…<<");
        assert_eq!(clipped("<<<<<<", 3), "…");
    }

    #[test]
    fn rows_are_taken_while_they_fit() {
        assert_eq!(first_of([3, 4, 1], 8, |size| *size), (vec![3, 4, 1], 0));
        assert_eq!(first_of([3, 4, 1], 7, |size| *size), (vec![3, 4], 1));
        assert_eq!(first_of([3, 4, 1], 2, |size| *size), (vec![], 3));
    }
}
