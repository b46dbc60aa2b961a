use super::*;
use crate::query::{Arithmetic, Comparison, Constant, Root};

fn condition(text: &str) -> Expr {
    Query::parse_condition(text).unwrap()
}

fn refused(text: &str) -> InvalidQuery {
    match Query::parse(text) {
        Err(QueryError::Invalid(refused)) => refused,
        other => panic!("{text} gave {other:?}"),
    }
}

fn path(segments: &str) -> Box<Expr> {
    let segments = segments.split('.').map(str::to_owned).collect();
    Box::new(Expr::Path(Path::of(segments)))
}

fn number(number: f64) -> Box<Expr> {
    Box::new(Expr::Constant(Constant::Number(number)))
}

fn compared(left: &str, right: f64) -> Expr {
    Expr::Compare(path(left), Comparison::Equal, number(right))
}

#[test]
fn not_binds_tighter_than_and_which_binds_tighter_than_or() {
    let parsed = condition("tags.a = 1 OR NOT tags.b = 2 AND tags.c = 3");

    let not_b = Expr::Not(Box::new(compared("tags.b", 2.0)));
    let both = Expr::And(vec![not_b, compared("tags.c", 3.0)]);
    assert_eq!(parsed, Expr::Or(vec![compared("tags.a", 1.0), both]));
}

#[test]
fn products_bind_tighter_than_sums_which_bind_tighter_than_comparisons() {
    let parsed = condition("tags.a + 2 * -tags.b >= 3");

    let negative = Expr::Negative(path("tags.b"));
    let product = Expr::Chain(number(2.0), vec![(Arithmetic::Multiply, negative)]);
    let sum = Expr::Chain(path("tags.a"), vec![(Arithmetic::Add, product)]);
    let expected = Expr::Compare(Box::new(sum), Comparison::GreaterOrEqual, number(3.0));
    assert_eq!(parsed, expected);
}

#[test]
fn roots_match_in_any_case_and_keys_keep_theirs() {
    let Expr::Path(path) = condition("devices.PROPERTIES.Reported.Link") else {
        panic!("it is a path");
    };

    assert_eq!(path.root, Root::Reported);
    assert_eq!(path.keys, ["Link"]);
    assert_eq!(path.name, "Link");
}

#[test]
fn columns_are_named_after_the_last_segment_or_their_alias() {
    let query = Query::parse(
        "SELECT Status, tags.site.hall, properties.desired, [[modelId]] AS [[my model]], \
         devices.modules.moduleId FROM devices.modules",
    );

    let Select::Columns(items) = query.unwrap().select else {
        panic!("it selects columns");
    };
    let names: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["status", "hall", "desired", "my model", "moduleId"]);
}

#[test]
fn errors_name_their_place_and_what_was_expected() {
    for (text, line, column, part) in [
        ("", 1, 1, "expected SELECT, found the end"),
        (
            "SELECT\n  *\nFORM devices",
            3,
            1,
            "expected FROM, found 'FORM'",
        ),
        ("SELECT * FROM twins", 1, 15, "FROM devices"),
        (
            "SELECT * FROM devices WHERE",
            1,
            28,
            "expected a value or a path",
        ),
        (
            "SELECT * FROM devices WHERE tags.group = 'x'",
            1,
            34,
            "[[group]]",
        ),
        (
            "SELECT * FROM devices WHERE a IN ('x')",
            1,
            34,
            "square brackets",
        ),
        (
            "SELECT * FROM devices WHERE a IN [b]",
            1,
            35,
            "a list holds",
        ),
        (
            "SELECT * FROM devices WHERE a = 1 = 2",
            1,
            35,
            "don't chain",
        ),
        ("SELECT * FROM devices WHERE (a = 1", 1, 35, "expected ')'"),
        (
            "SELECT * FROM devices WHERE a = 1)",
            1,
            34,
            "the end of the query",
        ),
        (
            "SELECT * FROM devices WHERE STARTS_WITH(a, 'b')",
            1,
            29,
            "no function",
        ),
        (
            "SELECT * FROM devices WHERE IS_DEFINED('a')",
            1,
            40,
            "expected a path",
        ),
        (
            "SELECT * FROM devices ORDER BY deviceId",
            1,
            23,
            "found 'ORDER'",
        ),
        ("SELECT TOP 0 * FROM devices", 1, 12, "from 1"),
        ("SELECT TOP 1.5 * FROM devices", 1, 12, "from 1"),
        ("SELECT *, deviceId FROM devices", 1, 9, "expected FROM"),
        ("SELECT COUNT() FROM devices", 1, 8, "COUNT() AS total"),
        ("SELECT COUNT(*) AS n FROM devices", 1, 14, "expected ')'"),
        ("SELECT MEDIAN(a) AS n FROM devices", 1, 8, "only COUNT"),
        (
            "SELECT tags.a, properties.reported.a FROM devices",
            1,
            16,
            "two columns a",
        ),
        (
            "SELECT * FROM devices GROUP BY status",
            1,
            23,
            "in place of *",
        ),
        (
            "SELECT deviceId, COUNT() AS n FROM devices",
            1,
            8,
            "in GROUP BY",
        ),
        (
            "SELECT etag, status FROM devices GROUP BY status",
            1,
            8,
            "in GROUP BY",
        ),
        ("SELECT deviceId FROM devices.jobs", 1, 8, "only whole rows"),
        (
            "SELECT * FROM devices.jobs GROUP BY status",
            1,
            28,
            "grouped",
        ),
    ] {
        let refused = refused(text);

        assert_eq!(
            (refused.line, refused.column),
            (line, column),
            "{text}: {refused}"
        );
        assert!(refused.problem.contains(part), "{text}: {refused}");
    }
}

#[test]
fn jobs_are_refused_by_name() {
    let refused = Query::parse("SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = 'd1'");

    assert!(matches!(refused, Err(QueryError::NotBuilt("jobs"))));
}

#[test]
fn a_query_has_a_longest_length_in_characters() {
    let of_length = |length: usize| {
        let start = "SELECT * FROM devices WHERE tags.a = '";
        let filling = "ü".repeat(length - start.len() - 1);
        format!("{start}{filling}'")
    };

    assert!(Query::parse(&of_length(MAX_QUERY)).is_ok());
    assert!(refused(&of_length(MAX_QUERY + 1)).problem.contains("8192"));
}

#[test]
fn what_recurses_is_bounded_and_what_is_long_is_not() {
    let deep = |opening: &str, closing: &str, levels: usize| {
        let text = format!("{}tags.a{}", opening.repeat(levels), closing.repeat(levels));
        Query::parse_condition(&text)
    };

    for (opening, closing) in [("(", ")"), ("NOT ", ""), ("- ", "")] {
        assert!(deep(opening, closing, MAX_NESTING).is_ok());
        let refused = deep(opening, closing, MAX_NESTING + 1).unwrap_err();
        assert!(refused.problem.contains("nest"), "{refused}");
    }
    assert!(condition(&vec!["1"; 4000].join("+")) != condition("1"));
    assert!(condition(&vec!["a"; 1000].join(" AND ")) != condition("a"));
}
