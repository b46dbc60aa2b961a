//! JSON laid out for people: every member on a line of its own, and otherwise
//! exactly as it was written: order, numbers and escapes stay.

/// Lays out JSON. A text that is none comes out unharmed, too, if not nicely.
pub fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
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
    out
}

/// What is left of a text in quotes.
fn copy_text(letters: &mut impl Iterator<Item = char>, out: &mut String) {
    let mut is_escaped = false;
    for letter in letters {
        out.push(letter);
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return,
            _ => {}
        }
    }
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth.min(32) {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn members_stand_below_each_other_as_they_were_written() {
        let laid_out =
            indented(r#"{"z":1.10,"a":[ ],"text":"a, \"b\": {","list":[1, {"x":null}]}"#);

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
        let once = indented(r#"[{"a":{}},"\\",-1e5,true]"#);

        assert_eq!(indented(&once), once);
        let parsed: Value = serde_json::from_str(&once).unwrap();
        assert_eq!(parsed, serde_json::json!([{"a": {}}, "\\", -1e5, true]));
    }

    #[test]
    fn deep_nesting_is_not_laid_out_for_ever() {
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));

        assert!(indented(&deep).len() < 5_000 * 2 * 70);
    }
}
