//! Addresses below `/devices`: whose links, and what they carry.
//!
//! ```text
//! devices/{device}[/modules/{module}]/messages/events
//! devices/{device}[/modules/{module}]/messages/deviceBound
//! devices/{device}[/modules/{module}]/methods/deviceBound
//! devices/{device}[/modules/{module}]/twin
//! ```
//!
//! Fixed words have no case, IDs have. The same address means one thing to who
//! sends and another to who receives.

use twinhub_amqp_server::Direction;
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};

/// What a link of a device or module carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Messages to the cloud.
    Telemetry,
    /// Messages to a module's inputs.
    Inputs,
    /// Messages from the cloud.
    Messages,
    /// Requests about the twin.
    TwinRequests,
    /// Answers to those, and changes of desired properties.
    TwinAnswers,
    /// Calls of methods.
    MethodCalls,
    /// What methods returned.
    MethodReplies,
}

/// A link of a device or module, by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLink {
    /// Whose it is.
    pub identity: IdentityId,
    /// What it carries.
    pub purpose: Purpose,
}

/// Why an address below `/devices` leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchLink {
    /// There is no such address.
    #[error("no device or module has such an address")]
    Address,
    /// The address is for the other direction.
    #[error("links to this address have the other direction")]
    Direction,
}

impl DeviceLink {
    /// Reads the segments of an address; `None` if it is not below `/devices`.
    pub fn parse(segments: &[&str], direction: Direction) -> Option<Result<Self, NoSuchLink>> {
        let (devices, rest) = segments.split_first()?;
        is(devices, "devices").then(|| below_devices(rest, direction))
    }
}

fn below_devices(segments: &[&str], direction: Direction) -> Result<DeviceLink, NoSuchLink> {
    let (device, rest) = segments.split_first().ok_or(NoSuchLink::Address)?;
    let device = DeviceId::parse(device).map_err(|_| NoSuchLink::Address)?;
    let (identity, rest) = match rest {
        [modules, module, rest @ ..] if is(modules, "modules") => {
            let module = ModuleId::parse(module).map_err(|_| NoSuchLink::Address)?;
            (IdentityId::module(device, module), rest)
        }
        rest => (IdentityId::from(device), rest),
    };
    let purpose = purpose(rest, direction, &identity)?;
    Ok(DeviceLink { identity, purpose })
}

fn purpose(
    segments: &[&str],
    direction: Direction,
    identity: &IdentityId,
) -> Result<Purpose, NoSuchLink> {
    let bound = |word: &str| is(word, "deviceBound");
    match (segments, direction) {
        ([twin], Direction::ToHub) if is(twin, "twin") => Ok(Purpose::TwinRequests),
        ([twin], Direction::FromHub) if is(twin, "twin") => Ok(Purpose::TwinAnswers),
        ([methods, to], Direction::ToHub) if is(methods, "methods") && bound(to) => {
            Ok(Purpose::MethodReplies)
        }
        ([methods, to], Direction::FromHub) if is(methods, "methods") && bound(to) => {
            Ok(Purpose::MethodCalls)
        }
        ([messages, events], direction) if is(messages, "messages") && is(events, "events") => {
            match (direction, identity) {
                (Direction::ToHub, _) => Ok(Purpose::Telemetry),
                (Direction::FromHub, IdentityId::Module { .. }) => Ok(Purpose::Inputs),
                (Direction::FromHub, IdentityId::Device(_)) => Err(NoSuchLink::Direction),
            }
        }
        ([messages, to], direction) if is(messages, "messages") && bound(to) => match direction {
            Direction::FromHub => Ok(Purpose::Messages),
            Direction::ToHub => Err(NoSuchLink::Direction),
        },
        _ => Err(NoSuchLink::Address),
    }
}

fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str, direction: Direction) -> Option<Result<(String, Purpose), NoSuchLink>> {
        let segments: Vec<&str> = path.split('/').collect();
        let parsed = DeviceLink::parse(&segments, direction)?;
        Some(parsed.map(|link| (link.identity.to_string(), link.purpose)))
    }

    #[test]
    fn every_link_of_a_device_has_its_purpose_whatever_the_case_of_words() {
        for (path, direction, purpose) in [
            (
                "devices/Pump-7/messages/events",
                Direction::ToHub,
                Purpose::Telemetry,
            ),
            (
                "DEVICES/Pump-7/Messages/DEVICEBOUND",
                Direction::FromHub,
                Purpose::Messages,
            ),
            (
                "devices/Pump-7/methods/devicebound",
                Direction::FromHub,
                Purpose::MethodCalls,
            ),
            (
                "devices/Pump-7/methods/deviceBound",
                Direction::ToHub,
                Purpose::MethodReplies,
            ),
            (
                "devices/Pump-7/twin",
                Direction::ToHub,
                Purpose::TwinRequests,
            ),
            (
                "devices/Pump-7/Twin",
                Direction::FromHub,
                Purpose::TwinAnswers,
            ),
        ] {
            let expected = Some(Ok(("Pump-7".to_owned(), purpose)));
            assert_eq!(parsed(path, direction), expected, "{path}");
        }
    }

    #[test]
    fn modules_have_the_same_links_and_inputs() {
        for (path, direction, purpose) in [
            ("messages/events", Direction::ToHub, Purpose::Telemetry),
            ("messages/events", Direction::FromHub, Purpose::Inputs),
            (
                "messages/deviceBound",
                Direction::FromHub,
                Purpose::Messages,
            ),
            (
                "methods/deviceBound",
                Direction::FromHub,
                Purpose::MethodCalls,
            ),
            ("twin", Direction::ToHub, Purpose::TwinRequests),
        ] {
            let expected = Some(Ok(("d/m".to_owned(), purpose)));
            let path = format!("devices/d/modules/m/{path}");
            assert_eq!(parsed(&path, direction), expected, "{path}");
        }
    }

    #[test]
    fn links_in_the_wrong_direction_are_told_from_addresses_that_are_none() {
        let both = [Direction::ToHub, Direction::FromHub];
        for path in [
            "devices",
            "devices/",
            "devices/d",
            "devices/a b/twin",
            "devices/d/twin/more",
            "devices/d/modules/m",
            "devices/d/modules/a b/twin",
            "devices/d/messages",
        ] {
            for direction in both {
                let parsed = parsed(path, direction);
                assert_eq!(parsed, Some(Err(NoSuchLink::Address)), "{path}");
            }
        }
        for (path, direction) in [
            ("devices/d/messages/events", Direction::FromHub),
            ("devices/d/messages/deviceBound", Direction::ToHub),
        ] {
            let parsed = parsed(path, direction);
            assert_eq!(parsed, Some(Err(NoSuchLink::Direction)), "{path}");
        }
    }

    #[test]
    fn other_addresses_belong_to_others() {
        for path in ["", "messages/devicebound", "$cbs", "device/d/twin"] {
            assert_eq!(parsed(path, Direction::ToHub), None, "{path}");
        }
    }
}
