//! An event as a batch lends it: nothing of it is copied.

use std::fmt;

use super::{Event, EventSource, Origin};
use crate::access::AuthMethod;
use crate::ids::{DeviceId, IdentityId, ModuleId};
use crate::messages::{Message, SystemProperty};
use crate::time::Timestamp;

/// A system property and its value.
pub type SystemPair<'a> = (SystemProperty, &'a str);
/// An application property and its value, if it has one.
pub type ApplicationPair<'a> = (&'a str, Option<&'a str>);

/// An event that borrows from its batch. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct EventRef<'a> {
    /// Its place among the events of its partition: from 0, without gaps.
    pub sequence_number: u64,
    /// Its place as readers store it: grows, and means nothing to them.
    pub offset: u64,
    /// When the hub took it.
    pub enqueued: Timestamp,
    /// What it tells of.
    pub source: EventSource,
    /// The device that it is from or about: a valid ID.
    pub device: &'a str,
    /// The module, if it is a module's: a valid ID.
    pub module: Option<&'a str>,
    /// Which of the identity's namesakes, as the hub's generation ID.
    pub generation: Timestamp,
    /// How the sender proved who it is; `None` for events that the hub makes.
    pub auth_method: Option<AuthMethod>,
    /// The plug and play model that the sender announced.
    pub model_id: Option<&'a str>,
    /// What was sent.
    pub content: Content<'a>,
}

impl<'a> EventRef<'a> {
    /// The properties that the hub knows, each at most once.
    pub fn system(&self) -> impl Iterator<Item = SystemPair<'a>> + use<'a> {
        let (owned, stored) = match self.content {
            Content::Owned(message) => (Some(&message.system), None),
            Content::Stored(content) => (None, Some(content.system)),
        };
        let owned = owned.into_iter().flatten();
        owned
            .map(|(property, value)| (*property, &**value))
            .chain(stored.into_iter().flatten())
    }

    /// A system property's value, if it is set.
    pub fn system_property(&self, property: SystemProperty) -> Option<&'a str> {
        self.system()
            .find(|(known, _)| *known == property)
            .map(|(_, value)| value)
    }

    /// The sender's own properties, in its order. Without a value: `None`.
    pub fn application(&self) -> impl Iterator<Item = ApplicationPair<'a>> + use<'a> {
        let (owned, stored) = match self.content {
            Content::Owned(message) => (Some(&message.application), None),
            Content::Stored(content) => (None, Some(content.application)),
        };
        let owned = owned.into_iter().flatten();
        owned
            .map(|(name, value)| (&**name, value.as_deref()))
            .chain(stored.into_iter().flatten())
    }

    /// The contents.
    pub fn body(&self) -> &'a [u8] {
        match self.content {
            Content::Owned(message) => &message.body,
            Content::Stored(content) => content.body,
        }
    }

    /// The event as one that owns what it holds.
    pub fn to_event(&self) -> Event {
        let device = DeviceId::parse(self.device).expect("batches hold valid device IDs");
        let identity = match self.module {
            Some(module) => IdentityId::module(
                device,
                ModuleId::parse(module).expect("batches hold valid module IDs"),
            ),
            None => IdentityId::Device(device),
        };
        let system = self.system();
        let application = self.application();
        Event {
            sequence_number: self.sequence_number,
            offset: self.offset,
            enqueued: self.enqueued,
            origin: Origin {
                identity,
                generation: self.generation,
                auth_method: self.auth_method,
                model_id: self.model_id.map(Into::into),
                source: self.source,
            },
            message: Message {
                system: system.map(|(name, value)| (name, value.into())).collect(),
                application: application
                    .map(|(name, value)| (name.into(), value.map(Into::into)))
                    .collect(),
                body: self.body().to_vec().into(),
            },
        }
    }
}

impl<'a> From<&'a Event> for EventRef<'a> {
    fn from(event: &'a Event) -> Self {
        EventRef {
            sequence_number: event.sequence_number,
            offset: event.offset,
            enqueued: event.enqueued,
            source: event.origin.source,
            device: event.device().as_str(),
            module: event.module().map(ModuleId::as_str),
            generation: event.origin.generation,
            auth_method: event.origin.auth_method,
            model_id: event.origin.model_id.as_deref(),
            content: Content::Owned(&event.message),
        }
    }
}

/// What an event carries, as the engine has it.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// A message in memory.
    Owned(&'a Message),
    /// A record.
    Stored(StoredContent<'a>),
}

/// What a record holds, read as it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct StoredContent<'a> {
    /// The properties that the hub knows, each at most once.
    pub system: Listed<'a, SystemPair<'a>>,
    /// The sender's own properties, in its order.
    pub application: Listed<'a, ApplicationPair<'a>>,
    /// The contents.
    pub body: &'a [u8],
}

/// Things that lie in a record one behind the other, in the engine's format.
pub struct Listed<'a, T> {
    rest: &'a [u8],
    take: fn(&mut &'a [u8]) -> Option<T>,
}

impl<'a, T> Listed<'a, T> {
    /// The things in `bytes`: `take` gives the first and leaves the rest, and
    /// nothing once there is no more. The engine has checked the bytes before.
    pub fn new(bytes: &'a [u8], take: fn(&mut &'a [u8]) -> Option<T>) -> Self {
        Listed { rest: bytes, take }
    }
}

impl<T> Clone for Listed<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Listed<'_, T> {}

impl<T> Iterator for Listed<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        (self.take)(&mut self.rest)
    }
}

impl<T: fmt::Debug> fmt::Debug for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}
