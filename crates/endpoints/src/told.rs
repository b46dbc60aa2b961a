//! What others say, to be shown to people and written into logs.

/// Longer texts end here.
const MAX_CHARS: usize = 300;

/// A text of somebody else on one line, and not too long.
pub(crate) fn shown(text: &str) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(blank).take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_on_one_line_and_has_an_end() {
        assert_eq!(
            shown("no\r\n\u{1b}[31mERROR forged"),
            "no   [31mERROR forged"
        );
        assert_eq!(shown(&"\u{e9}".repeat(1000)).chars().count(), MAX_CHARS);
    }
}
