//! The form of a new device: what was typed, and the items of a bulk call that
//! it makes.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};
use twinhub_core::twins::{MAX_PROPERTIES_BYTES, MAX_TAGS_BYTES};

use super::bulk::{self, Failed};
use super::names;
use crate::authentication::AuthenticationForm;
use crate::fields::Fields;
use crate::json_text::parse_object;
use crate::parent::put_below;
use crate::problems::Problems;
use crate::refused::Refused;

/// How much longer than what counts of it a text may be: quotes, blanks and
/// escapes count as nothing.
const ROOM: usize = 8;
/// Which field a refusal is about, by its words.
const PLACES: [(&str, &str); 11] = [
    ("exists already", "id"),
    ("device id can't be taken", "id"),
    ("thumbprint", "authentication"),
    ("a key must", "authentication"),
    ("both keys", "authentication"),
    ("properties.desired", "desired"),
    ("desired properties", "desired"),
    ("tags", "tags"),
    ("status reason", "reason"),
    ("scope", "parent"),
    ("parent", "parent"),
];

/// A form as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// The ID, or a pattern of IDs.
    pub id: String,
    /// How many devices.
    pub count: String,
    /// The number of the first.
    pub first: String,
    /// What they prove themselves with.
    pub authentication: AuthenticationForm,
    /// `enabled` or `disabled`.
    pub status: String,
    /// Why.
    pub reason: String,
    /// Whether it runs the edge runtime.
    pub edge: bool,
    /// The edge device between it and the hub.
    pub parent: String,
    /// Tags, as JSON.
    pub tags: String,
    /// Desired properties, as JSON.
    pub desired: String,
}

impl NewDevice {
    /// What was typed.
    pub fn of(fields: &Fields) -> Self {
        let text = |name: &str| fields.get(name).trim().to_owned();
        let chosen = |name: &str, usual: &str| fields.given(name).unwrap_or(usual).to_owned();
        NewDevice {
            id: text("id"),
            count: text("count"),
            first: text("first"),
            authentication: AuthenticationForm::read(fields, true),
            status: chosen("status", "enabled"),
            reason: text("reason"),
            edge: fields.is_ticked("edge"),
            parent: text("parent"),
            tags: fields.get("tags").to_owned(),
            desired: fields.get("desired").to_owned(),
        }
    }

    /// The devices that it asks for; whose parent it is, who called for them
    /// finds out. All problems are told at once.
    pub fn plan(&self) -> Result<Plan, Problems> {
        let mut problems = Problems::default();
        if self.id.is_empty() {
            problems.add("id", "Give the device an ID.");
        }
        let ids = match names::expand(&self.id, &self.count, &self.first) {
            Ok(ids) => ids,
            Err(error) => {
                problems.add(field_of(&error), error.to_string());
                Vec::new()
            }
        };
        if self.shares_secrets(ids.len()) {
            problems.add(
                "authentication",
                "Each device needs keys or a certificate of its own. Let the hub make the keys, \
                 or add the devices one by one.",
            );
        }
        let tags = problems.take("tags", section(&self.tags, MAX_TAGS_BYTES));
        let desired = section(&self.desired, MAX_PROPERTIES_BYTES);
        let desired = problems.take("desired", desired);
        problems.none()?;
        let mut item = json!({
            "importMode": "create",
            "status": self.status,
            "authentication": self.authentication.to_json(),
            "capabilities": { "iotEdge": self.edge },
        });
        if !self.reason.is_empty() {
            item["statusReason"] = Value::from(self.reason.as_str());
        }
        if !tags.is_empty() {
            item["tags"] = Value::from(tags);
        }
        if !desired.is_empty() {
            item["properties"] = json!({ "desired": desired });
        }
        Ok(Plan {
            ids,
            item,
            edge: self.edge,
        })
    }

    /// Whether keys or a certificate would be those of several devices.
    fn shares_secrets(&self, devices: usize) -> bool {
        let AuthenticationForm {
            kind,
            primary_key,
            secondary_key,
            ..
        } = &self.authentication;
        let own_keys = kind == "sas" && !(primary_key.is_empty() && secondary_key.is_empty());
        devices > 1 && (own_keys || kind == "selfSigned")
    }
}

/// A section of a twin. What can't fit into one is not even read: values take
/// many times the memory of their text.
fn section(text: &str, bytes: usize) -> Result<Map<String, Value>, String> {
    if text.len() > ROOM * bytes {
        return Err(format!(
            "This has {} bytes, and at most {bytes} fit into a twin. Write less.",
            text.len()
        ));
    }
    Ok(parse_object(text)?)
}

fn field_of(error: &names::InvalidNames) -> &'static str {
    use names::InvalidNames::{Count, First, ManyPlaces, NoPlace, TooLong};
    match error {
        NoPlace | ManyPlaces | TooLong(_) => "id",
        Count => "count",
        First => "first",
    }
}

/// The devices of a form.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Their IDs.
    pub ids: Vec<String>,
    item: Value,
    edge: bool,
}

impl Plan {
    /// Puts an edge device between the devices and the hub.
    pub fn below(&mut self, scope: &str) {
        put_below(&mut self.item, self.edge, scope);
    }

    /// The items of the bulk call.
    pub fn items(&self) -> Vec<Item<'_>> {
        let item = |id| Item {
            id,
            like: &self.item,
        };
        self.ids.iter().map(|id| item(id.as_str())).collect()
    }
}

/// One of the devices. What they have in common is there once.
#[derive(Debug, Serialize)]
pub struct Item<'a> {
    id: &'a str,
    #[serde(flatten)]
    like: &'a Value,
}

impl bulk::Item for Item<'_> {
    fn id(&self) -> &str {
        self.id
    }
}

/// What the hub refuses of a device.
pub fn refused(failed: &Failed) -> Problems {
    let refused = Refused {
        status: match failed.code.as_str() {
            "DeviceAlreadyExists" => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        },
        sentence: failed.sentence(),
        code: Some(failed.code.clone()),
    };
    Problems::placed(refused, &PLACES)
}

#[cfg(test)]
mod tests;
