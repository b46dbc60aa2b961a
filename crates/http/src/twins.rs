//! Twins over REST.

use bytes::Bytes;
use http::Response;
use serde_json::Value;
use twinhub_core::access::ServicePermit;
use twinhub_core::etag::Precondition;
use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
use twinhub_core::twins::{TwinPatch, TwinView, TwinWrite, Twins};

use crate::documents::twin::{TwinDocument, parse_twin};
use crate::refusal::Refusal;
use crate::request::parse_json;
use crate::response::{Body, json_with_etag};

type Answer = Result<Response<Body>, Refusal>;

/// The identity that a path of twins names.
pub fn identity_of(device: DeviceId, module: Option<ModuleId>) -> IdentityId {
    match module {
        None => device.into(),
        Some(module) => IdentityId::module(device, module),
    }
}

/// `GET /twins/...`
pub async fn get(twins: &Twins, permit: &ServicePermit, id: &IdentityId) -> Answer {
    Ok(answer(twins.read(permit, id).await?))
}

/// `PATCH /twins/...` and `PUT /twins/...`
pub async fn write(
    twins: &Twins,
    permit: &ServicePermit,
    id: &IdentityId,
    if_match: &Precondition,
    body: &Bytes,
    kind: fn(TwinPatch) -> TwinWrite,
) -> Answer {
    let body: Value = parse_json(body)?;
    let write = kind(parse_twin(body)?);
    Ok(answer(twins.write(permit, id, &write, if_match).await?))
}

fn answer(view: TwinView) -> Response<Body> {
    let etag = view.twin.etag();
    json_with_etag(&TwinDocument::of(view), &etag)
}
