//! The query language over twins.

use twinhub_core::query::{InvalidQuery, MAX_QUERY, Query, QueryError, Select};

/// What is refused is refused at a place that the text has; what is taken
/// means the same with other blanks between its words.
pub fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Err(refused) = Query::parse_condition(text) {
        is_in(&refused, text);
    }
    match Query::parse(text) {
        Ok(query) => {
            assert!(text.chars().count() <= MAX_QUERY);
            assert!(query.top.is_none_or(|top| top > 0));
            if let Select::Columns(items) | Select::Groups { items, .. } = &query.select {
                assert!(!items.is_empty());
            }
            let spaced = format!("\r\n\t{text}\n");
            if spaced.chars().count() <= MAX_QUERY {
                let again = Query::parse(&spaced).expect("blanks around a query mean nothing");
                assert_eq!(again, query);
            }
        }
        Err(QueryError::Invalid(refused)) => is_in(&refused, text),
        Err(QueryError::NotBuilt(_)) => {}
        Err(other) => panic!("no text is to blame for {other}"),
    }
}

fn is_in(refused: &InvalidQuery, text: &str) {
    let line = text.split('\n').nth(refused.line - 1);
    let line = line.expect("the line is one of the text's");
    assert!((1..=line.chars().count() + 1).contains(&refused.column));
    assert!(!refused.problem.is_empty());
}
