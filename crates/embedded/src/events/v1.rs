//! Version 1 of an event's record, frozen: what a payload in the log holds.
//!
//! ```text
//! origin    source code, kind of identity (0 device, 1 module)   1 byte each
//!           generation in ticks                                  i64
//!           device, module if it is one                          text
//!           scope of the auth method (0 none), its kind           1 byte each
//!           model                                                optional text
//! message   number of system properties                          1 byte
//!             each: code 1 byte, value text
//!           number of application properties                     varint
//!             each: name text, value optional text
//!           body                                                 the rest
//! ```
//!
//! Text is a varint length and UTF-8; optional text a varint that is 0 for
//! none and the length plus one otherwise. Numbers are little-endian; varints
//! are LEB128. Sequence number, offset and enqueued time are the log's own.

use twinhub_core::access::{AuthKind, AuthMethod, AuthScope};
use twinhub_core::events::{EventSource, Origin};
use twinhub_core::messages::{MessageRef, SystemProperty};

mod read;

pub(crate) use self::read::Checked;

/// The tag of records of this version.
pub(crate) const TAG: u8 = 1;

/// Writes what all events of a sender begin with.
pub(crate) fn encode_origin(origin: &Origin) -> Vec<u8> {
    let mut out = Vec::new();
    out.push(code_of_source(origin.source));
    let module = origin.identity.module_id();
    out.push(u8::from(module.is_some()));
    out.extend_from_slice(&origin.generation.ticks().to_le_bytes());
    text(&mut out, origin.identity.device_id().as_str());
    if let Some(module) = module {
        text(&mut out, module.as_str());
    }
    let (scope, kind) = origin.auth_method.map_or((0, 0), codes_of_method);
    out.extend_from_slice(&[scope, kind]);
    optional_text(&mut out, origin.model_id.as_deref());
    out
}

/// Writes what is an event's own, behind its origin.
pub(crate) fn encode_message(message: &MessageRef<'_>, out: &mut Vec<u8>) {
    let count = out.len();
    out.push(0);
    let mut seen = 0_u32;
    for (property, value) in message.system {
        let code = code_of_property(*property);
        // Of duplicates the first counts.
        if seen & (1 << code) == 0 {
            seen |= 1 << code;
            out[count] += 1;
            out.push(code);
            text(out, value);
        }
    }
    varint(out, message.application.len());
    for (name, value) in message.application {
        text(out, name);
        optional_text(out, value.as_deref());
    }
    out.extend_from_slice(message.body);
}

fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("seven bits"));
}

fn text(out: &mut Vec<u8>, text: &str) {
    varint(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            varint(out, text.len() + 1);
            out.extend_from_slice(text.as_bytes());
        }
        None => out.push(0),
    }
}

fn code_of_source(source: EventSource) -> u8 {
    match source {
        EventSource::Telemetry => 0,
        EventSource::ConnectionState => 1,
        EventSource::Lifecycle => 2,
        EventSource::TwinChange => 3,
        EventSource::JobLifecycle => 4,
        EventSource::DigitalTwinChange => 5,
    }
}

fn source_of(code: u8) -> Option<EventSource> {
    Some(match code {
        0 => EventSource::Telemetry,
        1 => EventSource::ConnectionState,
        2 => EventSource::Lifecycle,
        3 => EventSource::TwinChange,
        4 => EventSource::JobLifecycle,
        5 => EventSource::DigitalTwinChange,
        _ => return None,
    })
}

fn codes_of_method(method: AuthMethod) -> (u8, u8) {
    let scope = match method.scope {
        AuthScope::Hub => 1,
        AuthScope::Device => 2,
        AuthScope::Module => 3,
    };
    let kind = match method.kind {
        AuthKind::Sas => 0,
        AuthKind::X509Thumbprint => 1,
        AuthKind::X509Ca => 2,
    };
    (scope, kind)
}

fn method_of((scope, kind): (u8, u8)) -> Option<AuthMethod> {
    let scope = match scope {
        1 => AuthScope::Hub,
        2 => AuthScope::Device,
        3 => AuthScope::Module,
        _ => return None,
    };
    let kind = match kind {
        0 => AuthKind::Sas,
        1 => AuthKind::X509Thumbprint,
        2 => AuthKind::X509Ca,
        _ => return None,
    };
    Some(AuthMethod { scope, kind })
}

/// Each property at the place of its code.
const BY_CODE: [SystemProperty; 17] = {
    let mut by_code = SystemProperty::ALL;
    let mut index = 0;
    while index < by_code.len() {
        let property = SystemProperty::ALL[index];
        by_code[code_of_property(property) as usize] = property;
        index += 1;
    }
    by_code
};

const fn code_of_property(property: SystemProperty) -> u8 {
    match property {
        SystemProperty::MessageId => 0,
        SystemProperty::CorrelationId => 1,
        SystemProperty::UserId => 2,
        SystemProperty::To => 3,
        SystemProperty::ContentType => 4,
        SystemProperty::ContentEncoding => 5,
        SystemProperty::AbsoluteExpiry => 6,
        SystemProperty::CreationTime => 7,
        SystemProperty::OutputName => 8,
        SystemProperty::Component => 9,
        SystemProperty::InterfaceId => 10,
        SystemProperty::Schema => 11,
        SystemProperty::Acknowledgement => 12,
        SystemProperty::Operation => 13,
        SystemProperty::DiagnosticId => 14,
        SystemProperty::CorrelationContext => 15,
        SystemProperty::ModelId => 16,
    }
}

fn property_of(code: u8) -> Option<SystemProperty> {
    BY_CODE.get(usize::from(code)).copied()
}

#[cfg(test)]
mod tests;
