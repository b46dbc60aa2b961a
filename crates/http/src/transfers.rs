//! Import and export jobs over REST.

use std::sync::Arc;

use http::{Response, StatusCode};
use twinhub_core::access::{RegistryReadPermit, RegistryWritePermit};
use twinhub_core::ports::{ContainerAddress, OpenedFor};
use twinhub_core::transfer::{
    CancelTransferError, ExportRequest, ImportRequest, TransferId, TransferView, Transfers,
};

use crate::documents::transfer::{DEFAULT_BLOB, DEFAULT_FAILURES, TransferDocument, TransferInput};
use crate::error_codes;
use crate::refusal::Refusal;
use crate::request::parse_document;
use crate::response::{Body, json as json_response};

type Answer = Result<Response<Body>, Refusal>;

/// `POST /jobs/create`
pub async fn create(
    transfers: &Arc<Transfers>,
    permit: &RegistryWritePermit,
    body: &[u8],
) -> Answer {
    let input: TransferInput = parse_document(body)?;
    let started = start(transfers, permit, input, OpenedFor::BackEnd).await?;
    Ok(document(&started))
}

/// Starts the job that somebody describes.
pub(crate) async fn start(
    transfers: &Arc<Transfers>,
    permit: &RegistryWritePermit,
    input: TransferInput,
    by: OpenedFor,
) -> Result<TransferView, Refusal> {
    check_what_is_built(&input)?;
    let kind = input.r#type.as_deref().unwrap_or_default();
    let blob = |name: Option<String>, or: &str| {
        let named = name.filter(|name| !name.is_empty());
        named.unwrap_or_else(|| or.to_owned())
    };
    let output = address(input.output_blob_container_uri, "outputBlobContainerUri");
    if kind.eq_ignore_ascii_case("export") {
        let request = ExportRequest {
            to: output?,
            blob: blob(input.output_blob_name, DEFAULT_BLOB),
            exclude_keys: input.exclude_keys_in_export.unwrap_or(false),
            by,
        };
        return Ok(transfers.export(permit, request).await?);
    }
    if kind.eq_ignore_ascii_case("import") {
        let request = ImportRequest {
            from: address(input.input_blob_container_uri, "inputBlobContainerUri")?,
            blob: blob(input.input_blob_name, DEFAULT_BLOB),
            failures_to: output?,
            failures_blob: blob(input.output_blob_name, DEFAULT_FAILURES),
            by,
        };
        return Ok(transfers.import(permit, request).await?);
    }
    Err(Refusal::invalid("type must be import or export"))
}

fn check_what_is_built(input: &TransferInput) -> Result<(), Refusal> {
    let not_built = |feature: &str| {
        let message = format!("this version of Twinhub does not have {feature}");
        Err(Refusal::new(error_codes::NOT_IMPLEMENTED, message))
    };
    if input.include_configurations == Some(true) {
        return not_built("configurations to import or export");
    }
    match input.storage_authentication_type.as_deref() {
        None | Some("") => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("keyBased") => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("identityBased") => {
            not_built("managed identities; use an address with a shared access signature")
        }
        Some(_) => Err(Refusal::invalid(
            "storageAuthenticationType must be keyBased",
        )),
    }
}

fn address(uri: Option<String>, member: &str) -> Result<ContainerAddress, Refusal> {
    let given = uri.filter(|uri| !uri.is_empty());
    let given = given.ok_or_else(|| Refusal::invalid(format!("{member} is missing")))?;
    Ok(ContainerAddress::new(given))
}

/// `GET /jobs`
pub async fn list(transfers: &Transfers, permit: &RegistryReadPermit) -> Answer {
    let jobs = transfers.jobs(permit).await?;
    let documents: Vec<_> = jobs.iter().map(TransferDocument::of).collect();
    Ok(json_response(StatusCode::OK, &documents))
}

/// `GET /jobs/{id}`
pub async fn get(transfers: &Transfers, permit: &RegistryReadPermit, id: &TransferId) -> Answer {
    Ok(document(&find(transfers, permit, id).await?))
}

/// A job by its name.
pub(crate) async fn find(
    transfers: &Transfers,
    permit: &RegistryReadPermit,
    id: &TransferId,
) -> Result<TransferView, Refusal> {
    let found = transfers.job(permit, id).await?;
    found.ok_or_else(|| CancelTransferError::NoSuchJob(id.clone()).into())
}

/// `DELETE /jobs/{id}`
pub async fn cancel(
    transfers: &Transfers,
    permit: &RegistryWritePermit,
    id: &TransferId,
) -> Answer {
    Ok(document(&transfers.cancel(permit, id).await?))
}

fn document(view: &TransferView) -> Response<Body> {
    json_response(StatusCode::OK, &TransferDocument::of(view))
}
