//! What is set of an endpoint of each kind.

use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::pairs;
use crate::problems::Problems;
use crate::routes::document::Endpoint;
use crate::routes::not_saved::Facts;

mod catalogue;
mod whereabouts;

pub use catalogue::KINDS;

/// What stands in place of a secret.
const MASK: &str = "****";

/// A kind of endpoints.
#[derive(Debug)]
pub struct Kind {
    /// The list of the API that has them.
    pub list: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// What is set of one.
    pub settings: &'static [Setting],
}

/// Something that is set of an endpoint.
#[derive(Debug)]
pub struct Setting {
    /// The member of the API.
    pub name: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// What may stand there.
    pub hint: &'static str,
    /// How it is typed.
    pub input: Input,
    /// Whether the form needs it.
    pub is_needed: bool,
    /// What a new endpoint begins with.
    pub initial: &'static str,
}

/// How something is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A text.
    Text,
    /// A text that lets one in, which is shown masked.
    Secret,
    /// A whole number.
    Number,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// One of these texts, once and for all.
    FirstChoice(&'static [&'static str]),
    /// Yes or no.
    Box,
    /// `Name: value`, one a line, values masked.
    Headers,
}

impl Kind {
    /// The kind that a list of the API has.
    pub fn of_list(list: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.list == list)
    }

    /// Where an endpoint of this kind leads.
    pub fn leads_to(&self, endpoint: &Endpoint) -> String {
        whereabouts::of(self.list, endpoint)
    }

    /// The form of a new endpoint, or of one that stands.
    pub fn form(&self, endpoint: Option<&Endpoint>) -> Vec<Line> {
        let settings = self.settings.iter();
        settings
            .map(|setting| match endpoint {
                Some(endpoint) => Line::of(setting, &shown(endpoint.0.get(setting.name)), true),
                None => Line::of(setting, setting.initial, false),
            })
            .collect()
    }

    /// The form as somebody typed it; what is stored is told beside it.
    pub fn typed(&self, fields: &Fields, seen: Option<&Endpoint>) -> Vec<Line> {
        let mut lines = self.form(seen);
        for line in &mut lines {
            if !line.is_fixed {
                line.value = fields.text(line.setting.name);
                line.is_ticked = fields.is_ticked(line.setting.name);
            }
        }
        lines
    }

    /// The endpoint that a form describes, given the one that it was about: a
    /// secret that was not typed anew is left as it is shown, which the API
    /// takes for the stored one.
    pub fn read(
        &self,
        name: &str,
        fields: &Fields,
        seen: Option<&Endpoint>,
    ) -> Result<Endpoint, Problems> {
        let mut endpoint = seen.cloned().unwrap_or_default();
        let members = &mut endpoint.0;
        members.insert("name".to_owned(), name.into());
        let mut problems = Problems::default();
        for setting in self.settings {
            let read = setting.read(fields, members);
            if let Some(value) = problems.take(setting.name, read) {
                members.insert(setting.name.to_owned(), value);
            }
        }
        problems.none()?;
        Ok(endpoint)
    }

    /// Which field a refusal is about: the settings' names stand in its words.
    pub fn places(&self) -> Vec<(&'static str, &'static str)> {
        let named = [
            ("can't name an endpoint", "name"),
            ("is given twice", "name"),
            (
                "the entity path or address",
                self.settings.get(1).map_or("", |it| it.name),
            ),
        ];
        let settings = self.settings.iter();
        let settings = settings.map(|setting| (setting.name, setting.name));
        named.into_iter().chain(settings).collect()
    }

    /// What is set of an endpoint, for who compares it with what they typed.
    pub fn facts(&self, endpoint: &Endpoint) -> Facts {
        let settings = self.settings.iter();
        settings
            .map(|setting| {
                (
                    setting.label.to_owned(),
                    shown(endpoint.0.get(setting.name)),
                )
            })
            .collect()
    }
}

impl Setting {
    /// What a form says of it; nothing leaves it as it is.
    fn read(&self, fields: &Fields, stands: &Map<String, Value>) -> Result<Option<Value>, String> {
        let text = fields.get(self.name).trim();
        match self.input {
            Input::FirstChoice(_) if stands.contains_key(self.name) => Ok(None),
            Input::Secret if text.is_empty() && stands.contains_key(self.name) => Ok(None),
            Input::Text | Input::Secret | Input::Choice(_) | Input::FirstChoice(_) => {
                Ok(Some(text.into()))
            }
            Input::Box => Ok(Some(fields.is_ticked(self.name).into())),
            Input::Number if text.is_empty() => Ok(Some(Value::Null)),
            Input::Number => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number.into())),
                Err(_) => Err("This is a whole number, such as 300.".to_owned()),
            },
            Input::Headers => {
                let headers = pairs::parse(fields.get(self.name), ':')?.into_iter();
                let headers = headers.map(|header| (header.name, header.value.into()));
                Ok(Some(headers.collect::<Map<_, _>>().into()))
            }
        }
    }
}

/// A setting in a form.
#[derive(Debug, Clone)]
pub struct Line {
    /// What is set.
    pub setting: &'static Setting,
    /// What stands in the field.
    pub value: String,
    /// Whether the box is ticked.
    pub is_ticked: bool,
    /// What is stored, masked, if the field does not hold it.
    pub stored: Option<String>,
    /// Whether it can't be changed any more.
    pub is_fixed: bool,
}

impl Line {
    fn of(setting: &'static Setting, value: &str, is_stored: bool) -> Self {
        let is_masked = setting.input == Input::Secret && value.contains(MASK);
        Line {
            setting,
            value: if is_masked { "" } else { value }.to_owned(),
            is_ticked: value == "true",
            stored: is_masked.then(|| value.to_owned()),
            is_fixed: is_stored && matches!(setting.input, Input::FirstChoice(_)),
        }
    }

    /// What there is to choose.
    pub fn choices(&self) -> &'static [&'static str] {
        match self.setting.input {
            Input::Choice(texts) | Input::FirstChoice(texts) => texts,
            _ => &[],
        }
    }

    /// Whether it is typed in several lines.
    pub fn has_lines(&self) -> bool {
        matches!(self.setting.input, Input::Headers)
    }

    /// Whether it is a box to tick.
    pub fn is_box(&self) -> bool {
        self.setting.input == Input::Box
    }

    /// Whether it must be typed.
    pub fn is_required(&self) -> bool {
        self.setting.is_needed && self.stored.is_none()
    }

    /// What kind of text a keyboard should offer.
    pub fn mode(&self) -> &'static str {
        match self.setting.input {
            Input::Number => "numeric",
            _ => "text",
        }
    }
}

/// A member as a text.
fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(headers)) => {
            let lines = headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or_default()));
            lines.collect::<Vec<_>>().join("\n")
        }
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
