//! What a page of a twin weighs, whatever is in the twin.

use serde_json::{Map, Value, json};

use super::*;
use crate::device::document::IdentityView;
use crate::page::Section;
use crate::visit::Rights;

/// A page with its files.
const BUDGET: usize = 200_000;
/// Style sheet, scripts and icon.
const FILES: usize = 30_000;

fn page_of(document: &Value) -> TwinPage {
    let target = Target::device("pump-7");
    TwinPage {
        page: Page {
            title: "pump-7".to_owned(),
            section: Section::Devices,
            hub: "hub.example".to_owned(),
            who: "operator".to_owned(),
            rights: Rights {
                registry_read: true,
                registry_write: true,
                service: true,
                operator: true,
            },
            csrf: "0".repeat(43),
            notice: None,
        },
        frame: Frame {
            target,
            identity: IdentityView::of_twin(document),
            tabs: Vec::new(),
        },
        twin: TwinView::of(document),
        form: None,
        problems: Problems::default(),
        conflict: None,
        origin: None,
        merged: false,
    }
}

/// Texts of as many bytes as a section may have.
fn section(text: &str, bytes: usize) -> Map<String, Value> {
    let value = text.repeat(4_000 / text.len());
    let names = (0..bytes / (value.len() + 1)).map(|at| char::from(b'a' + at as u8));
    names
        .map(|name| (name.to_string(), Value::from(value.as_str())))
        .collect()
}

/// The largest twin that there can be of one text.
fn largest(text: &str) -> Value {
    let metadata = json!({ "$lastUpdated": "2026-11-21T08:00:00Z" });
    let part = |bytes| {
        let mut part = section(text, bytes);
        let names: Vec<String> = part.keys().cloned().collect();
        let mut all = json!({ "$lastUpdated": "2026-11-21T08:00:00Z" });
        for name in names {
            all[name] = metadata.clone();
        }
        part.insert("$metadata".to_owned(), all);
        part.insert("$version".to_owned(), Value::from(7));
        part
    };
    json!({
        "deviceId": "pump-7", "etag": "AAAA", "version": 7,
        "tags": section(text, 8 * 1024),
        "properties": { "desired": part(32 * 1024), "reported": part(32 * 1024) },
    })
}

/// What does not repeat, so that nothing packs it.
fn noise(length: usize) -> String {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + ((state >> 16) % 95) as u8)
    };
    (0..length).map(|_| next()).collect()
}

fn weight(page: &TwinPage) -> usize {
    FILES + page.render().unwrap().len()
}

/// The page after somebody else has changed all of it, too.
fn conflict(document: &Value, part: Part) -> TwinPage {
    let mut page = page_of(document);
    let turned = |object: &Map<String, Value>| -> Map<String, Value> {
        let turn = |value: &Value| value.as_str().unwrap().chars().rev().collect::<String>();
        let turned = object
            .iter()
            .map(|(name, value)| (name.clone(), turn(value)));
        turned.map(|(name, value)| (name, value.into())).collect()
    };
    let mut before = Writable::of(&page.twin);
    before.tags = turned(&before.tags);
    before.desired = turned(&before.desired);
    let form = TwinForm::of(before, part);
    let mut yours = form.base.clone();
    yours.tags.clear();
    yours.desired.clear();
    page.form = Some(form);
    page.take(Outcome::Conflict { yours });
    page
}

#[test]
fn the_largest_twin_is_a_light_page_to_look_at() {
    for text in ["x", "<", "\"", "&", "\u{1}", "<&\"'>", &noise(4_000)] {
        let document = largest(text);
        let mut page = page_of(&document);
        page.open(None);

        assert!(weight(&page) < BUDGET, "{text:.9}: {}", weight(&page));
    }
}

#[test]
fn either_part_of_it_is_edited_in_a_light_page_and_whole() {
    for text in ["x", "<", "\"", "<\"'>", &noise(4_000)] {
        let document = largest(text);
        for part in [Part::Tags, Part::Desired] {
            let mut page = page_of(&document);
            page.open(Some(part));

            assert!(weight(&page) < BUDGET, "{text:.9}: {}", weight(&page));
            let form = page.form.unwrap();
            assert!(form.base.patch_to(&form.wanted().unwrap()).is_empty());
        }
    }
}

#[test]
fn a_conflict_about_either_part_is_a_light_page() {
    for text in ["x", "<", "\"", "<\"'>", &noise(4_000)] {
        let document = largest(text);
        for part in [Part::Tags, Part::Desired] {
            let page = conflict(&document, part);

            assert!(weight(&page) < BUDGET, "{text:.9}: {}", weight(&page));
            assert!(!page.conflict.unwrap().rows.is_empty());
        }
    }
}

#[test]
fn a_conflict_about_what_is_edited_at_once_is_a_light_page() {
    // As large as it can be without being opened part by part.
    let document = json!({ "properties": { "desired": section(&noise(4_000), 32 * 1024) } });
    let mut open = page_of(&document);
    open.open(None);
    assert!(open.form.is_some());

    let page = conflict(&document, Part::Both);

    assert!(weight(&page) < BUDGET, "{}", weight(&page));
}

#[test]
fn a_large_twin_is_looked_at_until_a_part_is_opened() {
    let document = largest("<");
    let mut page = page_of(&document);

    page.open(None);

    assert!(page.form.is_none());
    let html = page.render().unwrap();
    assert!(html.contains("/portal/device/twin?id=pump-7&#38;edit=desired"));
    assert!(html.contains("/portal/device/twin/file?id=pump-7"));
}
