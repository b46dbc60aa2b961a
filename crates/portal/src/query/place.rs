//! Where a query goes wrong, as the hub tells it.

/// How many characters are shown on each side of the place.
const AROUND: usize = 50;

/// A place in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// The line around the place, with a mark below it.
    pub excerpt: String,
}

impl Place {
    /// Reads what the hub says: `... at line 2, column 7: ...`.
    pub fn told(sentence: &str, query: &str) -> Option<Self> {
        let (_, rest) = sentence.split_once(" at line ")?;
        let (line, rest) = rest.split_once(", column ")?;
        let digits = rest.find(|letter: char| !letter.is_ascii_digit());
        let column = &rest[..digits.unwrap_or(rest.len())];
        let (line, column) = (line.parse().ok()?, column.parse().ok()?);
        Some(Place {
            line,
            column,
            excerpt: excerpt(query, line, column)?,
        })
    }
}

fn excerpt(query: &str, line: usize, column: usize) -> Option<String> {
    let text = query.split('\n').nth(line.checked_sub(1)?)?;
    let before = column.checked_sub(1)?;
    let from = before.saturating_sub(AROUND);
    let shown: String = text.chars().skip(from).take(2 * AROUND).collect();
    let start = if from > 0 { "…" } else { "" };
    let end = if text.chars().count() > from + 2 * AROUND {
        "…"
    } else {
        ""
    };
    // Tabs stay, so that the mark stands where the eye looks for it.
    let blank = |letter| if letter == '\t' { '\t' } else { ' ' };
    let indent: String = start
        .chars()
        .chain(shown.chars().take(before - from))
        .map(blank)
        .collect();
    Some(format!("{start}{shown}{end}\n{indent}^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: usize, column: usize, query: &str) -> Option<Place> {
        let sentence =
            format!("The query is invalid at line {line}, column {column}: FROM is expected.");
        Place::told(&sentence, query)
    }

    #[test]
    fn the_place_is_marked_below_its_line() {
        let place = told(2, 3, "SELECT *\nü FORM devices").unwrap();

        assert_eq!(place.excerpt, "ü FORM devices\n  ^");
        assert_eq!((place.line, place.column), (2, 3));
    }

    #[test]
    fn the_end_of_a_query_is_a_place_too() {
        assert_eq!(told(1, 7, "SELECT").unwrap().excerpt, "SELECT\n      ^");
        assert_eq!(told(1, 1, "").unwrap().excerpt, "\n^");
    }

    #[test]
    fn of_a_long_line_the_place_is_shown() {
        let query = format!("{}!{}", "a".repeat(500), "b".repeat(500));

        let place = told(1, 501, &query).unwrap();

        let (line, mark) = place.excerpt.split_once('\n').unwrap();
        let at = mark.chars().count() - 1;
        assert_eq!(line.chars().nth(at), Some('!'));
        assert!(line.chars().count() <= 2 * AROUND + 2);
    }

    #[test]
    fn what_tells_no_place_has_none() {
        assert_eq!(
            Place::told("The continuation token is old.", "SELECT"),
            None
        );
        assert_eq!(told(9, 1, "SELECT"), None);
        assert_eq!(told(1, 0, "SELECT"), None);
    }
}
