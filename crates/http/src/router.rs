//! Which operation a request means.
//!
//! Every operation of the hub's REST API is named here, built or not, so that
//! what is missing is refused by name (501) and never mistaken for an unknown
//! path (404). Fixed segments match in any case; IDs do not.

use http::Method;
use twinhub_core::ids::{DeviceId, InvalidId, ModuleId};
use twinhub_core::transfer::TransferId;

use crate::error_codes;
use crate::refusal::Refusal;

mod messages;
mod status;

pub use self::messages::MessageEndpoint;
pub use self::status::StatusEndpoint;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Messages or events, which devices and back ends have each their part in.
    Messages(MessageEndpoint),
    /// How the hub stands, which is asked by policies.
    Status(StatusEndpoint),
    /// Anything else, which is asked by policies and by devices for themselves.
    Other(Endpoint),
}

impl Route {
    /// Finds it; a wrong method and an unknown path are refused.
    pub fn find(method: &Method, segments: &[&str]) -> Result<Self, Refusal> {
        if let Some(endpoint) = messages::route(method, segments) {
            return endpoint.map(Route::Messages);
        }
        if let Some(endpoint) = status::route(method, segments) {
            return endpoint.map(Route::Status);
        }
        route(method, segments).map(Route::Other)
    }

    /// The operation's name in metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Route::Messages(endpoint) => endpoint.name(),
            Route::Status(endpoint) => endpoint.name(),
            Route::Other(endpoint) => endpoint.name(),
        }
    }
}

/// An operation of the data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET /devices`
    ListDevices,
    /// `POST /devices`
    Bulk,
    /// `POST /devices/query`
    Query,
    /// `POST /devices/keys/regenerate`
    RegenerateKeys,
    /// `GET /devices/{id}`
    GetDevice(DeviceId),
    /// `PUT /devices/{id}`
    PutDevice(DeviceId),
    /// `DELETE /devices/{id}`
    DeleteDevice(DeviceId),
    /// `GET /devices/{id}/modules`
    ListModules(DeviceId),
    /// `GET /devices/{id}/modules/{mid}`
    GetModule(DeviceId, ModuleId),
    /// `PUT /devices/{id}/modules/{mid}`
    PutModule(DeviceId, ModuleId),
    /// `DELETE /devices/{id}/modules/{mid}`
    DeleteModule(DeviceId, ModuleId),
    /// `GET /statistics/devices`
    RegistryStatistics,
    /// `GET /statistics/service`
    ServiceStatistics,
    /// `GET /twins/{id}[/modules/{mid}]`
    GetTwin(DeviceId, Option<ModuleId>),
    /// `PATCH /twins/{id}[/modules/{mid}]`
    PatchTwin(DeviceId, Option<ModuleId>),
    /// `PUT /twins/{id}[/modules/{mid}]`
    ReplaceTwin(DeviceId, Option<ModuleId>),
    /// `POST /twins/{id}[/modules/{mid}]/methods`
    InvokeMethod(DeviceId, Option<ModuleId>),
    /// `POST /jobs/create`
    CreateTransfer,
    /// `GET /jobs`
    ListTransfers,
    /// `GET /jobs/{id}`
    GetTransfer(TransferId),
    /// `DELETE /jobs/{id}`
    CancelTransfer(TransferId),
    /// An operation of the hub that this version does not have.
    NotBuilt(&'static str),
}

impl Endpoint {
    /// The operation's name in metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Endpoint::ListDevices => "list_devices",
            Endpoint::Bulk => "bulk",
            Endpoint::Query => "query",
            Endpoint::RegenerateKeys => "regenerate_keys",
            Endpoint::GetDevice(_) => "get_device",
            Endpoint::PutDevice(_) => "put_device",
            Endpoint::DeleteDevice(_) => "delete_device",
            Endpoint::ListModules(_) => "list_modules",
            Endpoint::GetModule(..) => "get_module",
            Endpoint::PutModule(..) => "put_module",
            Endpoint::DeleteModule(..) => "delete_module",
            Endpoint::RegistryStatistics => "registry_statistics",
            Endpoint::ServiceStatistics => "service_statistics",
            Endpoint::GetTwin(..) => "get_twin",
            Endpoint::PatchTwin(..) => "patch_twin",
            Endpoint::ReplaceTwin(..) => "replace_twin",
            Endpoint::InvokeMethod(..) => "invoke_method",
            Endpoint::CreateTransfer => "create_transfer",
            Endpoint::ListTransfers => "list_transfers",
            Endpoint::GetTransfer(_) => "get_transfer",
            Endpoint::CancelTransfer(_) => "cancel_transfer",
            Endpoint::NotBuilt(_) => "not_built",
        }
    }
}

/// Finds an operation that has nothing to do with messages.
fn route(method: &Method, segments: &[&str]) -> Result<Endpoint, Refusal> {
    let folded = folded(segments);
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    match (folded.as_slice(), segments) {
        (["devices"], _) => match *method {
            Method::GET => Ok(Endpoint::ListDevices),
            Method::POST => Ok(Endpoint::Bulk),
            _ => Err(Refusal::wrong_method("GET, POST")),
        },
        (["devices", "query"], _) if *method == Method::POST => Ok(Endpoint::Query),
        (["devices", _], [_, device]) => {
            let device = device_id(device)?;
            match *method {
                Method::GET => Ok(Endpoint::GetDevice(device)),
                Method::PUT => Ok(Endpoint::PutDevice(device)),
                Method::DELETE => Ok(Endpoint::DeleteDevice(device)),
                _ => Err(Refusal::wrong_method("GET, PUT, DELETE")),
            }
        }
        (["devices", "keys", "regenerate"], _) => match *method {
            Method::POST => Ok(Endpoint::RegenerateKeys),
            _ => Err(Refusal::wrong_method("POST")),
        },
        (["devices", _, "modules"], [_, device, _]) => match *method {
            Method::GET => Ok(Endpoint::ListModules(device_id(device)?)),
            _ => Err(Refusal::wrong_method("GET")),
        },
        (["devices", _, "modules", _], [_, device, _, module]) => {
            let (device, module) = (device_id(device)?, module_id(module)?);
            match *method {
                Method::GET => Ok(Endpoint::GetModule(device, module)),
                Method::PUT => Ok(Endpoint::PutModule(device, module)),
                Method::DELETE => Ok(Endpoint::DeleteModule(device, module)),
                _ => Err(Refusal::wrong_method("GET, PUT, DELETE")),
            }
        }
        (["statistics", "devices"], _) => match *method {
            Method::GET => Ok(Endpoint::RegistryStatistics),
            _ => Err(Refusal::wrong_method("GET")),
        },
        (["statistics", "service"], _) => match *method {
            Method::GET => Ok(Endpoint::ServiceStatistics),
            _ => Err(Refusal::wrong_method("GET")),
        },
        (["twins", _], [_, device]) => twin(method, device_id(device)?, None),
        (["twins", _, "modules", _], [_, device, _, module]) => {
            twin(method, device_id(device)?, Some(module_id(module)?))
        }
        (["twins", _, "methods"], [_, device, _]) => {
            invoke_method(method, device_id(device)?, None)
        }
        (["twins", _, "modules", _, "methods"], [_, device, _, module, _]) => {
            invoke_method(method, device_id(device)?, Some(module_id(module)?))
        }
        (["jobs"], _) => match *method {
            Method::GET => Ok(Endpoint::ListTransfers),
            _ => Err(Refusal::wrong_method("GET")),
        },
        (["jobs", "create"], _) if *method == Method::POST => Ok(Endpoint::CreateTransfer),
        (["jobs", id], [_, job]) if *id != "v2" => match *method {
            Method::GET => Ok(Endpoint::GetTransfer(TransferId::named(job))),
            Method::DELETE => Ok(Endpoint::CancelTransfer(TransferId::named(job))),
            _ => Err(Refusal::wrong_method("GET, DELETE")),
        },
        (folded, _) => not_built(folded).map_or_else(
            || {
                Err(Refusal::new(
                    error_codes::GENERIC_NOT_FOUND,
                    "there is nothing at this path",
                ))
            },
            |feature| Ok(Endpoint::NotBuilt(feature)),
        ),
    }
}

/// Segments to compare with fixed ones.
fn folded(segments: &[&str]) -> Vec<String> {
    segments.iter().map(|s| s.to_ascii_lowercase()).collect()
}

fn twin(method: &Method, device: DeviceId, module: Option<ModuleId>) -> Result<Endpoint, Refusal> {
    match *method {
        Method::GET => Ok(Endpoint::GetTwin(device, module)),
        Method::PATCH => Ok(Endpoint::PatchTwin(device, module)),
        Method::PUT => Ok(Endpoint::ReplaceTwin(device, module)),
        _ => Err(Refusal::wrong_method("GET, PATCH, PUT")),
    }
}

fn invoke_method(
    method: &Method,
    device: DeviceId,
    module: Option<ModuleId>,
) -> Result<Endpoint, Refusal> {
    match *method {
        Method::POST => Ok(Endpoint::InvokeMethod(device, module)),
        _ => Err(Refusal::wrong_method("POST")),
    }
}

/// Operations of the hub that are not built yet, by the shape of their paths.
fn not_built(folded: &[&str]) -> Option<&'static str> {
    match folded {
        ["jobs", "v2", ..] => Some("scheduled jobs"),
        ["configurations", ..] | ["devices", _, "applyconfigurationcontent"] => {
            Some("configurations")
        }
        ["digitaltwins", ..] => Some("digital twins"),
        ["messages", "servicebound", "filenotifications", ..] => Some("file notifications"),
        ["devices", _, "files", ..] | ["devices", _, "modules", _, "files", ..] => {
            Some("file upload")
        }
        [
            "devices",
            _,
            "modules",
            _,
            "devicesandmodulesindevicescope"
            | "deviceandmoduleindevicescope"
            | "devicesandmodulesintargetdevicescope"
            | "getdeviceandmoduleonbehalfof"
            | "putmoduleonbehalfof"
            | "getmoduleonbehalfof"
            | "getmodulesontargetdevice"
            | "deletemoduleonbehalfof",
        ] => Some("device scopes of edge hubs"),
        _ => None,
    }
}

fn device_id(text: &str) -> Result<DeviceId, Refusal> {
    DeviceId::parse(text).map_err(|error| invalid_id("device", &error))
}

fn module_id(text: &str) -> Result<ModuleId, Refusal> {
    ModuleId::parse(text).map_err(|error| invalid_id("module", &error))
}

/// The refusal of a malformed ID.
pub fn invalid_id(kind: &str, error: &InvalidId) -> Refusal {
    Refusal::invalid(format!("the {kind} id can't be taken: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(segments: &[&str]) -> Result<Endpoint, Refusal> {
        route(&Method::GET, segments)
    }

    #[test]
    fn fixed_segments_match_in_any_case_and_ids_keep_theirs() {
        let expected = Endpoint::GetModule(
            DeviceId::parse("Pump").unwrap(),
            ModuleId::parse("Sensor").unwrap(),
        );

        assert_eq!(get(&["DEVICES", "Pump", "Modules", "Sensor"]), Ok(expected));
    }

    #[test]
    fn a_wrong_method_tells_the_right_ones() {
        let refusal = route(&Method::POST, &["twins", "pump-7"]).unwrap_err();

        assert_eq!(refusal.code, error_codes::METHOD_NOT_ALLOWED);
        assert_eq!(refusal.allow, Some("GET, PATCH, PUT"));
    }

    #[test]
    fn what_is_not_built_is_named_and_what_does_not_exist_is_not_found() {
        assert_eq!(
            get(&["configurations", "c"]),
            Ok(Endpoint::NotBuilt("configurations"))
        );
        assert_eq!(
            get(&["nonsense"]).unwrap_err().code,
            error_codes::GENERIC_NOT_FOUND
        );
        assert_eq!(
            get(&["$admin", "exportRegistry"]).unwrap_err().code,
            error_codes::GENERIC_NOT_FOUND
        );
    }

    #[test]
    fn a_device_may_be_called_like_a_path() {
        assert_eq!(
            get(&["devices", "query"]),
            Ok(Endpoint::GetDevice(DeviceId::parse("query").unwrap()))
        );
    }
}
