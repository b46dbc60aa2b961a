//! What conditions are asked about.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::{Map, Value};

use super::body::{self, UnreadableBody};
use super::condition::{SystemName, TwinSection};
use crate::events::EventRef;
use crate::messages::SystemProperty;
use crate::twins::Twin;

/// A message, and perhaps its sender's twin.
pub trait Subject {
    /// An application property's value, `Some(None)` if it has none; `None`
    /// if it is not there. Names are found in any case.
    fn application(&self, name: &str) -> Option<Option<&str>>;

    /// A system property's value, if it is there.
    fn system(&self, name: &SystemName) -> Option<Cow<'_, str>>;

    /// The body's document. Asking again costs nothing.
    fn body(&self) -> Result<&Value, UnreadableBody>;

    /// A section of the sender's twin, if it has one.
    fn twin(&self, section: TwinSection) -> Option<&Map<String, Value>>;
}

/// An event as a subject: for any number of conditions.
#[derive(Debug)]
pub struct EventSubject<'a> {
    event: EventRef<'a>,
    twin: Option<&'a Twin>,
    body: OnceCell<Result<Value, UnreadableBody>>,
}

impl<'a> EventSubject<'a> {
    /// An event, and the twin of the device or module that it is from or
    /// about.
    pub fn new(event: EventRef<'a>, twin: Option<&'a Twin>) -> Self {
        EventSubject {
            event,
            twin,
            body: OnceCell::new(),
        }
    }

    fn read_body(&self) -> Result<Value, UnreadableBody> {
        let encoding = body::encoding(
            self.event.system_property(SystemProperty::ContentType),
            self.event.system_property(SystemProperty::ContentEncoding),
        )?;
        body::parse(encoding, self.event.body())
    }
}

impl Subject for EventSubject<'_> {
    fn application(&self, name: &str) -> Option<Option<&str>> {
        let mut properties = self.event.application();
        properties
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn system(&self, name: &SystemName) -> Option<Cow<'_, str>> {
        match name {
            SystemName::Sent(property) => {
                let sent = self.event.system_property(*property);
                let announced = match property {
                    SystemProperty::ModelId => self.event.model_id,
                    _ => None,
                };
                sent.or(announced).map(Cow::Borrowed)
            }
            SystemName::EnqueuedTime => Some(self.event.enqueued.to_string().into()),
            SystemName::DeviceId => Some(self.event.device.into()),
            SystemName::ModuleId => self.event.module.map(Cow::Borrowed),
            SystemName::Unknown(_) => None,
        }
    }

    fn body(&self) -> Result<&Value, UnreadableBody> {
        let body = self.body.get_or_init(|| self.read_body());
        body.as_ref().map_err(Clone::clone)
    }

    fn twin(&self, section: TwinSection) -> Option<&Map<String, Value>> {
        self.twin.map(|twin| section.of(twin))
    }
}
