//! Parts read in one pass are what the whole document has there.

use proptest::prelude::*;

use super::super::parts::{PartTree, Parts};
use super::super::reference::{BodyPath, Otherwise, Reference};
use super::super::value::Value;
use crate::routing::body::{self, Encoding};

/// A JSON text, or nearly one.
fn body() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-7",
        "1.5e3",
        "18446744073709551615",
        "1e400",
        "-9223372036854775809",
        "01",
        r#""""#,
        r#""x""#,
        r#""\u0041\n""#,
        r#""\ud800""#,
        r#""2024-05-01T10:00:00Z""#,
        "nul",
        "",
    ]);
    // Mostly sound ones: an unsound part spoils the whole.
    let leaf =
        prop_oneof![8 => prop::sample::select(vec!["1", "true", r#""é""#, "null"]), 1 => leaf];
    let key = prop::sample::select(vec!["a", "b", r"\u0061", "c"]);
    leaf.prop_map(str::to_owned)
        .prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|elements| format!("[{}]", elements.join(" ,"))),
                prop::collection::vec((key.clone(), inner), 0..5).prop_map(|members| {
                    let members: Vec<_> = members
                        .iter()
                        .map(|(key, value)| format!("\"{key}\":{value}"))
                        .collect();
                    format!("{{{}}}", members.join(", "))
                }),
            ]
        })
}

fn path() -> impl Strategy<Value = BodyPath> {
    let step = ("[abcd]", prop::option::weighted(0.3, 0_usize..3));
    prop::collection::vec(step, 1..4).prop_map(|steps| {
        let steps: Vec<_> = steps
            .iter()
            .map(|(key, index)| match index {
                Some(index) => format!("{key}[{index}]"),
                None => key.clone(),
            })
            .collect();
        part(&format!("body.{}", steps.join(".")))
    })
}

fn part(name: &str) -> BodyPath {
    match Reference::system(name, false).unwrap().otherwise {
        Otherwise::Body(Some(part)) => part,
        other => panic!("{name} is {other:?}"),
    }
}

/// What the whole document has at each place; nothing if it is none.
fn looked_up<'a>(document: &'a serde_json::Value, paths: &[BodyPath]) -> Vec<Value<'a>> {
    let look_up = |part: &BodyPath| match document {
        serde_json::Value::Object(root) => Value::in_body(part.path.follow(root)),
        _ => Value::Undefined,
    };
    paths.iter().map(look_up).collect()
}

fn read<'a>(
    encoding: Encoding,
    body: &'a [u8],
    paths: &[BodyPath],
) -> Option<(Vec<usize>, Parts<'a>)> {
    let mut tree = PartTree::default();
    let slots = paths.iter().map(|part| tree.slot_of(&part.path)).collect();
    tree.read(encoding, body).ok().map(|parts| (slots, parts))
}

fn assert_same(encoding: Encoding, body: &[u8], paths: &[BodyPath]) {
    let read = read(encoding, body, paths);

    match (body::parse(encoding, body), read) {
        (Ok(document), Some((slots, parts))) => {
            let found: Vec<_> = slots.iter().map(|slot| parts.get(*slot)).collect();
            assert_eq!(found, looked_up(&document, paths));
        }
        (Err(_), None) => {}
        (document, read) => panic!("{document:?}, but {read:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn parts_are_what_the_document_has_there(
        body in body(),
        paths in prop::collection::vec(path(), 0..8),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut body = body.into_bytes();
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len() + 1));
        }

        assert_same(Encoding::Utf8, &body, &paths);
    }

    #[test]
    fn parts_of_wide_characters_are_the_same(
        body in body(),
        paths in prop::collection::vec(path(), 0..8),
    ) {
        let wide: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();

        assert_same(Encoding::Utf16, &wide, &paths);
    }
}

#[test]
fn of_a_key_that_is_there_twice_the_last_counts_with_all_below() {
    let body = br#"{"a": {"b": 1, "c": [1, 2]}, "a": {"c": [7]}}"#;
    let paths = ["body.a.b", "body.a.c[0]", "body.a.c[1]", "body.a"].map(part);

    let (slots, parts) = read(Encoding::Utf8, body, &paths).unwrap();

    let found: Vec<_> = slots.iter().map(|slot| parts.get(*slot)).collect();
    assert_eq!(
        found,
        [
            Value::Absent,
            Value::Number(7.0),
            Value::Absent,
            Value::Object
        ],
    );
}

#[test]
fn what_nobody_names_is_read_as_strictly() {
    let deep = format!("{{\"x\": {}1{}}}", "[".repeat(200), "]".repeat(200));
    let bodies = [
        deep.as_bytes(),
        br#"{"x": "\ud800"}"#,
        br#"{"x": 1e400}"#,
        b"{\"x\": \"\xff\"}",
    ];

    for body in bodies {
        assert!(read(Encoding::Utf8, body, &[part("body.a")]).is_none());
        assert_same(Encoding::Utf8, body, &[part("body.x.y")]);
    }
}
