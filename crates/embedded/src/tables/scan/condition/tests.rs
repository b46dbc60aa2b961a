use twinhub_core::query::Query;

use super::*;

fn pushed(source: Source, condition: &str) -> Pushed {
    let conditions = match Query::parse_condition(condition).unwrap() {
        Expr::And(parts) => parts,
        condition => vec![condition],
    };
    Pushed::of(source, &conditions)
}

#[test]
fn what_sql_answers_exactly_is_not_asked_of_core() {
    for condition in [
        "deviceId = 'a'",
        "tags.site.hall = 'b' AND NOT IS_DEFINED(tags.c)",
        "STARTSWITH(properties.reported.link, 'wi') OR status <> 'enabled'",
        "properties.desired.$version >= 3",
        "tags.a NIN ['x', null, true]",
        "capabilities.iotEdge",
    ] {
        let pushed = pushed(Source::Devices, condition);

        assert_eq!(pushed.rest, [0; 0], "{condition}");
        assert!(!pushed.sql.is_empty(), "{condition}");
    }
}

#[test]
fn what_sql_only_narrows_down_is_asked_of_core_too() {
    for condition in [
        "tags.rate > 1",
        "tags.rate IN ['a', 1]",
        "tags.rate = 1 OR tags.rate = 'a'",
        "(tags.a = 'x' AND connectionState = 'Connected') OR tags.b = 'y'",
    ] {
        let pushed = pushed(Source::Devices, condition);

        assert_eq!(pushed.rest, [0], "{condition}");
        assert!(!pushed.sql.is_empty(), "{condition}");
    }
}

#[test]
fn what_sql_does_not_see_is_left_to_core() {
    for condition in [
        "connectionState = 'Connected'",
        "NOT tags.rate > 1",
        "tags.a = tags.b",
        "tags.[[a'b]] = 'x'",
        "tags.[[a\"b]] = 'x'",
        "ENDSWITH(deviceId, 'x')",
        "moduleId = 'm'",
        "tags.a NIN [1]",
        "IS_DEFINED(tags)",
    ] {
        let pushed = pushed(Source::Devices, condition);

        assert_eq!(pushed.rest, [0], "{condition}");
        assert!(pushed.sql.is_empty(), "{condition}: {pushed:?}");
    }
}

#[test]
fn conditions_on_the_device_are_found_by_the_index() {
    assert!(pushed(Source::Modules, "deviceId = 'a' AND tags.b > 1").finds_few);
    assert!(pushed(Source::Devices, "deviceId IN ['a', 'b']").finds_few);
    assert!(!pushed(Source::Devices, "deviceId <> 'a'").finds_few);
    assert!(!pushed(Source::Devices, "deviceId = 'a' OR tags.b = 'c'").finds_few);
}

#[test]
fn a_prefix_ends_before_the_next_one() {
    assert_eq!(successor("ab"), Some("ac".to_owned()));
    assert_eq!(successor("a\u{d7ff}"), Some("a\u{e000}".to_owned()));
    assert_eq!(successor("a\u{10ffff}"), Some("b".to_owned()));
    assert_eq!(successor("\u{10ffff}"), None);
    assert_eq!(successor(""), None);
}
