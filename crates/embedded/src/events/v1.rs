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

use bytes::{Buf as _, Bytes};
use twinhub_core::access::{AuthKind, AuthMethod, AuthScope};
use twinhub_core::events::{EventSource, Origin};
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::messages::{Message, MessageRef, SystemProperty};
use twinhub_core::time::Timestamp;

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

/// Reads a payload; `None` if it is none.
pub(crate) fn decode(payload: Bytes) -> Option<(Origin, Message)> {
    let mut input = Input(payload);
    let origin = origin(&mut input)?;
    let count = input.byte()?;
    let mut system = Vec::with_capacity(count.into());
    for _ in 0..count {
        let property = property_of(input.byte()?)?;
        system.push((property, input.text()?.into()));
    }
    let count = input.varint()?;
    let mut application = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        application.push((input.text()?.into(), input.optional_text()?.map(Into::into)));
    }
    let message = Message {
        system,
        application,
        body: input.0,
    };
    Some((origin, message))
}

fn origin(input: &mut Input) -> Option<Origin> {
    let source = source_of(input.byte()?)?;
    let is_module = input.byte()?;
    let generation = Timestamp::from_ticks(input.i64()?);
    let device = DeviceId::parse(&input.text()?).ok()?;
    let identity = match is_module {
        0 => IdentityId::Device(device),
        1 => IdentityId::module(device, ModuleId::parse(&input.text()?).ok()?),
        _ => return None,
    };
    Some(Origin {
        identity,
        generation,
        auth_method: match (input.byte()?, input.byte()?) {
            (0, 0) => None,
            codes => Some(method_of(codes)?),
        },
        model_id: input.optional_text()?.map(Into::into),
        source,
    })
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

struct Input(Bytes);

impl Input {
    fn byte(&mut self) -> Option<u8> {
        self.0.try_get_u8().ok()
    }

    fn i64(&mut self) -> Option<i64> {
        self.0.try_get_i64_le().ok()
    }

    fn varint(&mut self) -> Option<usize> {
        let mut number = 0;
        for shift in (0..u32::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<String> {
        let length = self.varint()?;
        self.text_of(length)
    }

    fn optional_text(&mut self) -> Option<Option<String>> {
        match self.varint()? {
            0 => Some(None),
            length => self.text_of(length - 1).map(Some),
        }
    }

    fn text_of(&mut self, length: usize) -> Option<String> {
        let bytes = self.0.get(..length)?;
        let text = std::str::from_utf8(bytes).ok()?.to_owned();
        self.0.advance(length);
        Some(text)
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

fn code_of_property(property: SystemProperty) -> u8 {
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
    SystemProperty::ALL
        .into_iter()
        .find(|property| code_of_property(*property) == code)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn origin() -> Origin {
        Origin {
            identity: IdentityId::module(
                DeviceId::parse("pump-7").unwrap(),
                ModuleId::parse("$edgeHub").unwrap(),
            ),
            generation: Timestamp::from_unix_seconds(1_700_000_000),
            auth_method: Some(AuthMethod {
                scope: AuthScope::Device,
                kind: AuthKind::X509Ca,
            }),
            model_id: None,
            source: EventSource::Telemetry,
        }
    }

    fn payload(message: &MessageRef<'_>) -> Bytes {
        let mut out = encode_origin(&origin());
        encode_message(message, &mut out);
        out.into()
    }

    fn with_everything(test: impl FnOnce(Bytes)) {
        let mut system: Vec<_> = SystemProperty::ALL
            .into_iter()
            .map(|property| (property, Cow::from(property.name())))
            .collect();
        system.push((SystemProperty::MessageId, "a duplicate".into()));
        let application = [
            (Cow::from("hall"), Some(Cow::from("7"))),
            (Cow::from("empty"), Some(Cow::from(""))),
            (Cow::from("flag"), None),
        ];
        test(payload(&MessageRef {
            system: &system,
            application: &application,
            body: b"\0body",
        }));
    }

    #[test]
    fn an_event_comes_back_as_it_was_written() {
        with_everything(|payload| {
            let (read, message) = decode(payload).unwrap();

            assert_eq!(read, origin());
            let all = SystemProperty::ALL.map(|property| (property, property.name().into()));
            assert_eq!(message.system, all);
            let application = [
                ("hall".into(), Some("7".into())),
                ("empty".into(), Some("".into())),
                ("flag".into(), None),
            ];
            assert_eq!(message.application, application);
            assert_eq!(&message.body[..], b"\0body");
        });
    }

    #[test]
    fn the_bytes_of_version_1_are_frozen() {
        let payload = payload(&MessageRef {
            system: &[(SystemProperty::ContentType, "a/b".into())],
            application: &[("k".into(), None)],
            body: b"{}",
        });

        let frozen = b"\x00\x01\x00\x00\xe4\xe8\x5e\xe5\xdb\x08\x06pump-7\x08$edgeHub\
            \x02\x02\x00\x01\x04\x03a/b\x01\x01k\x00{}";
        assert_eq!(
            payload.escape_ascii().to_string(),
            frozen.escape_ascii().to_string()
        );
    }

    #[test]
    fn a_cut_head_is_no_event() {
        with_everything(|payload| {
            let head = payload.len() - b"\0body".len();
            for length in 0..head {
                assert_eq!(decode(payload.slice(..length)), None, "{length}");
            }
        });
    }
}
