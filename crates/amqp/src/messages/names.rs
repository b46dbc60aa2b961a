//! Names that the hub gives a meaning to.

use twinhub_core::messages::SystemProperty;

/// What an application property of this name says to the hub, if anything.
pub(super) fn in_application_properties(name: &str) -> Option<SystemProperty> {
    [
        SystemProperty::OutputName,
        SystemProperty::Schema,
        SystemProperty::CreationTime,
        SystemProperty::Operation,
        SystemProperty::Acknowledgement,
    ]
    .into_iter()
    .find(|property| property.name() == name)
}

/// What an annotation of this name says to the hub, if anything. The model
/// (`dt-dataschema`) and who sends are the hub's to say.
pub(super) fn in_annotations(name: &str) -> Option<SystemProperty> {
    [
        SystemProperty::Component,
        SystemProperty::InterfaceId,
        SystemProperty::DiagnosticId,
        SystemProperty::CorrelationContext,
    ]
    .into_iter()
    .find(|property| property.name() == name)
}
