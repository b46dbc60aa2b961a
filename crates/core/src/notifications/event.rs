//! What all events that the hub makes of changes have in common.

use bytes::Bytes;
use serde_json::Value;

use super::teller::About;
use crate::events::{EventSource, Origin};
use crate::ids::IdentityId;
use crate::messages::{Message, SystemProperty};
use crate::time::Timestamp;

/// An event that the hub makes, as it goes into the unit of work of what it
/// tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Of what it tells.
    pub source: EventSource,
    /// Whom it is about.
    pub identity: IdentityId,
    /// Which of the identity's namesakes.
    pub generation: Timestamp,
    /// What it says. Its correlation ID comes with its number.
    pub message: Message,
    /// When what it tells of happened.
    pub at: Timestamp,
}

impl NewEvent {
    /// Where it comes from, for the event log.
    pub fn origin(&self) -> Origin {
        Origin {
            identity: self.identity.clone(),
            generation: self.generation,
            auth_method: None,
            model_id: None,
            source: self.source,
        }
    }
}

/// How operations on modules are named. Azure's documentation has had both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Naming {
    /// As those on devices: `createDeviceIdentity`; a property `moduleId`
    /// tells them apart. What the documentation says since 2024.
    #[default]
    AsDevices,
    /// By names of their own: `createModuleIdentity`. What it said until 2022.
    AsModules,
}

/// What a kind of event is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub source: EventSource,
    pub content_type: &'static str,
    pub schema: &'static str,
    pub operation: &'static str,
}

/// Puts an event together.
pub(super) fn event(about: &About<'_>, kind: Kind, body: &Value) -> NewEvent {
    let body = serde_json::to_vec(body).expect("text keys and finite numbers always serialize");
    NewEvent {
        source: kind.source,
        identity: about.id.clone(),
        generation: about.generation,
        message: Message {
            system: vec![
                (SystemProperty::ContentType, kind.content_type.into()),
                (SystemProperty::ContentEncoding, "utf-8".into()),
                (SystemProperty::UserId, about.hub.as_str().into()),
            ],
            application: application(about, kind),
            body: Bytes::from(body),
        },
        at: about.at,
    }
}

fn application(about: &About<'_>, kind: Kind) -> Vec<(Box<str>, Option<Box<str>>)> {
    let at = about.at.to_string();
    let mut properties = vec![
        ("hubName", about.hub.as_str()),
        ("deviceId", about.id.device_id().as_str()),
    ];
    if let Some(module) = about.id.module_id() {
        properties.push(("moduleId", module.as_str()));
    }
    properties.extend([
        ("operationTimestamp", &*at),
        ("iothub-message-schema", kind.schema),
        ("opType", kind.operation),
    ]);
    let properties = properties.into_iter();
    properties
        .map(|(name, value)| (name.into(), Some(value.into())))
        .collect()
}
