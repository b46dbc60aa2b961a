//! The form in which a twin is edited.
//!
//! It carries what it was made from: so what somebody changed is known without
//! asking again, and only that is written.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::change::{apply, patch};
use super::view::TwinView;
use crate::device::wrong::Wrong;
use crate::fields::Fields;
use crate::json_text::{parse_object, pretty};

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
        URL_SAFE_NO_PAD.encode(json)
    }

    /// Reads it back.
    pub fn unsealed(text: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
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

/// The form, as it was typed.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinForm {
    /// Tags as JSON.
    pub tags: String,
    /// Desired properties as JSON.
    pub desired: String,
    /// What it is written over.
    pub base: Writable,
}

impl TwinForm {
    /// To edit what there is.
    pub fn of(base: Writable) -> Self {
        TwinForm {
            tags: pretty(&base.tags),
            desired: pretty(&base.desired),
            base,
        }
    }

    /// As it was sent; nothing if it is no form of ours.
    pub fn read(fields: &Fields) -> Option<Self> {
        Some(TwinForm {
            tags: fields.text("tags"),
            desired: fields.text("desired"),
            base: Writable::unsealed(fields.get("base"))?,
        })
    }

    /// What the twin shall be, or what does not fit.
    pub fn wanted(&self) -> Result<Writable, Vec<Wrong>> {
        let tags = parse_object(&self.tags);
        let desired = parse_object(&self.desired);
        match (tags, desired) {
            (Ok(tags), Ok(desired)) => Ok(Writable {
                etag: self.base.etag.clone(),
                tags,
                desired,
            }),
            (tags, desired) => {
                let tags = tags.err().map(|error| Wrong::new("tags", error.problem));
                let desired = desired
                    .err()
                    .map(|error| Wrong::new("desired", error.problem));
                Err(tags.into_iter().chain(desired).collect())
            }
        }
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
            desired: "{\r\n \"interval\": 6 }".to_owned(),
            ..TwinForm::of(base.clone())
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
            tags: "{".to_owned(),
            desired: "[]".to_owned(),
            base: Writable::default(),
        };

        let wrong = form.wanted().unwrap_err();

        assert_eq!((wrong[0].field, wrong[1].field), ("tags", "desired"));
    }
}
