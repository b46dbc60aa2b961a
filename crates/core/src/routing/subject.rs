//! What conditions are asked about.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::{Map, Value};

use super::body::{self, UnreadableBody};
use super::condition::{PartTree, Parts, SystemName, TwinSection};
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

    /// The body. Asking again costs nothing.
    fn body(&self) -> Result<Body<'_>, UnreadableBody>;

    /// A section of the sender's twin, if it has one.
    fn twin(&self, section: TwinSection) -> Option<&Map<String, Value>>;
}

/// A body that could be read.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// The whole document.
    Document(&'a Value),
    /// What the conditions that are asked name of it.
    Parts(&'a Parts<'a>),
}

/// An event as a subject: for any number of conditions.
#[derive(Debug)]
pub struct EventSubject<'a> {
    event: EventRef<'a>,
    twin: Option<&'a Twin>,
    /// What is read of the body; all of it if that is not known.
    tree: Option<&'a PartTree>,
    /// Whether an application property has a name that begins with `$`, as
    /// most names in conditions do and hardly any property.
    has_dollars: OnceCell<bool>,
    body: OnceCell<Result<OwnedBody<'a>, UnreadableBody>>,
}

#[derive(Debug)]
enum OwnedBody<'a> {
    Document(Value),
    Parts(Parts<'a>),
}

impl<'a> EventSubject<'a> {
    /// An event, and the twin of the device or module that it is from or
    /// about.
    pub fn new(event: EventRef<'a>, twin: Option<&'a Twin>) -> Self {
        EventSubject {
            event,
            twin,
            tree: None,
            has_dollars: OnceCell::new(),
            body: OnceCell::new(),
        }
    }

    /// The same, for conditions that [ask](Condition::read_parts) for parts in
    /// this tree.
    pub(super) fn of_parts(
        event: EventRef<'a>,
        twin: Option<&'a Twin>,
        tree: &'a PartTree,
    ) -> Self {
        EventSubject {
            tree: Some(tree),
            ..EventSubject::new(event, twin)
        }
    }

    fn read_body(&self) -> Result<OwnedBody<'a>, UnreadableBody> {
        let encoding = body::encoding(
            self.event.system_property(SystemProperty::ContentType),
            self.event.system_property(SystemProperty::ContentEncoding),
        )?;
        let body = self.event.body();
        match self.tree {
            Some(tree) => tree.read(encoding, body).map(OwnedBody::Parts),
            None => body::parse(encoding, body).map(OwnedBody::Document),
        }
    }
}

impl Subject for EventSubject<'_> {
    fn application(&self, name: &str) -> Option<Option<&str>> {
        let has_dollars = || {
            self.event
                .application()
                .any(|(name, _)| name.starts_with('$'))
        };
        if name.starts_with('$') && !*self.has_dollars.get_or_init(has_dollars) {
            return None;
        }
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

    fn body(&self) -> Result<Body<'_>, UnreadableBody> {
        match self.body.get_or_init(|| self.read_body()) {
            Ok(OwnedBody::Document(document)) => Ok(Body::Document(document)),
            Ok(OwnedBody::Parts(parts)) => Ok(Body::Parts(parts)),
            Err(error) => Err(error.clone()),
        }
    }

    fn twin(&self, section: TwinSection) -> Option<&Map<String, Value>> {
        self.twin.map(|twin| section.of(twin))
    }
}
