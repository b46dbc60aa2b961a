//! Where a message is to go: its `to` property.
//!
//! ```text
//! /devices/{device}/messages/devicebound
//! /devices/{device}/modules/{module}/messages/devicebound
//! ```
//!
//! .NET and Node encode the IDs, Python and Java do not. An ID may hold
//! percent signs, so what is no device once decoded may be one as it stands.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    /// Whom it names.
    pub identity: IdentityId,
    /// Whom it means if the first is not registered.
    pub otherwise: Option<IdentityId>,
}

impl Destination {
    /// Reads `to`; nothing if it names no device or module.
    pub fn parse(to: &str) -> Option<Self> {
        let path = match to.split_once("://") {
            Some((_, rest)) => rest.split_once('/')?.1,
            None => to,
        };
        let path = path.strip_prefix('/').unwrap_or(path);
        let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        let is = |word: &str, expected: &str| word.eq_ignore_ascii_case(expected);
        let (device, module) = match segments[..] {
            [devices, device, messages, bound]
                if is(devices, "devices")
                    && is(messages, "messages")
                    && is(bound, "devicebound") =>
            {
                (device, None)
            }
            [devices, device, modules, module, messages, bound]
                if is(devices, "devices")
                    && is(modules, "modules")
                    && is(messages, "messages")
                    && is(bound, "devicebound") =>
            {
                (device, Some(module))
            }
            _ => return None,
        };
        let as_it_stands = identity(device, module);
        let decoded = identity(&decoded(device), module.map(decoded).as_deref());
        match (decoded, as_it_stands) {
            (Some(identity), otherwise) => Some(Destination {
                otherwise: otherwise.filter(|other| *other != identity),
                identity,
            }),
            (None, Some(identity)) => Some(Destination {
                identity,
                otherwise: None,
            }),
            (None, None) => None,
        }
    }
}

fn identity(device: &str, module: Option<&str>) -> Option<IdentityId> {
    let device = DeviceId::parse(device).ok()?;
    Some(match module {
        None => device.into(),
        Some(module) => IdentityId::module(device, ModuleId::parse(module).ok()?),
    })
}

fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment)
        .decode_utf8()
        .unwrap_or(Cow::Borrowed(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str) -> IdentityId {
        DeviceId::parse(id).unwrap().into()
    }

    fn named(to: &str) -> Option<IdentityId> {
        Destination::parse(to).map(|destination| destination.identity)
    }

    #[test]
    fn words_have_no_case_and_ids_do() {
        for to in [
            "/devices/Pump-7/messages/devicebound",
            "/devices/Pump-7/messages/deviceBound/",
            "devices/Pump-7/Messages/DeviceBound",
            "amqps://hub.example.com:5671/devices/Pump-7/messages/devicebound",
        ] {
            assert_eq!(named(to), Some(device("Pump-7")), "{to}");
        }
    }

    #[test]
    fn modules_are_named_below_their_devices() {
        let to = "/devices/pump-7/modules/m%3A1/messages/devicebound";
        let module = ModuleId::parse("m:1").unwrap();

        assert_eq!(
            named(to),
            Some(IdentityId::module(
                DeviceId::parse("pump-7").unwrap(),
                module
            ))
        );
    }

    #[test]
    fn ids_come_encoded_or_not() {
        assert_eq!(
            named("/devices/a%40b/messages/devicebound"),
            Some(device("a@b"))
        );
        assert_eq!(
            named("/devices/a@b?c/messages/devicebound"),
            Some(device("a@b?c"))
        );
        assert_eq!(
            named("/devices/50%/messages/devicebound"),
            Some(device("50%"))
        );
    }

    #[test]
    fn an_id_with_percent_signs_is_meant_if_the_decoded_one_is_not_there() {
        let destination = Destination::parse("/devices/a%40b/messages/devicebound").unwrap();

        assert_eq!(destination.otherwise, Some(device("a%40b")));
        assert_eq!(
            Destination::parse("/devices/a/messages/devicebound").map(|found| found.otherwise),
            Some(None)
        );
    }

    #[test]
    fn what_names_nobody_is_no_destination() {
        for to in [
            "",
            "/",
            "/devices",
            "/devices/pump-7/messages/events",
            "/devices/pump-7/devicebound",
            "/devices//messages/devicebound",
            "/devices/a b/messages/devicebound",
            "/devices/pump-7/modules//messages/devicebound",
            "/messages/devicebound",
            "amqps://hub.example.com",
        ] {
            assert_eq!(Destination::parse(to), None, "{to}");
        }
    }
}
