//! Messages between devices and back ends: system properties, application
//! properties, a body.
//!
//! [`MessageRef`] borrows from what was received, for the hot path; [`Message`]
//! owns. How either is spelt on a wire is the gateways' business.

use std::borrow::Cow;

use bytes::Bytes;

/// The largest message from a device, in bytes of [`MessageRef::size`].
/// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling>
pub const MAX_DEVICE_TO_CLOUD: usize = 256 * 1024;
/// The largest message to a device, in bytes of [`Message::size`].
pub const MAX_CLOUD_TO_DEVICE: usize = 64 * 1024;

/// A property that the hub gives a meaning to and that senders may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SystemProperty {
    /// The sender's name for the message.
    MessageId,
    /// What it answers or belongs to.
    CorrelationId,
    /// Who it is from, in the sender's own terms.
    UserId,
    /// Where it is to go.
    To,
    /// The media type of the body.
    ContentType,
    /// The encoding of the body.
    ContentEncoding,
    /// When it is of no use any more.
    AbsoluteExpiry,
    /// When the sender made it.
    CreationTime,
    /// The output of a module that it left by.
    OutputName,
    /// The component of a plug and play model (`dt-subject`).
    Component,
    /// The interface ID of older plug and play models, or of security messages.
    InterfaceId,
    /// The schema of the body.
    Schema,
    /// Which feedback the sender wishes.
    Acknowledgement,
    /// The operation that it is about.
    Operation,
    /// The trace that it belongs to.
    DiagnosticId,
    /// What the trace carries along.
    CorrelationContext,
    /// The plug and play model of the sender (`dt-dataschema`); the hub sets it.
    ModelId,
}

impl SystemProperty {
    /// Every one of them.
    pub const ALL: [SystemProperty; 17] = [
        SystemProperty::MessageId,
        SystemProperty::CorrelationId,
        SystemProperty::UserId,
        SystemProperty::To,
        SystemProperty::ContentType,
        SystemProperty::ContentEncoding,
        SystemProperty::AbsoluteExpiry,
        SystemProperty::CreationTime,
        SystemProperty::OutputName,
        SystemProperty::Component,
        SystemProperty::InterfaceId,
        SystemProperty::Schema,
        SystemProperty::Acknowledgement,
        SystemProperty::Operation,
        SystemProperty::DiagnosticId,
        SystemProperty::CorrelationContext,
        SystemProperty::ModelId,
    ];

    /// The name that readers of events know it by.
    /// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct>
    pub fn name(self) -> &'static str {
        match self {
            SystemProperty::MessageId => "message-id",
            SystemProperty::CorrelationId => "correlation-id",
            SystemProperty::UserId => "user-id",
            SystemProperty::To => "to",
            SystemProperty::ContentType => "content-type",
            SystemProperty::ContentEncoding => "content-encoding",
            SystemProperty::AbsoluteExpiry => "absolute-expiry-time",
            SystemProperty::CreationTime => "iothub-creation-time-utc",
            SystemProperty::OutputName => "iothub-outputname",
            SystemProperty::Component => "dt-subject",
            SystemProperty::InterfaceId => "iothub-interface-id",
            SystemProperty::Schema => "iothub-message-schema",
            SystemProperty::Acknowledgement => "iothub-ack",
            SystemProperty::Operation => "iothub-operation",
            SystemProperty::DiagnosticId => "Diagnostic-Id",
            SystemProperty::CorrelationContext => "Correlation-Context",
            SystemProperty::ModelId => "dt-dataschema",
        }
    }
}

/// The size that limits are about, in bytes: the body, the values of system
/// properties, the names and values of application properties.
/// <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct>
pub fn size_of<T: AsRef<str>>(
    system: &[(SystemProperty, T)],
    application: &[(T, Option<T>)],
    body: &[u8],
) -> usize {
    let length = |text: &T| text.as_ref().len();
    let system = system.iter().map(|(_, value)| length(value));
    let application = application
        .iter()
        .map(|(name, value)| length(name) + value.as_ref().map_or(0, length));
    body.len() + system.sum::<usize>() + application.sum::<usize>()
}

/// A message that borrows from what was received.
#[derive(Debug, Clone, Copy)]
pub struct MessageRef<'a> {
    /// Properties that the hub knows; of duplicates the first counts.
    pub system: &'a [(SystemProperty, Cow<'a, str>)],
    /// The sender's own properties, in its order. Without a value: `None`.
    pub application: &'a [(Cow<'a, str>, Option<Cow<'a, str>>)],
    /// The contents.
    pub body: &'a [u8],
}

impl MessageRef<'_> {
    /// The size that limits are about; see [`size_of`].
    pub fn size(&self) -> usize {
        size_of(self.system, self.application, self.body)
    }
}

/// A message that owns what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Properties that the hub knows, each at most once.
    pub system: Vec<(SystemProperty, Box<str>)>,
    /// The sender's own properties, in its order. Without a value: `None`.
    pub application: Vec<(Box<str>, Option<Box<str>>)>,
    /// The contents.
    pub body: Bytes,
}

impl From<&MessageRef<'_>> for Message {
    fn from(message: &MessageRef<'_>) -> Self {
        let text = |text: &str| -> Box<str> { text.into() };
        let system = message.system.iter();
        let application = message.application.iter();
        Message {
            system: system.map(|(name, value)| (*name, text(value))).collect(),
            application: application
                .map(|(name, value)| (text(name), value.as_deref().map(text)))
                .collect(),
            body: Bytes::copy_from_slice(message.body),
        }
    }
}

impl Message {
    /// A system property's value, if it is set.
    pub fn system(&self, property: SystemProperty) -> Option<&str> {
        let mut set = self.system.iter();
        set.find(|(known, _)| *known == property)
            .map(|(_, value)| &**value)
    }

    /// Takes a system property out of it.
    pub fn take_system(&mut self, property: SystemProperty) -> Option<Box<str>> {
        let mut set = self.system.iter();
        let place = set.position(|(known, _)| *known == property)?;
        Some(self.system.remove(place).1)
    }

    /// The size that limits are about; see [`size_of`].
    pub fn size(&self) -> usize {
        size_of(&self.system, &self.application, &self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_counts_values_of_system_and_names_and_values_of_application_properties() {
        let system = [(SystemProperty::MessageId, Cow::from("m-1"))];
        let application = [
            (Cow::from("hall"), Some(Cow::from("7"))),
            (Cow::from("flag"), None),
        ];
        let message = MessageRef {
            system: &system,
            application: &application,
            body: b"12345",
        };

        assert_eq!(message.size(), 5 + 3 + (4 + 1) + 4);
    }
}
