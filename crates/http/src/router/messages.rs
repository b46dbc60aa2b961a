//! The paths of messages and events.

use http::Method;
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};

use super::{device_id, folded, module_id};
use crate::error_codes;
use crate::refusal::Refusal;

/// An operation on messages or events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageEndpoint {
    /// `POST /devices/{id}/messages/events`
    SendTelemetry(DeviceId),
    /// `GET /devices/{id}/messages/deviceBound`
    Receive(DeviceId),
    /// `DELETE /devices/{id}/messages/deviceBound/{lock}`
    CompleteOrReject(DeviceId, String),
    /// `POST /devices/{id}/messages/deviceBound/{lock}/abandon`
    Abandon(DeviceId, String),
    /// `POST /devices/{id}[/modules/{mid}]/messages/deviceBound`
    Send(IdentityId),
    /// `DELETE /devices/{id}[/modules/{mid}]/commands`
    Purge(IdentityId),
    /// `GET /messages/serviceBound/feedback`
    ReceiveFeedback,
    /// `DELETE /messages/serviceBound/feedback/{lock}`
    CompleteFeedback(String),
    /// `POST /messages/serviceBound/feedback/{lock}/abandon`
    AbandonFeedback(String),
    /// `GET /twinhub/v1/events`
    FollowEvents,
}

impl MessageEndpoint {
    /// The operation's name in metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            MessageEndpoint::SendTelemetry(_) => "send_telemetry",
            MessageEndpoint::Receive(_) => "receive_message",
            MessageEndpoint::CompleteOrReject(..) => "settle_message",
            MessageEndpoint::Abandon(..) => "abandon_message",
            MessageEndpoint::Send(_) => "send_message",
            MessageEndpoint::Purge(_) => "purge_messages",
            MessageEndpoint::ReceiveFeedback => "receive_feedback",
            MessageEndpoint::CompleteFeedback(_) => "complete_feedback",
            MessageEndpoint::AbandonFeedback(_) => "abandon_feedback",
            MessageEndpoint::FollowEvents => "follow_events",
        }
    }
}

type Routed = Result<MessageEndpoint, Refusal>;

/// Finds the operation if the path is one of messages or events.
pub(super) fn route(method: &Method, segments: &[&str]) -> Option<Routed> {
    let folded = folded(segments);
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    let routed = match (folded.as_slice(), segments) {
        (["devices", _, "messages", rest @ ..], [_, device, _, given @ ..]) => {
            device_id(device).and_then(|device| of_device(method, device, rest, given))
        }
        (["devices", _, "modules", _, "messages", rest @ ..], [_, device, _, module, _, ..]) => {
            identity(device, module).and_then(|id| of_module(method, id, rest))
        }
        (["devices", _, "commands"], [_, device, _]) => {
            only(method, Method::DELETE, "DELETE", || {
                Ok(MessageEndpoint::Purge(device_id(device)?.into()))
            })
        }
        (["devices", _, "modules", _, "commands"], [_, device, _, module, _]) => {
            only(method, Method::DELETE, "DELETE", || {
                identity(device, module).map(MessageEndpoint::Purge)
            })
        }
        (["messages", "servicebound", "feedback", rest @ ..], [_, _, _, given @ ..]) => {
            feedback(method, rest, given)
        }
        (["twinhub", "v1", "events"], _) => only(method, Method::GET, "GET", || {
            Ok(MessageEndpoint::FollowEvents)
        }),
        _ => return None,
    };
    Some(routed)
}

fn of_device(method: &Method, device: DeviceId, rest: &[&str], given: &[&str]) -> Routed {
    match (rest, given) {
        (["events"], _) => only(method, Method::POST, "POST", || {
            Ok(MessageEndpoint::SendTelemetry(device))
        }),
        (["devicebound"], _) => match *method {
            Method::GET => Ok(MessageEndpoint::Receive(device)),
            Method::POST => Ok(MessageEndpoint::Send(device.into())),
            _ => Err(Refusal::wrong_method("GET, POST")),
        },
        (["devicebound", _], [_, lock]) => only(method, Method::DELETE, "DELETE", || {
            Ok(MessageEndpoint::CompleteOrReject(
                device,
                (*lock).to_owned(),
            ))
        }),
        (["devicebound", _, "abandon"], [_, lock, _]) => only(method, Method::POST, "POST", || {
            Ok(MessageEndpoint::Abandon(device, (*lock).to_owned()))
        }),
        _ => Err(nothing_here()),
    }
}

/// Back ends send to modules; modules themselves have no messaging over
/// HTTPS, as on the hub.
fn of_module(method: &Method, id: IdentityId, rest: &[&str]) -> Routed {
    match rest {
        ["devicebound"] if *method == Method::POST => Ok(MessageEndpoint::Send(id)),
        _ => Err(Refusal::new(
            error_codes::GENERIC_NOT_FOUND,
            "modules have no messaging over HTTPS; connect the module by MQTT",
        )),
    }
}

fn feedback(method: &Method, rest: &[&str], given: &[&str]) -> Routed {
    match (rest, given) {
        ([], _) => only(method, Method::GET, "GET", || {
            Ok(MessageEndpoint::ReceiveFeedback)
        }),
        ([_], [lock]) => only(method, Method::DELETE, "DELETE", || {
            Ok(MessageEndpoint::CompleteFeedback((*lock).to_owned()))
        }),
        ([_, "abandon"], [lock, _]) => only(method, Method::POST, "POST", || {
            Ok(MessageEndpoint::AbandonFeedback((*lock).to_owned()))
        }),
        _ => Err(nothing_here()),
    }
}

fn only(
    method: &Method,
    allowed: Method,
    name: &'static str,
    endpoint: impl FnOnce() -> Routed,
) -> Routed {
    if *method == allowed {
        endpoint()
    } else {
        Err(Refusal::wrong_method(name))
    }
}

fn identity(device: &str, module: &str) -> Result<IdentityId, Refusal> {
    let module: ModuleId = module_id(module)?;
    Ok(IdentityId::module(device_id(device)?, module))
}

fn nothing_here() -> Refusal {
    Refusal::new(
        error_codes::GENERIC_NOT_FOUND,
        "there is nothing at this path",
    )
}

#[cfg(test)]
mod tests {
    use super::super::Route;
    use super::*;

    fn routed(method: Method, path: &str) -> Result<MessageEndpoint, Refusal> {
        let segments: Vec<&str> = path.split('/').collect();
        match Route::find(&method, &segments)? {
            Route::Messages(endpoint) => Ok(endpoint),
            other => panic!("{other:?}"),
        }
    }

    fn device() -> DeviceId {
        DeviceId::parse("Pump").unwrap()
    }

    #[test]
    fn every_operation_has_its_path_in_any_case_and_locks_keep_theirs() {
        let module = IdentityId::module(device(), ModuleId::parse("Sensor").unwrap());
        for (method, path, expected) in [
            (
                Method::POST,
                "devices/Pump/Messages/Events",
                MessageEndpoint::SendTelemetry(device()),
            ),
            (
                Method::GET,
                "devices/Pump/messages/deviceBound",
                MessageEndpoint::Receive(device()),
            ),
            (
                Method::POST,
                "devices/Pump/messages/devicebound",
                MessageEndpoint::Send(device().into()),
            ),
            (
                Method::POST,
                "devices/Pump/modules/Sensor/messages/deviceBound",
                MessageEndpoint::Send(module.clone()),
            ),
            (
                Method::DELETE,
                "devices/Pump/messages/deviceBound/LoCk",
                MessageEndpoint::CompleteOrReject(device(), "LoCk".to_owned()),
            ),
            (
                Method::POST,
                "devices/Pump/messages/deviceBound/LoCk/Abandon",
                MessageEndpoint::Abandon(device(), "LoCk".to_owned()),
            ),
            (
                Method::DELETE,
                "devices/Pump/commands",
                MessageEndpoint::Purge(device().into()),
            ),
            (
                Method::DELETE,
                "devices/Pump/modules/Sensor/commands",
                MessageEndpoint::Purge(module),
            ),
            (
                Method::GET,
                "messages/serviceBound/feedback",
                MessageEndpoint::ReceiveFeedback,
            ),
            (
                Method::DELETE,
                "messages/servicebound/feedback/LoCk",
                MessageEndpoint::CompleteFeedback("LoCk".to_owned()),
            ),
            (
                Method::POST,
                "messages/servicebound/feedback/LoCk/abandon",
                MessageEndpoint::AbandonFeedback("LoCk".to_owned()),
            ),
            (
                Method::GET,
                "twinhub/v1/events",
                MessageEndpoint::FollowEvents,
            ),
        ] {
            assert_eq!(routed(method, path), Ok(expected), "{path}");
        }
    }

    #[test]
    fn modules_do_not_send_or_receive_over_https() {
        for (method, path) in [
            (Method::POST, "devices/d/modules/m/messages/events"),
            (Method::GET, "devices/d/modules/m/messages/deviceBound"),
            (Method::DELETE, "devices/d/modules/m/messages/deviceBound/l"),
        ] {
            let refusal = routed(method, path).unwrap_err();

            assert_eq!(refusal.code, error_codes::GENERIC_NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn wrong_methods_tell_the_right_ones() {
        for (method, path, allow) in [
            (Method::GET, "devices/d/messages/events", "POST"),
            (Method::PUT, "devices/d/messages/deviceBound", "GET, POST"),
            (Method::GET, "devices/d/messages/deviceBound/l", "DELETE"),
            (Method::GET, "devices/d/commands", "DELETE"),
            (Method::POST, "messages/serviceBound/feedback", "GET"),
            (Method::POST, "twinhub/v1/events", "GET"),
        ] {
            let refusal = routed(method, path).unwrap_err();

            assert_eq!(refusal.code, error_codes::METHOD_NOT_ALLOWED, "{path}");
            assert_eq!(refusal.allow, Some(allow), "{path}");
        }
    }
}
