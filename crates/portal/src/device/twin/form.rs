//! The form in which a twin is edited.
//!
//! It carries what it was made from: so what somebody changed is known without
//! asking again, and only that is written. It holds tags and desired properties,
//! or one of them: what it does not hold stays as it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::change::{apply, patch};
use super::view::TwinView;
use crate::fields::Fields;
use crate::json_text::{parse_object, pretty};
use crate::pretty::html_size;
use crate::problems::Problems;

/// How much a sealed text may hold: more than what a form may bring.
const MAX_UNSEALED: usize = 2 * 1024 * 1024;
/// The strength of zlib's that is quick, and still finds what repeats.
const STRENGTH: u8 = 6;
/// A field that would take more bytes of HTML than this is not laid out.
const MAX_LAID_OUT: usize = 130_000;

/// What is edited at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All that a back end writes.
    Both,
    /// Tags.
    Tags,
    /// Desired properties.
    Desired,
}

impl Part {
    /// Which one an address names.
    pub fn asked(fields: &Fields) -> Option<Self> {
        match fields.get("edit") {
            "tags" => Some(Part::Tags),
            "desired" => Some(Part::Desired),
            _ => None,
        }
    }
}

/// The part of a twin that the back end writes, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Writable {
    /// The twin's ETag at that moment.
    pub etag: String,
    /// Tags.
    pub tags: Map<String, Value>,
    /// Desired properties.
    pub desired: Map<String, Value>,
}

impl Writable {
    /// Of a twin.
    pub fn of(twin: &TwinView) -> Self {
        Writable {
            etag: twin.etag.clone(),
            tags: twin.tags.clone(),
            desired: twin.desired.properties.clone(),
        }
    }

    /// A part of it; the rest is empty.
    fn only(self, part: Part) -> Self {
        match part {
            Part::Both => self,
            Part::Tags => Writable {
                desired: Map::new(),
                ..self
            },
            Part::Desired => Writable {
                tags: Map::new(),
                ..self
            },
        }
    }

    /// What makes `wanted` out of this.
    pub fn patch_to(&self, wanted: &Writable) -> Patch {
        Patch {
            tags: patch(&self.tags, &wanted.tags),
            desired: patch(&self.desired, &wanted.desired),
        }
    }

    /// This with a change.
    pub fn with(&self, patch: &Patch) -> Self {
        Writable {
            etag: self.etag.clone(),
            tags: apply(&self.tags, &patch.tags),
            desired: apply(&self.desired, &patch.desired),
        }
    }

    /// In letters that a field of a form keeps as they are.
    pub fn sealed(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(compress_to_vec(&json, STRENGTH))
    }

    /// Reads it back.
    pub fn unsealed(text: &str) -> Option<Self> {
        let packed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let json = decompress_to_vec_with_limit(&packed, MAX_UNSEALED).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

/// A change, as the API takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Of tags.
    pub tags: Map<String, Value>,
    /// Of desired properties.
    pub desired: Map<String, Value>,
}

impl Patch {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.desired.is_empty()
    }

    /// The body of the call; what is not changed is not named.
    pub fn document(&self) -> Value {
        let mut document = json!({});
        if !self.tags.is_empty() {
            document["tags"] = Value::Object(self.tags.clone());
        }
        if !self.desired.is_empty() {
            document["properties"] = json!({ "desired": self.desired });
        }
        document
    }
}

/// The form, as it was typed. What it does not hold is nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinForm {
    /// Tags as JSON.
    pub tags: Option<String>,
    /// Desired properties as JSON.
    pub desired: Option<String>,
    /// What it is written over.
    pub base: Writable,
}

impl TwinForm {
    /// To edit a part of what there is.
    pub fn of(base: Writable, part: Part) -> Self {
        let base = base.only(part);
        TwinForm {
            tags: (part != Part::Desired).then(|| editable(&base.tags)),
            desired: (part != Part::Tags).then(|| editable(&base.desired)),
            base,
        }
    }

    /// As it was sent; nothing if it is no form of ours.
    pub fn read(fields: &Fields) -> Option<Self> {
        let text = |name| fields.all(name).next().map(|_| fields.text(name));
        Some(TwinForm {
            tags: text("tags"),
            desired: text("desired"),
            base: Writable::unsealed(fields.get("base"))?,
        })
    }

    /// What it holds.
    pub fn part(&self) -> Part {
        match (&self.tags, &self.desired) {
            (Some(_), None) => Part::Tags,
            (None, Some(_)) => Part::Desired,
            _ => Part::Both,
        }
    }

    /// The same part of something else.
    pub fn part_of(&self, other: Writable) -> Writable {
        other.only(self.part())
    }

    /// How many bytes of HTML it takes.
    pub fn html_size(&self) -> usize {
        let texts = [&self.tags, &self.desired].into_iter().flatten();
        texts.map(|text| html_size(text)).sum::<usize>() + self.base.sealed().len()
    }

    /// What the twin shall be, or what does not fit.
    pub fn wanted(&self) -> Result<Writable, Problems> {
        let mut problems = Problems::default();
        let mut read = |field, text: &Option<String>, base: &Map<String, Value>| match text {
            Some(text) => problems.take(field, parse_object(text)),
            None => base.clone(),
        };
        let wanted = Writable {
            etag: self.base.etag.clone(),
            tags: read("tags", &self.tags, &self.base.tags),
            desired: read("desired", &self.desired, &self.base.desired),
        };
        problems.none()?;
        Ok(wanted)
    }
}

/// An object as it is edited: a member a line, if that does not make it huge.
fn editable(object: &Map<String, Value>) -> String {
    let laid_out = pretty(object);
    match html_size(&laid_out) <= MAX_LAID_OUT {
        true => laid_out,
        false => Value::Object(object.clone()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writable(tags: Value, desired: Value) -> Writable {
        let object = |value: Value| value.as_object().cloned().unwrap();
        Writable {
            etag: "AAA".to_owned(),
            tags: object(tags),
            desired: object(desired),
        }
    }

    #[test]
    fn only_what_was_changed_is_written() {
        let base = writable(json!({ "hall": 2 }), json!({ "interval": 5, "old": 1 }));
        let form = TwinForm {
            desired: Some("{\r\n \"interval\": 6 }".to_owned()),
            ..TwinForm::of(base.clone(), Part::Both)
        };

        let patch = base.patch_to(&form.wanted().unwrap());

        let expected = json!({ "properties": { "desired": { "interval": 6, "old": null } } });
        assert_eq!(patch.document(), expected);
    }

    #[test]
    fn what_a_form_was_made_from_comes_back_with_it() {
        let base = writable(json!({ "<b>": "\"'&\r\n" }), json!({}));
        let sent = format!("tags=%7B%7D&desired=&base={}", base.sealed());

        let form = TwinForm::read(&Fields::parse(sent.as_bytes())).unwrap();

        assert_eq!(form.base, base);
        assert!(TwinForm::read(&Fields::parse(b"tags=&base=x")).is_none());
    }

    #[test]
    fn what_is_no_json_is_told_for_each_field() {
        let form = TwinForm {
            tags: Some("{".to_owned()),
            desired: Some("[]".to_owned()),
            base: Writable::default(),
        };

        let problems = form.wanted().unwrap_err();

        assert!(problems.at("tags").is_some() && problems.at("desired").is_some());
    }

    #[test]
    fn what_a_form_does_not_hold_stays() {
        let base = writable(json!({ "hall": 2 }), json!({ "interval": 5 }));
        let made = TwinForm::of(base, Part::Desired);
        let sent = format!("desired=%7B%7D&base={}", made.base.sealed());

        let form = TwinForm::read(&Fields::parse(sent.as_bytes())).unwrap();
        let patch = form.base.patch_to(&form.wanted().unwrap());

        assert_eq!(form.part(), Part::Desired);
        let expected = json!({ "properties": { "desired": { "interval": null } } });
        assert_eq!(patch.document(), expected);
    }

    #[test]
    fn what_would_be_huge_once_laid_out_is_edited_as_it_is_stored() {
        let deep = json!({ "a": { "b": { "c": { "d": { "e": vec![true; 8_000] } } } } });
        let form = TwinForm::of(writable(json!({}), deep.clone()), Part::Desired);

        let text = form.desired.unwrap();

        assert!(text.len() < 45_000, "{}", text.len());
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), deep);
    }

    #[test]
    fn what_is_packed_to_burst_is_no_form_of_ours() {
        let bomb = compress_to_vec(&vec![b' '; 8 * 1024 * 1024], STRENGTH);

        assert_eq!(Writable::unsealed(&URL_SAFE_NO_PAD.encode(bomb)), None);
    }
}
