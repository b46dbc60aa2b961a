//! Imports and exports through the resource provider.

use serde::Deserialize;
use serde_json::{Value, json};
use twinhub_core::access::OperatorPermit;
use twinhub_core::ports::OpenedFor;
use twinhub_core::transfer::{TransferId, TransferView};

use http::StatusCode;

use super::{Answer, date, hubs, list};
use crate::api::Services;
use crate::documents::transfer::{TransferInput, kind_name, status_of};
use crate::refusal::Refusal;
use crate::request::parse_document;
use crate::response::json as json_response;
use crate::transfers;

/// What is sent to export.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExportInput {
    export_blob_container_uri: Option<String>,
    export_blob_name: Option<String>,
    exclude_keys: Option<bool>,
    authentication_type: Option<String>,
    include_configurations: Option<bool>,
}

/// What is sent to import.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportInput {
    input_blob_container_uri: Option<String>,
    output_blob_container_uri: Option<String>,
    input_blob_name: Option<String>,
    output_blob_name: Option<String>,
    authentication_type: Option<String>,
    include_configurations: Option<bool>,
}

/// `POST .../exportDevices`
pub async fn export(
    services: &Services,
    permit: &OperatorPermit,
    hub: &str,
    body: &[u8],
) -> Answer {
    let input: ExportInput = parse_document(body)?;
    if input.export_blob_container_uri.is_none() {
        return Err(Refusal::invalid("exportBlobContainerUri is missing"));
    }
    // Keys are not given away because somebody forgot a member.
    let exclude_keys = input.exclude_keys.ok_or_else(|| {
        Refusal::invalid("excludeKeys is missing: true, or false for an export with keys")
    })?;
    let input = TransferInput {
        r#type: Some("export".to_owned()),
        input_blob_container_uri: None,
        input_blob_name: None,
        output_blob_container_uri: input.export_blob_container_uri,
        output_blob_name: input.export_blob_name,
        exclude_keys_in_export: Some(exclude_keys),
        storage_authentication_type: input.authentication_type,
        include_configurations: input.include_configurations,
    };
    start(services, permit, hub, input).await
}

/// `POST .../importDevices`
pub async fn import(
    services: &Services,
    permit: &OperatorPermit,
    hub: &str,
    body: &[u8],
) -> Answer {
    let input: ImportInput = parse_document(body)?;
    let input = TransferInput {
        r#type: Some("import".to_owned()),
        input_blob_container_uri: input.input_blob_container_uri,
        input_blob_name: input.input_blob_name,
        output_blob_container_uri: input.output_blob_container_uri,
        output_blob_name: input.output_blob_name,
        exclude_keys_in_export: None,
        storage_authentication_type: input.authentication_type,
        include_configurations: input.include_configurations,
    };
    start(services, permit, hub, input).await
}

async fn start(
    services: &Services,
    permit: &OperatorPermit,
    hub: &str,
    input: TransferInput,
) -> Answer {
    let permit = permit.registry_write(hubs::find(services, hub)?);
    let by = OpenedFor::Operator;
    let started = transfers::start(&services.transfers, &permit, input, by).await?;
    Ok(json_response(StatusCode::OK, &describe(&started)))
}

/// `GET .../jobs`
pub async fn list_all(services: &Services, permit: &OperatorPermit, hub: &str) -> Answer {
    let permit = permit.registry_read(hubs::find(services, hub)?);
    let jobs = services.transfers.jobs(&permit).await?;
    Ok(list(jobs.iter().map(describe).collect()))
}

/// `GET .../jobs/{id}`
pub async fn get(services: &Services, permit: &OperatorPermit, hub: &str, id: &str) -> Answer {
    let permit = permit.registry_read(hubs::find(services, hub)?);
    let id = TransferId::named(id);
    let found = transfers::find(&services.transfers, &permit, &id).await?;
    Ok(json_response(StatusCode::OK, &describe(&found)))
}

fn describe(view: &TransferView) -> Value {
    let job = &view.job;
    let (status, reason) = status_of(&job.status);
    json!({
        "jobId": job.id.as_str(),
        "startTimeUtc": date(job.started.unix_seconds()),
        "endTimeUtc": job.ended().map(|ended| date(ended.unix_seconds())),
        "type": kind_name(job.kind),
        "status": status,
        "failureReason": reason,
        "statusMessage": reason,
        "parentJobId": null,
    })
}
