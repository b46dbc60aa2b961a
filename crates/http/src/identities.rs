//! The identity registry over REST.

use std::collections::HashSet;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;
use twinhub_core::access::{
    Caller, ModulesReadPermit, ModulesWritePermit, RegistryReadPermit, RegistryWritePermit,
};
use twinhub_core::etag::Precondition;
use twinhub_core::identities::{MAX_BULK_ITEMS, MAX_LISTED_DEVICES, Registry};
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};

use crate::documents::bulk::{
    BulkResult, ItemErrorDocument, ItemInput, NamedItem, RegenerateErrorDocument, RegenerateInput,
    RegenerateItemInput, RegenerateResult, RotatedKeys,
};
use crate::documents::identity::{DeviceDocument, DeviceInput, ModuleDocument, ModuleInput};
use crate::error_codes;
use crate::refusal::Refusal;
use crate::request::{Query, parse_document, parse_json};
use crate::response::{Body, empty, json as json_response, json_with_etag};
use crate::router::invalid_id;

type Answer = Result<Response<Body>, Refusal>;

/// `GET /devices?top=`
pub async fn list(registry: &Registry, permit: &RegistryReadPermit, query: &Query) -> Answer {
    // What is not from 1 to 1000 counts as 1000, as on the hub.
    let top = query
        .get("top")
        .and_then(|top| top.parse().ok())
        .filter(|top| (1..=MAX_LISTED_DEVICES).contains(top))
        .unwrap_or(MAX_LISTED_DEVICES);
    let devices = registry.devices(permit, top).await?;
    let devices: Vec<_> = devices.into_iter().map(DeviceDocument::of).collect();
    Ok(json_response(StatusCode::OK, &devices))
}

/// `GET /devices/{id}`
pub async fn get(registry: &Registry, permit: &RegistryReadPermit, id: &DeviceId) -> Answer {
    let device = registry.device(permit, id).await?;
    let etag = device.0.etag();
    Ok(json_with_etag(&DeviceDocument::of(device), &etag))
}

/// `PUT /devices/{id}`
pub async fn put(
    registry: &Registry,
    permit: &RegistryWritePermit,
    id: DeviceId,
    if_match: &Precondition,
    body: &Bytes,
) -> Answer {
    let input: DeviceInput = parse_document(body)?;
    let spec = input.into_spec(id)?;
    let device = registry.put_device(permit, spec, if_match).await?;
    let etag = device.0.etag();
    Ok(json_with_etag(&DeviceDocument::of(device), &etag))
}

/// `DELETE /devices/{id}`
pub async fn delete(
    registry: &Registry,
    permit: &RegistryWritePermit,
    id: &DeviceId,
    if_match: &Precondition,
) -> Answer {
    registry.delete_device(permit, id, if_match).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `GET /devices/{id}/modules`
pub async fn list_modules(registry: &Registry, permit: &ModulesReadPermit) -> Answer {
    let modules = registry.modules(permit).await?;
    let modules: Vec<_> = modules.into_iter().map(ModuleDocument::of).collect();
    Ok(json_response(StatusCode::OK, &modules))
}

/// `GET /devices/{id}/modules/{mid}`
pub async fn get_module(registry: &Registry, permit: &ModulesReadPermit, id: &ModuleId) -> Answer {
    let module = registry.module(permit, id).await?;
    let etag = module.0.etag();
    Ok(json_with_etag(&ModuleDocument::of(module), &etag))
}

/// `PUT /devices/{id}/modules/{mid}`
pub async fn put_module(
    registry: &Registry,
    permit: &ModulesWritePermit,
    id: ModuleId,
    if_match: &Precondition,
    body: &Bytes,
) -> Answer {
    let input: ModuleInput = parse_document(body)?;
    let spec = input.into_spec(permit.device().clone(), id)?;
    let module = registry.put_module(permit, spec, if_match).await?;
    let etag = module.0.etag();
    Ok(json_with_etag(&ModuleDocument::of(module), &etag))
}

/// `DELETE /devices/{id}/modules/{mid}`
pub async fn delete_module(
    registry: &Registry,
    permit: &ModulesWritePermit,
    id: &ModuleId,
    if_match: &Precondition,
) -> Answer {
    registry.delete_module(permit, id, if_match).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `GET /statistics/devices`
pub async fn statistics(registry: &Registry, permit: &RegistryReadPermit) -> Answer {
    let statistics = registry.statistics(permit).await?;
    let body = json!({
        "totalDeviceCount": statistics.total,
        "enabledDeviceCount": statistics.enabled,
        "disabledDeviceCount": statistics.disabled,
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// `GET /statistics/service`
pub fn service_statistics(registry: &Registry, caller: &Caller) -> Answer {
    let connected = registry.connected_devices(&caller.service()?);
    let body = json!({ "connectedDeviceCount": connected });
    Ok(json_response(StatusCode::OK, &body))
}

/// `POST /devices`: items that can be done are, whatever becomes of others.
pub async fn bulk(registry: &Registry, permit: &RegistryWritePermit, body: &Bytes) -> Answer {
    let inputs: Vec<ItemInput> = parse_json(body)?;
    check_count(inputs.len())?;
    let named: Vec<NamedItem> = inputs
        .into_iter()
        .map(ItemInput::named)
        .collect::<Result<_, _>>()?;
    let mut seen = HashSet::new();
    if let Some(twice) = named.iter().find(|item| !seen.insert(item.id.as_str())) {
        return Err(defined_twice(&twice.id));
    }

    let mut errors = Vec::new();
    let mut items = Vec::new();
    let mut operations = Vec::new();
    for named in named {
        match named.item {
            Ok(item) => {
                operations.push((item.id(), named.operation));
                items.push(item);
            }
            Err(refusal) => errors.push(ItemErrorDocument {
                device_id: named.id,
                module_id: named.module_id,
                error_code: refusal.code.name,
                error_status: refusal.message,
                operation: named.operation,
            }),
        }
    }
    for failed in registry.bulk(permit, items).await {
        let operation = operations
            .iter()
            .find(|(id, _)| *id == failed.id)
            .and_then(|(_, operation)| operation.clone());
        let refusal = Refusal::from(failed.error);
        errors.push(ItemErrorDocument {
            device_id: failed.id.device_id().to_string(),
            module_id: failed.id.module_id().map(ToString::to_string),
            error_code: refusal.code.name,
            error_status: refusal.message,
            operation,
        });
    }
    Ok(bulk_answer(errors))
}

fn bulk_answer(errors: Vec<ItemErrorDocument>) -> Response<Body> {
    let result = BulkResult {
        is_successful: errors.is_empty(),
        errors,
        warnings: [],
    };
    if result.is_successful {
        return json_response(StatusCode::OK, &result);
    }
    let mut response = json_response(StatusCode::BAD_REQUEST, &result);
    let name = HeaderValue::from_static(error_codes::BULK_REGISTRY_OPERATION_FAILURE.name);
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("iothub-errorcode"), name.clone());
    // .NET looks for the result only if this header, too, is there.
    headers.insert(HeaderName::from_static("iothuberrorcode"), name);
    response
}

/// `POST /devices/keys/regenerate`
pub async fn regenerate_keys(
    registry: &Registry,
    permit: &RegistryWritePermit,
    body: &Bytes,
) -> Answer {
    let input: RegenerateInput = parse_document(body)?;
    check_count(input.devices.len())?;
    let (which, policy_key) = input.which()?;
    let mut seen = HashSet::new();
    let twice = input
        .devices
        .iter()
        .find(|item| !seen.insert((item.id.as_str(), item.module_id.as_deref())));
    if let Some(twice) = twice {
        return Err(defined_twice(&twice.id));
    }
    let mut rotated_keys = Vec::new();
    let mut errors = Vec::new();
    for item in input.devices {
        let done = match identity_id(&item) {
            Ok(id) => registry
                .regenerate_keys(permit, &id, which)
                .await
                .map_err(Refusal::from),
            Err(refusal) => Err(refusal),
        };
        match done {
            Ok(rotated) => rotated_keys.push(RotatedKeys {
                id: item.id,
                module_id: item.module_id,
                primary_key: rotated.keys.primary.expose().to_owned(),
                secondary_key: rotated.keys.secondary.expose().to_owned(),
            }),
            Err(refusal) => errors.push(RegenerateErrorDocument {
                id: item.id,
                module_id: item.module_id,
                error_code: refusal.code.name,
                error_status: refusal.message,
            }),
        }
    }
    let status = match (rotated_keys.is_empty(), errors.is_empty()) {
        (_, true) => StatusCode::OK,
        (false, false) => StatusCode::MULTI_STATUS,
        (true, false) => StatusCode::BAD_REQUEST,
    };
    let result = RegenerateResult {
        policy_key,
        rotated_keys,
        errors,
    };
    let mut response = json_response(status, &result);
    if status == StatusCode::BAD_REQUEST {
        response.headers_mut().insert(
            HeaderName::from_static("iothub-errorcode"),
            HeaderValue::from_static(error_codes::BULK_REGENERATE_FAILURE.name),
        );
    }
    Ok(response)
}

fn identity_id(item: &RegenerateItemInput) -> Result<IdentityId, Refusal> {
    let device = DeviceId::parse(&item.id).map_err(|error| invalid_id("device", &error))?;
    match item.module_id.as_deref() {
        None | Some("") => Ok(device.into()),
        Some(module) => {
            let module = ModuleId::parse(module).map_err(|error| invalid_id("module", &error))?;
            Ok(IdentityId::module(device, module))
        }
    }
}

fn defined_twice(id: &str) -> Refusal {
    Refusal::new(
        error_codes::DEVICE_DEFINED_MULTIPLE_TIMES,
        format!("{id} stands in the request more than once"),
    )
}

fn check_count(items: usize) -> Result<(), Refusal> {
    if items > MAX_BULK_ITEMS {
        return Err(Refusal::new(
            error_codes::TOO_MANY_DEVICES,
            format!("a request has at most {MAX_BULK_ITEMS} items, this one has {items}"),
        ));
    }
    Ok(())
}
