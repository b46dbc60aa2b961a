//! An event as a batch lends it: nothing of it is copied.

use std::fmt;

use super::{Event, EventSource, Origin};
use crate::access::AuthMethod;
use crate::ids::{DeviceId, IdentityId, ModuleId};
use crate::messages::{Message, MessageRef, SystemProperty};
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
    /// A message on its way in, as the event that it becomes: of one that is not
    /// stored yet, sequence number and offset are 0.
    pub fn on_its_way(origin: &'a Origin, message: &MessageRef<'a>, enqueued: Timestamp) -> Self {
        EventRef {
            sequence_number: 0,
            offset: 0,
            enqueued,
            source: origin.source,
            device: origin.identity.device_id().as_str(),
            module: origin.identity.module_id().map(ModuleId::as_str),
            generation: origin.generation,
            auth_method: origin.auth_method,
            model_id: origin.model_id.as_deref(),
            content: Content::Lent(*message),
        }
    }

    /// The properties that the hub knows, each at most once.
    pub fn system(&self) -> impl Iterator<Item = SystemPair<'a>> + use<'a> {
        let (owned, lent, stored) = match self.content {
            Content::Owned(message) => (&message.system[..], &[][..], None),
            Content::Lent(message) => (&[][..], message.system, None),
            Content::Stored(content) => (&[][..], &[][..], Some(content.system)),
        };
        let owned = owned.iter().map(|(property, value)| (*property, &**value));
        let lent = lent.iter().map(|(property, value)| (*property, &**value));
        owned.chain(lent).chain(stored.into_iter().flatten())
    }

    /// A system property's value, if it is set.
    pub fn system_property(&self, property: SystemProperty) -> Option<&'a str> {
        self.system()
            .find(|(known, _)| *known == property)
            .map(|(_, value)| value)
    }

    /// The sender's own properties, in its order. Without a value: `None`.
    pub fn application(&self) -> impl Iterator<Item = ApplicationPair<'a>> + use<'a> {
        let (owned, lent, stored) = match self.content {
            Content::Owned(message) => (&message.application[..], &[][..], None),
            Content::Lent(message) => (&[][..], message.application, None),
            Content::Stored(content) => (&[][..], &[][..], Some(content.application)),
        };
        let owned = owned.iter();
        let lent = lent.iter();
        owned
            .map(|(name, value)| (&**name, value.as_deref()))
            .chain(lent.map(|(name, value)| (&**name, value.as_deref())))
            .chain(stored.into_iter().flatten())
    }

    /// The contents.
    pub fn body(&self) -> &'a [u8] {
        match self.content {
            Content::Owned(message) => &message.body,
            Content::Lent(message) => message.body,
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
    /// A message on its way in; of a system property that it has twice, the
    /// first counts.
    Lent(MessageRef<'a>),
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
