//! The query behind the list, and where its condition goes wrong.

/// What the list shows of each device.
const COLUMNS: &str = "deviceId, status, statusReason, connectionState, lastActivityTime, \
                       authenticationType, capabilities.iotEdge";
/// How the language begins its complaints.
const COMPLAINT: &str = "the query is invalid at line ";

/// The query for devices whose ID begins so, and of which a condition is true;
/// an empty text asks for nothing. The condition begins a line, so that places
/// in it can be told.
pub fn query(search: &str, condition: &str) -> String {
    let select = format!("SELECT {COLUMNS} FROM devices");
    let start = quoted(search);
    match (search, condition.trim()) {
        ("", "") => select,
        (_, "") => format!("{select} WHERE STARTSWITH(deviceId, {start})"),
        ("", _) => format!("{select} WHERE\n{condition}"),
        (..) => format!("{select} WHERE STARTSWITH(deviceId, {start}) AND (\n{condition}\n)"),
    }
}

/// A text of the language.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("'{}'", escaped.collect::<String>())
}

/// Where a condition goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong there, and what would be right.
    pub sentence: String,
    /// The line of the condition, and below it a mark at the place.
    pub marked: String,
}

impl Problem {
    /// Reads what the language says of [`query`]; nothing if it is not about
    /// the condition.
    pub fn read(message: &str, condition: &str) -> Option<Self> {
        let (line, rest) = message.strip_prefix(COMPLAINT)?.split_once(", column ")?;
        let (column, what) = rest.split_once(": ")?;
        let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
        // The first line is ours.
        let index = line.checked_sub(2)?;
        let text = condition.lines().nth(index).unwrap_or_default();
        let first_word = condition.split_whitespace().next();
        if first_word.is_some_and(|word| word.eq_ignore_ascii_case("SELECT")) {
            return Some(Problem {
                sentence: "A filter is only what stands behind WHERE. The page Query runs whole \
                           queries."
                    .to_owned(),
                marked: condition.lines().next().unwrap_or_default().to_owned(),
            });
        }
        let many = condition.lines().count() > 1;
        let place = match many {
            true => format!("line {}, character {column}", line - 1),
            false => format!("character {column}"),
        };
        Some(Problem {
            sentence: format!("At {place}: {what}."),
            marked: format!("{text}\n{}^", " ".repeat(column.saturating_sub(1))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_not_in_the_query() {
        assert_eq!(query("", " "), format!("SELECT {COLUMNS} FROM devices"));
        assert!(query("pump", "").ends_with("WHERE STARTSWITH(deviceId, 'pump')"));
        assert!(query("", "status = 'enabled'").ends_with("WHERE\nstatus = 'enabled'"));
        assert!(query("a", "x OR y").ends_with("'a') AND (\nx OR y\n)"));
    }

    #[test]
    fn a_search_stays_a_text() {
        assert_eq!(quoted(r"a'\b"), r"'a\'\\b'");
        assert_eq!(quoted("a\nb"), r"'a\u000ab'");
    }

    #[test]
    fn a_problem_shows_its_place_in_the_condition() {
        let said = "the query is invalid at line 2, column 8: expected a value, found '='";

        let problem = Problem::read(said, "status == 'enabled'").unwrap();

        assert_eq!(
            problem.sentence,
            "At character 8: expected a value, found '='."
        );
        assert_eq!(problem.marked, "status == 'enabled'\n       ^");
    }

    #[test]
    fn a_problem_in_another_line_shows_that_line() {
        let said = "the query is invalid at line 3, column 5: expected a value, found the end";

        let problem = Problem::read(said, "a = 1\nOR b").unwrap();

        assert!(
            problem.sentence.starts_with("At line 2, character 5: "),
            "{}",
            problem.sentence
        );
        assert!(problem.marked.starts_with("OR b\n"), "{}", problem.marked);
    }

    #[test]
    fn a_whole_query_is_told_what_a_filter_is() {
        let said = "the query is invalid at line 2, column 1: 'select' is a keyword";

        let problem = Problem::read(said, "select * from devices").unwrap();

        assert!(problem.sentence.contains("behind WHERE"));
        assert_eq!(problem.marked, "select * from devices");
    }

    #[test]
    fn what_is_not_about_the_condition_is_no_problem_of_it() {
        for said in [
            "the query is invalid at line 1, column 1: a query has at most 8192 characters",
            "the continuation token does not belong to this query",
        ] {
            assert_eq!(Problem::read(said, "a = 1"), None, "{said}");
        }
    }
}
