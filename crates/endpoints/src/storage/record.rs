//! An event as a blob holds it: four members, whatever the encoding.
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct>

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use twinhub_core::events::EventRef;
use twinhub_core::messages::SystemProperty;

/// Names and values, in order.
pub(super) struct Properties<'a>(pub(super) Vec<(&'static str, Cow<'a, str>)>);

/// The sender's properties, and of what the event tells.
pub(super) struct Application<'a, 'e>(pub(super) &'a EventRef<'e>);

const SOURCE: &str = "iothub-message-source";

/// The name that a property has in blobs.
fn storage_name(property: SystemProperty) -> &'static str {
    match property {
        SystemProperty::MessageId => "messageId",
        SystemProperty::CorrelationId => "correlationId",
        SystemProperty::UserId => "userId",
        SystemProperty::ContentType => "contentType",
        SystemProperty::ContentEncoding => "contentEncoding",
        // Azure publishes no other names for these than their own.
        SystemProperty::To
        | SystemProperty::AbsoluteExpiry
        | SystemProperty::CreationTime
        | SystemProperty::OutputName
        | SystemProperty::Component
        | SystemProperty::InterfaceId
        | SystemProperty::Schema
        | SystemProperty::Acknowledgement
        | SystemProperty::Operation
        | SystemProperty::DiagnosticId
        | SystemProperty::CorrelationContext
        | SystemProperty::ModelId => property.name(),
    }
}

/// What the hub knows of an event.
pub(super) fn system_properties<'a, 'e: 'a>(
    event: &EventRef<'e>,
    enqueued: &'a str,
) -> Properties<'a> {
    let mut all: Vec<(&'static str, Cow<'a, str>)> = event
        .system()
        .filter(|(property, _)| *property != SystemProperty::ModelId)
        .map(|(property, value)| (storage_name(property), value.into()))
        .collect();
    all.push(("connectionDeviceId", event.device.into()));
    if let Some(module) = event.module {
        all.push(("connectionModuleId", module.into()));
    }
    if let Some(method) = event.auth_method {
        all.push(("connectionAuthMethod", method.to_json().into()));
    }
    let generation = event.generation.ticks().to_string();
    all.push(("connectionDeviceGenerationId", generation.into()));
    all.push(("enqueuedTime", enqueued.into()));
    let model = event.model_id;
    if let Some(model) = model.or_else(|| event.system_property(SystemProperty::ModelId)) {
        all.push((SystemProperty::ModelId.name(), model.into()));
    }
    Properties(all)
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Application<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Nobody else says what kind of event it is.
        let own = || self.0.application().filter(|(name, _)| *name != SOURCE);
        let mut map = serializer.serialize_map(Some(own().count() + 1))?;
        for (name, value) in own() {
            map.serialize_entry(name, value.unwrap_or_default())?;
        }
        map.serialize_entry(SOURCE, self.0.source.name())?;
        map.end()
    }
}

/// More bytes than an event can take, however it is encoded.
pub(super) fn at_most(event: &EventRef<'_>) -> u64 {
    /// Names of members and the hub's own properties.
    const REST: usize = 2048;
    /// A character that has to be written as `\u0000`.
    const ESCAPED: usize = 6;
    let application = event.application();
    let application = application.map(|(name, value)| name.len() + value.map_or(0, str::len) + 16);
    let system = event.system().map(|(_, value)| value.len() + 32);
    let properties = application.sum::<usize>() + system.sum::<usize>();
    let all = event.body().len() * 4 / 3 + properties * ESCAPED + REST;
    all.try_into().unwrap_or(u64::MAX)
}
