//! What is no condition, and where it goes wrong.

use super::*;

fn refusal(text: &str) -> InvalidCondition {
    match Condition::compile(text) {
        Err(refusal) => refusal,
        Ok(condition) => panic!("{text} was taken for {condition:?}"),
    }
}

#[test]
fn types_that_clash_are_refused_where_they_clash() {
    for (text, start, end) in [
        ("key2 = 3", 1, 9),
        ("key1 ?? \"hello\" = \"value1\"", 1, 27),
        ("none and true", 1, 5),
        ("concat('a') = 'a'", 1, 12),
        ("3 = none", 1, 9),
        ("3 + 'a' = 4", 5, 8),
        ("abs(key1) = 1", 5, 9),
        ("length(12) = 2", 8, 10),
        ("'a' || null = 'a'", 8, 12),
        ("not key1", 5, 9),
        ("- (key1) = 1", 3, 9),
        ("true < false", 1, 5),
        ("key1 > null", 8, 12),
        ("substring('a') = 'a'", 1, 15),
        ("lower('a', 'b') = 'a'", 1, 16),
    ] {
        let span = refusal(text).span;
        assert_eq!((span.start.column, span.end.column), (start, end), "{text}");
        assert_eq!((span.start.line, span.end.line), (1, 1), "{text}");
    }
}

#[test]
fn what_does_not_parse_is_refused_where_it_stops_making_sense() {
    for (text, line, column) in [
        ("key1 == 'a'", 1, 6),
        ("(key1 = 'a'", 1, 12),
        ("key1 = 'a')", 1, 11),
        ("key1 =\n  'a' 'b'", 2, 7),
        ("key1 = 'a", 1, 8),
        ("key1 = 'a\\n'", 1, 10),
        ("key1 = '\\u12'", 1, 9),
        ("key1 ; 'a'", 1, 6),
        ("key1 ? 'a'", 1, 6),
        ("/* key1", 1, 1),
        ("$ = 'a'", 1, 1),
        ("{key1} = 'a'", 1, 2),
        ("{$key1 = 'a'", 1, 8),
        ("key1 IN ['a']", 1, 9),
        ("nothing(key1)", 1, 1),
        ("key1 ||'a' = 'b'", 1, 6),
        ("'a'|| key1 = 'b'", 1, 1),
        ("length(key1", 1, 12),
        ("length(key1,) = 1", 1, 13),
        ("and", 1, 1),
    ] {
        let start = refusal(text).span.start;
        assert_eq!((start.line, start.column), (line, column), "{text}");
    }
}

#[test]
fn paths_are_names_and_elements() {
    for text in [
        "$body.properties[]",
        "$body.a[1][2]",
        "$body.a[*]",
        "$body.a[-1]",
        "$body.a['x']",
        "$body['x']",
        "$body.",
        "$body.a..b",
        "$body.[1]",
        "$twin",
        "$twin.deviceId",
        "$twin.properties.other.a",
        "$twin.tags",
        "$twin.tags.",
        "$contentType[0]",
    ] {
        refusal(&format!("is_defined({text})"));
    }
}

#[test]
fn a_function_of_the_other_language_is_named_with_what_is_meant() {
    let problem = refusal("STARTSWITH(key1, 'a')").problem;

    assert!(problem.ends_with("it is STARTS_WITH"), "{problem}");
}

#[test]
fn the_error_names_the_place() {
    assert_eq!(
        refusal("true and\n key1").to_string(),
        "line 2, column 2: this is a text, not a boolean"
    );
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_and_long_chains_are_not() {
    let chain = vec!["a = ''"; 800].join(" or ");
    assert!(Condition::compile(&chain).is_ok());

    refusal(&format!("{chain}{}", " ".repeat(MAX_CONDITION)));
    refusal(&format!("{}true{}", "(".repeat(33), ")".repeat(33)));
    refusal(&format!("{}true", "not ".repeat(33)));
    refusal(&format!("1 = {}", vec!["1"; 200].join(" + ")));
}
