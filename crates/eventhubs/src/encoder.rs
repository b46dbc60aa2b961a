//! Events as messages: from the log's bytes straight into a transfer.
//!
//! Nothing is allocated for an event, and nothing is built before it is
//! written: each section is appended as it goes, and its size filled in at
//! its end. What readers rely on:
//!
//! - annotations have symbols as keys, and `x-opt-sequence-number` is a long,
//!   `x-opt-offset` a string, `x-opt-enqueued-time` a timestamp;
//! - application properties are strings, or null where the sender gave none;
//! - the body is one data section;
//! - only types that azure-eventhub's own decoder for Python knows.
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-messages-construct>

mod annotations;
mod application;
mod keys;
mod properties;
mod sections;

use bytes::BytesMut;
use twinhub_core::access::{AuthKind, AuthMethod, AuthScope};
use twinhub_core::events::EventRef;
use twinhub_core::messages::SystemProperty;

use self::sections::{put_binary, put_string};
use crate::runtime_info::RuntimeInfo;

/// What an event takes beside its body, its names and its values: as a first
/// guess, so that the buffer need not grow within an event.
const ROOM: usize = 768;

/// Writes events as their readers expect them.
#[derive(Debug)]
pub struct EventEncoder {
    /// `iothub-connection-auth-method` of each method, as a string on the wire.
    auth_methods: [Box<[u8]>; METHODS],
}

const SCOPES: [AuthScope; 3] = [AuthScope::Hub, AuthScope::Device, AuthScope::Module];
const KINDS: [AuthKind; 3] = [AuthKind::Sas, AuthKind::X509Thumbprint, AuthKind::X509Ca];
const METHODS: usize = SCOPES.len() * KINDS.len();

impl EventEncoder {
    /// One is enough for all readers.
    pub fn new() -> Self {
        let auth_methods = std::array::from_fn(|index| {
            let method = AuthMethod {
                scope: SCOPES[index / KINDS.len()],
                kind: KINDS[index % KINDS.len()],
            };
            let mut encoded = BytesMut::new();
            put_string(&mut encoded, &method.to_json());
            Box::from(&*encoded)
        });
        EventEncoder { auth_methods }
    }

    /// Appends an event as a message.
    pub fn encode(&self, event: &EventRef<'_>, runtime: Option<&RuntimeInfo>, out: &mut BytesMut) {
        out.reserve(ROOM + event.body().len());
        if let Some(runtime) = runtime {
            out.extend_from_slice(runtime.section());
        }
        let system = SystemProperties::of(event);
        annotations::write(event, &system, self.auth_method(event.auth_method), out);
        properties::write(&system, out);
        application::write(event, &system, out);
        out.extend_from_slice(&sections::DATA);
        put_binary(out, event.body());
    }

    fn auth_method(&self, method: Option<AuthMethod>) -> Option<&[u8]> {
        let AuthMethod { scope, kind } = method?;
        let scope = match scope {
            AuthScope::Hub => 0,
            AuthScope::Device => 1,
            AuthScope::Module => 2,
        };
        let kind = match kind {
            AuthKind::Sas => 0,
            AuthKind::X509Thumbprint => 1,
            AuthKind::X509Ca => 2,
        };
        Some(&self.auth_methods[scope * KINDS.len() + kind])
    }
}

impl Default for EventEncoder {
    fn default() -> Self {
        Self::new()
    }
}

/// An event's system properties by what they are: they are stored in the order
/// of the sender, and written in that of the wire.
struct SystemProperties<'a>([Option<&'a str>; SystemProperty::ALL.len()]);

impl<'a> SystemProperties<'a> {
    fn of(event: &EventRef<'a>) -> Self {
        let mut values = [None; SystemProperty::ALL.len()];
        for (property, value) in event.system() {
            values[property as usize].get_or_insert(value);
        }
        SystemProperties(values)
    }

    fn get(&self, property: SystemProperty) -> Option<&'a str> {
        self.0[property as usize]
    }
}

#[cfg(test)]
mod tests;
