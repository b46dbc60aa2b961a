//! Parts of the sender's twin.

use super::*;

#[test]
fn parts_of_the_twin_are_named_by_section() {
    let object = |value: serde_json::Value| value.as_object().unwrap().clone();
    let message = Sample::new([], [], "")
        .with_twin(TwinSection::Tags, object(json!({"site": {"hall": 3}})))
        .with_twin(TwinSection::Desired, object(json!({"rate": 40})))
        .with_twin(TwinSection::Reported, object(json!({"rate": 39})));

    assert_all(
        &message,
        &[
            ("$twin.tags.site.hall = 3", True),
            (
                "$twin.properties.desired.rate > $twin.properties.reported.rate",
                True,
            ),
            ("is_defined($twin.tags.site.floor)", False),
            ("$twin.tags.site.floor = null", Undefined),
            ("not is_defined($twin.tags.site.floor)", True),
            ("{$twin.tags.site.hall} = 3", True),
        ],
    );
}

#[test]
fn without_a_twin_its_parts_are_undefined() {
    let message = Sample::new([], [], "");

    assert_eq!(ask(&message, "$twin.tags.site = 'x'"), Undefined);
    assert_eq!(ask(&message, "not is_defined($twin.tags.site)"), True);
}

#[test]
fn a_condition_knows_what_it_reads() {
    let reads = |text: &str| {
        let condition = Condition::compile(text).unwrap();
        (condition.reads_body(), condition.reads_twin())
    };

    assert_eq!(reads("a = 'b'"), (false, false));
    assert_eq!(reads("a = 'b' or ($body.a > 1)"), (true, false));
    assert_eq!(reads("is_defined({$twin.tags.a})"), (false, true));
}
