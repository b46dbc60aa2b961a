//! Properties, operators and functions.

use super::*;

fn message() -> Sample {
    Sample::new(
        pairs(&[
            ("sys1", "sysvalue1"),
            ("sys2", "4"),
            ("sys4", "sysvalue4"),
            ("contentType", "text/plain"),
            ("message-id", "m-1"),
        ]),
        properties(&[
            ("key1", Some("value1")),
            ("key2", Some("3")),
            ("key3", Some("VALUE3")),
            ("null_value", None),
            ("$sys4", Some("value4")),
            ("a-b", Some("dashed")),
        ]),
        "",
    )
}

#[test]
fn published_examples_come_out_as_published() {
    assert_all(
        &message(),
        &[
            (r#"KEY1 = "value1""#, True),
            (r#"none = "value1""#, Undefined),
            ("as_number(key2) = 3", True),
            ("$sys2 = '4'", True),
            (r#"$sys4 = "value4""#, True),
            (r#"{$sys4} = "sysvalue4""#, True),
            (r#"none != "4""#, Undefined),
            ("true or none = 'true'", True),
            ("false or none = 'true'", Undefined),
            ("false and none = 'true'", False),
            ("not (none = 'true')", Undefined),
            (r#"(none ?? "hello") = "hello""#, True),
            ("3 / 4 = 0.75", True),
            ("is_defined(3 % 0)", False),
            ("3 + 4 < 7", False),
            ("-(3 + 4) = -7", True),
            ("'a' < none", Undefined),
            ("as_number(key1) = 3", Undefined),
            ("is_defined(null_value)", True),
            ("is_null(none)", False),
            ("is_null(null_value)", True),
            ("is_number(3 / 0)", False),
            ("'a' || null_value || 'd' = 'ad'", True),
            ("is_defined('a' || none)", False),
            ("length(key3) = 6", True),
            ("substring('abc', 3) = 'c'", False),
            ("substring('abc', 4) = 'c'", Undefined),
            ("index_of('abc', 'xz') = -1", True),
            ("STARTS_WITH(key1, 'val')", True),
            ("starts_with(none, '1')", Undefined),
            ("exp(4000) = 3/0", True),
            ("ceiling(-2.1) = -2", True),
            (r#""a string""#, Undefined),
            ("null", False),
            ("not null", True),
            ("sqrt(-4) = -2", Undefined),
        ],
    );
}

#[test]
fn no_text_is_undefined_and_true_is_always_true() {
    assert_eq!(ask(&message(), ""), Undefined);
    assert_eq!(ask(&message(), " /* nothing */ "), Undefined);
    assert!(Condition::compile("(true)").unwrap().is_always_true());
    assert!(
        !Condition::compile("true or key1 = ''")
            .unwrap()
            .is_always_true()
    );
}

#[test]
fn and_or_and_not_know_three_values() {
    let undefined = "none = ''";
    for (left, right, and, or) in [
        ("true", "true", True, True),
        ("true", "false", False, True),
        ("true", undefined, Undefined, True),
        ("false", "false", False, False),
        ("false", undefined, False, Undefined),
        (undefined, undefined, Undefined, Undefined),
        ("null", "true", False, True),
        ("null", undefined, False, Undefined),
    ] {
        for (left, right) in [(left, right), (right, left)] {
            assert_eq!(ask(&message(), &format!("{left} and {right}")), and);
            assert_eq!(ask(&message(), &format!("{left} OR {right}")), or);
        }
    }
}

#[test]
fn operators_bind_as_documented() {
    assert_all(
        &message(),
        &[
            ("1 + 2 * 3 = 7", True),
            ("2 * 3 % 4 = 2", True),
            ("8 - 4 - 2 = 2", True),
            ("true or false and false", True),
            ("1 < 2 = true", True),
            ("not false and false", False),
            ("none ?? key2 ?? 'x'", Undefined),
            ("(none ?? null_value ?? key2) = '3'", True),
            ("- - 3 = 3", True),
        ],
    );
}

#[test]
fn names_are_as_long_as_they_can_be() {
    assert_all(
        &message(),
        &[
            ("a-b = 'dashed'", True),
            ("key1='value1'", True),
            ("key1!='value1'", Undefined),
            ("key1 !='value1'", False),
            ("key1 /* here, too */ = /**/ 'value1'", True),
            ("0x1F = 31", True),
            ("-0x10 = -16", True),
            ("1.5e2 = 150", True),
            ("True = 'x'", Undefined),
        ],
    );
}

#[test]
fn texts_have_escapes_and_are_compared_as_they_are() {
    assert_all(
        &message(),
        &[
            (r#"'it\'s' = "it's""#, True),
            (r"'\u00e9' = 'é'", True),
            (r"'\ud83d\ude00' = '😀'", True),
            ("'a' = 'A'", False),
            ("'a' < 'b'", True),
            ("key1 >= 'value1'", True),
        ],
    );
}

#[test]
fn system_properties_are_found_by_either_name() {
    assert_all(
        &message(),
        &[
            ("$contentType = 'text/plain'", True),
            ("$CONTENT-TYPE = 'text/plain'", True),
            ("$messageId = 'm-1'", True),
            ("$userId = 'x'", Undefined),
            ("$none = 'x'", Undefined),
            ("contentType = 'text/plain'", Undefined),
        ],
    );
}

#[test]
fn functions_of_numbers() {
    assert_all(
        &message(),
        &[
            ("abs(-2) = 2", True),
            ("square(3) = 9", True),
            ("floor(-2.1) = -3", True),
            ("sign(-2) = -1 and sign(0) = 0 and sign(7) = 1", True),
            ("power(2, 10) = 1024", True),
            ("abs(undefined) = 1", Undefined),
            ("is_number(as_number('1e3'))", True),
            ("is_defined(as_number('inf'))", False),
            ("as_number(' -4.5 ') = -4.5", True),
        ],
    );
}

#[test]
fn functions_of_texts() {
    assert_all(
        &message(),
        &[
            ("concat('a', key2, 'c') = 'a3c'", True),
            ("lower(key3) = 'value3' and upper(key1) = 'VALUE1'", True),
            ("substring('abcd', 1, 2) = 'bc'", True),
            ("substring('abcd', 3, 2) = 'd'", Undefined),
            ("substring('abcd', -1) = 'd'", Undefined),
            ("substring('abcd', 0.5) = 'd'", Undefined),
            ("substring('abcd', 1, undefined) = ''", Undefined),
            ("index_of(key1, 'lue') = 2", True),
            ("ends_with(key1, '1') and contains(key1, 'alu')", True),
            ("contains(key1, null_value)", Undefined),
            ("length(null_value) = 0", Undefined),
            ("length('😀') = 2", True),
            ("substring('😀x', 2) = 'x'", True),
            ("substring('😀x', 1) = 'x'", Undefined),
        ],
    );
}

#[test]
fn functions_that_tell_what_a_value_is() {
    assert_all(
        &message(),
        &[
            ("is_string(key1) and is_bool(true) and is_number(3)", True),
            ("is_string(none) or is_bool(none) or is_number(none)", False),
            ("is_primitive(key1) and is_primitive(null)", True),
            ("is_array(key1) or is_object(key1)", False),
            ("is_defined(undefined)", False),
            ("is_null(null)", True),
        ],
    );
}
