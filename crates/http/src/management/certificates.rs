//! Certificates of authorities as resources.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use twinhub_core::access::OperatorPermit;
use twinhub_core::certificates::{Authority, Certificate, CertificateName};
use twinhub_core::etag::Precondition;
use twinhub_core::hubs::ChangeAuthorityError;

use super::operation::{CertificateCall, ResourceGroup};
use super::{Answer, date, hubs, list};
use crate::api::Services;
use crate::refusal::Refusal;
use crate::request::parse_document;
use crate::response::{empty, json as json_response};

/// All certificates of a hub.
pub fn list_all(services: &Services, group: &ResourceGroup<'_>, hub: &str) -> Answer {
    let hub = hubs::find(services, hub)?;
    let describe = |authority| describe(authority, group, hub.name().as_str(), Code::Hidden);
    Ok(list(hub.authorities().map(describe).collect()))
}

/// A call about one certificate.
pub async fn act(
    services: &Services,
    _permit: &OperatorPermit,
    (group, hub, name): (&ResourceGroup<'_>, &str, &str),
    call: CertificateCall,
    if_match: &Precondition,
    body: &[u8],
) -> Answer {
    let hub = hubs::find(services, hub)?;
    let hub = hub.name().as_str();
    let name = CertificateName::parse(name).map_err(|error| Refusal::invalid(error.to_string()))?;
    let now = services.clock.now();
    let hubs = &services.hubs;
    let (status, authority, code) = match call {
        CertificateCall::Get => {
            let authority = hubs::find(services, hub)?
                .authority(name.as_str())
                .cloned()
                .ok_or(ChangeAuthorityError::NoSuchCertificate(name))?;
            (StatusCode::OK, authority, Code::Hidden)
        }
        CertificateCall::Put => {
            let input: PutInput = parse_document(body)?;
            let vouched_for = input.properties.is_verified.unwrap_or(false);
            let certificate = read(input.properties.certificate)?;
            let (authority, is_new) = hubs
                .put_authority(hub, if_match, name, certificate, vouched_for, now)
                .await?;
            let status = match is_new {
                true => StatusCode::CREATED,
                false => StatusCode::OK,
            };
            (status, authority, Code::Hidden)
        }
        CertificateCall::Delete => {
            return match hubs.remove_authority(hub, if_match, name).await {
                // Deleting what is not there succeeds, as everywhere in Azure.
                Err(ChangeAuthorityError::NoSuchCertificate(_)) => {
                    Ok(empty(StatusCode::NO_CONTENT))
                }
                removed => Ok(removed.map(|()| empty(StatusCode::OK))?),
            };
        }
        CertificateCall::GenerateVerificationCode => {
            let authority = hubs.generate_verification_code(hub, if_match, name, now);
            (StatusCode::OK, authority.await?, Code::Shown)
        }
        CertificateCall::Verify => {
            let input: VerifyInput = parse_document(body)?;
            let proof = read(input.certificate)?;
            let authority = hubs.verify_authority(hub, if_match, name, &proof, now);
            (StatusCode::OK, authority.await?, Code::Hidden)
        }
    };
    Ok(json_response(
        status,
        &describe(&authority, group, hub, code),
    ))
}

/// A certificate as sent.
#[derive(Debug, Deserialize)]
struct PutInput {
    properties: PutProperties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutProperties {
    certificate: Option<String>,
    is_verified: Option<bool>,
}

/// What proves possession.
#[derive(Debug, Deserialize)]
struct VerifyInput {
    certificate: Option<String>,
}

fn read(text: Option<String>) -> Result<Certificate, Refusal> {
    let text = text.unwrap_or_default();
    Certificate::from_text(&text).map_err(|error| Refusal::invalid(error.to_string()))
}

/// Whether the verification code is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Hidden,
    Shown,
}

fn describe(authority: &Authority, group: &ResourceGroup<'_>, hub: &str, code: Code) -> Value {
    let certificate = &authority.certificate;
    let mut properties = json!({
        "subject": certificate.subject(),
        "expiry": date(certificate.validity().not_after),
        "thumbprint": certificate.thumbprint().sha1_hex(),
        "isVerified": authority.verified,
        "created": date(authority.created.unix_seconds()),
        "updated": date(authority.updated.unix_seconds()),
        "certificate": STANDARD.encode(certificate.der()),
    });
    if code == Code::Shown {
        properties["verificationCode"] = json!(authority.code);
    }
    json!({
        "id": format!("{}/certificates/{}", group.hub_id(hub), authority.name),
        "name": authority.name.as_str(),
        "type": "Microsoft.Devices/IotHubs/Certificates",
        "etag": authority.etag().as_str(),
        "properties": properties,
    })
}
