//! The annotations of an event: what the hub says of it.

use bytes::{BufMut as _, BytesMut};
use twinhub_core::events::EventRef;
use twinhub_core::messages::SystemProperty;

use super::sections::{ANNOTATIONS, Section, put_digits, put_long, put_string, put_timestamp};
use super::{SystemProperties, keys, properties};
use crate::moments;
use crate::runtime_info::as_long;

/// What a sender says of itself, and where readers look for it.
const OF_SENDER: [(SystemProperty, &[u8]); 4] = [
    (SystemProperty::Component, keys::COMPONENT),
    (SystemProperty::InterfaceId, keys::INTERFACE),
    (SystemProperty::DiagnosticId, keys::DIAGNOSTIC_ID),
    (
        SystemProperty::CorrelationContext,
        keys::CORRELATION_CONTEXT,
    ),
];

pub(super) fn write(
    event: &EventRef<'_>,
    system: &SystemProperties<'_>,
    auth_method: Option<&[u8]>,
    out: &mut BytesMut,
) {
    let enqueued = moments::to_wire(event.enqueued);
    let section = Section::map(ANNOTATIONS, out);
    // Those that every event has.
    let mut entries = 7;

    out.put_slice(keys::DEVICE);
    put_string(out, event.device);
    out.put_slice(keys::GENERATION);
    put_digits(out, event.generation.ticks());
    out.put_slice(keys::HUB_ENQUEUED);
    put_timestamp(out, enqueued);
    out.put_slice(keys::SOURCE);
    put_string(out, event.source.name());

    let mut text = |key: &[u8], value: Option<&str>, out: &mut BytesMut| {
        if let Some(value) = value {
            entries += 1;
            out.put_slice(key);
            put_string(out, value);
        }
    };
    text(keys::MODULE, event.module, out);
    let model = event.model_id.or(system.get(SystemProperty::ModelId));
    text(keys::MODEL, model, out);
    for (property, key) in OF_SENDER {
        text(key, system.get(property), out);
    }
    // Not lost, although the property can hold nothing but a moment.
    let no_moment = properties::expiry(system).and_then(Result::err);
    text(keys::ABSOLUTE_EXPIRY, no_moment, out);
    if let Some(method) = auth_method {
        entries += 1;
        out.put_slice(keys::AUTH_METHOD);
        out.put_slice(method);
    }

    out.put_slice(keys::SEQUENCE_NUMBER);
    put_long(out, as_long(event.sequence_number));
    out.put_slice(keys::OFFSET);
    put_digits(out, event.offset);
    out.put_slice(keys::ENQUEUED);
    put_timestamp(out, enqueued);
    section.end(entries * 2, out);
}
