//! A message that nobody sent: to try conditions on.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::body::{self, UnreadableBody};
use super::condition::{SystemName, TwinSection};
use super::subject::{Body, Subject};

/// A made-up message, and perhaps a made-up twin.
#[derive(Debug, Clone)]
pub struct Sample {
    system: Vec<(SystemName, String)>,
    application: Vec<(String, Option<String>)>,
    body: Result<Value, UnreadableBody>,
    tags: Option<Map<String, Value>>,
    desired: Option<Map<String, Value>>,
    reported: Option<Map<String, Value>>,
}

impl Sample {
    /// A message. Its body is a text, whatever content encoding it names.
    pub fn new(
        system: impl IntoIterator<Item = (String, String)>,
        application: impl IntoIterator<Item = (String, Option<String>)>,
        body: &str,
    ) -> Self {
        let system = system.into_iter();
        let mut sample = Sample {
            system: system
                .map(|(name, value)| (SystemName::parse(&name), value))
                .collect(),
            application: application.into_iter().collect(),
            body: Err(UnreadableBody::NotJson),
            tags: None,
            desired: None,
            reported: None,
        };
        sample.body = sample.read(body);
        sample
    }

    /// Adds a section of the sender's twin.
    #[must_use]
    pub fn with_twin(mut self, section: TwinSection, properties: Map<String, Value>) -> Self {
        let place = match section {
            TwinSection::Tags => &mut self.tags,
            TwinSection::Desired => &mut self.desired,
            TwinSection::Reported => &mut self.reported,
        };
        *place = Some(properties);
        self
    }

    fn read(&self, body: &str) -> Result<Value, UnreadableBody> {
        use crate::messages::SystemProperty::{ContentEncoding, ContentType};
        let content_type = self.system(&SystemName::Sent(ContentType));
        let content_encoding = self.system(&SystemName::Sent(ContentEncoding));
        body::encoding(content_type.as_deref(), content_encoding.as_deref())?;
        body::parse_text(body)
    }
}

impl Subject for Sample {
    fn application(&self, name: &str) -> Option<Option<&str>> {
        let mut properties = self.application.iter();
        properties
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_deref())
    }

    fn system(&self, name: &SystemName) -> Option<Cow<'_, str>> {
        let same = |known: &SystemName| match (known, name) {
            (SystemName::Unknown(known), SystemName::Unknown(name)) => {
                known.eq_ignore_ascii_case(name)
            }
            (known, name) => known == name,
        };
        let mut properties = self.system.iter();
        properties
            .find(|(known, _)| same(known))
            .map(|(_, value)| value.as_str().into())
    }

    fn body(&self) -> Result<Body<'_>, UnreadableBody> {
        let body = self.body.as_ref();
        body.map(Body::Document).map_err(Clone::clone)
    }

    fn twin(&self, section: TwinSection) -> Option<&Map<String, Value>> {
        match section {
            TwinSection::Tags => self.tags.as_ref(),
            TwinSection::Desired => self.desired.as_ref(),
            TwinSection::Reported => self.reported.as_ref(),
        }
    }
}
