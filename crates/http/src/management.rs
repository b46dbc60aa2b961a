//! Management: the resource provider's calls for hubs, their policies,
//! certificates, consumer groups and routing, imports and exports, backups, and
//! what the operator is told of the process.
//!
//! `azure-mgmt-iothub` with its `base_url` set drives a hub; the command line
//! uses the same calls. The caller shows the operator token. Subscription and
//! resource group are accepted as sent and given back.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use twinhub_core::access::OperatorPermit;
use twinhub_core::etag::Precondition;
use twinhub_core::hubs::Hub;

use crate::api::{Services, is_api_version};
use crate::error_codes;
use crate::refusal::Refusal;
use crate::request::{Query, RequestBody, parse_json, precondition_of, read_body};
use crate::response::{Body, empty, json as json_response};

pub mod backup;
mod certificates;
mod consumer_groups;
mod hubs;
pub mod installation;
mod operation;
pub mod routing;
mod transfers;

use operation::{Operation, ResourceGroup};

/// The largest body of a management call: a hub with all routes it may have,
/// and the longest conditions.
const MAX_BODY: usize = 2 * 1024 * 1024;

type Answer = Result<Response<Body>, Refusal>;

/// The paths that are not the resource provider's.
const BACKUP: [&str; 3] = ["twinhub", "v1", "backup"];
const ERRORS: [&str; 3] = ["twinhub", "v1", "errors"];
const SETTINGS: [&str; 3] = ["twinhub", "v1", "settings"];

/// Whether a path belongs to management.
pub fn is_path(segments: &[&str]) -> bool {
    [BACKUP, ERRORS, SETTINGS]
        .iter()
        .any(|ours| is_ours(segments, ours))
        || matches!(segments, [first, _, ..]
        if first.eq_ignore_ascii_case("subscriptions") || first.eq_ignore_ascii_case("providers"))
}

/// Whether a path is this one of ours, in any case.
fn is_ours(segments: &[&str], ours: &[&str]) -> bool {
    segments.len() == ours.len()
        && segments
            .iter()
            .zip(ours)
            .all(|(segment, fixed)| segment.eq_ignore_ascii_case(fixed))
}

/// Answers a call; `admitted` is called once the caller proved who they are.
pub async fn answer(
    services: &Services,
    request: Request<RequestBody>,
    segments: &[&str],
    admitted: impl FnOnce(),
) -> Answer {
    let (head, body) = request.into_parts();
    let operation = operation::route(&head.method, segments)?;
    let permit = authorize(services, &head.headers)?;
    admitted();
    let query = Query::parse(head.uri.query());
    let is_ours = matches!(
        operation,
        Operation::Backup(_) | Operation::Errors | Operation::Settings
    );
    if !is_ours && !query.get("api-version").is_some_and(is_api_version) {
        return Err(Refusal::new(
            error_codes::INVALID_PROTOCOL_VERSION,
            "the query needs an api-version such as 2023-06-30",
        ));
    }
    let body = match head.method {
        Method::PUT | Method::PATCH | Method::POST => read_body(body, MAX_BODY).await?,
        _ => Bytes::new(),
    };
    let if_match = precondition_of(&head.headers)?;
    act(services, &permit, operation, &if_match, &body).await
}

fn authorize(services: &Services, headers: &http::HeaderMap) -> Result<OperatorPermit, Refusal> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    token
        .and_then(|token| services.access.operator(token))
        .ok_or_else(|| {
            Refusal::new(
                error_codes::UNAUTHORIZED_ACCESS,
                "management needs the operator token of the hub's data folder as bearer token",
            )
        })
}

async fn act(
    services: &Services,
    permit: &OperatorPermit,
    operation: Operation<'_>,
    if_match: &Precondition,
    body: &Bytes,
) -> Answer {
    match operation {
        Operation::Operations => Ok(list(hubs::operations())),
        Operation::ListHubs(group) => {
            let hubs = services.hubs.all();
            let describe = |hub: &Arc<Hub>| hubs::describe(services, hub, &group);
            Ok(list(hubs.iter().map(describe).collect()))
        }
        Operation::GetHub(group, name) => {
            let hub = hubs::find(services, name)?;
            Ok(json_response(
                StatusCode::OK,
                &hubs::describe(services, &hub, &group),
            ))
        }
        Operation::PutHub(group, name) => {
            let body = parse_json(body)?;
            let hub = hubs::put(services, permit, name, if_match, &body).await?;
            Ok(json_response(
                StatusCode::OK,
                &hubs::describe(services, &hub, &group),
            ))
        }
        Operation::DeleteHub(name) => {
            // Deleting what is not there succeeds, as everywhere in Azure.
            if services.hubs.by_name(name).is_none() {
                return Ok(empty(StatusCode::NO_CONTENT));
            }
            Err(not_built(
                "deleting a hub; stop it and remove its data folder",
            ))
        }
        Operation::ListKeys(name) => {
            let hub = hubs::find(services, name)?;
            Ok(list(hub.policies().map(hubs::policy).collect()))
        }
        Operation::GetKeys(name, policy) => {
            let hub = hubs::find(services, name)?;
            let policy = hub.policy(policy).ok_or_else(|| {
                Refusal::new(
                    error_codes::GENERIC_NOT_FOUND,
                    format!("hub {name} has no shared access policy of that name"),
                )
            })?;
            Ok(json_response(StatusCode::OK, &hubs::policy(policy)))
        }
        Operation::ListCertificates(group, hub) => certificates::list_all(services, &group, hub),
        Operation::Certificate(group, hub, name, call) => {
            let resource = (&group, hub, name);
            certificates::act(services, permit, resource, call, if_match, body).await
        }
        Operation::ListConsumerGroups(group, hub) => {
            consumer_groups::list_all(services, &group, hub)
        }
        Operation::ConsumerGroup(group, hub, name, call) => {
            consumer_groups::act(services, permit, (&group, hub, name), call, body).await
        }
        Operation::Export(hub) => transfers::export(services, permit, hub, body).await,
        Operation::Import(hub) => transfers::import(services, permit, hub, body).await,
        Operation::ListTransfers(hub) => transfers::list_all(services, permit, hub).await,
        Operation::GetTransfer(hub, id) => transfers::get(services, permit, hub, id).await,
        Operation::CheckName => {
            let body: Value = parse_json(body)?;
            Ok(json_response(
                StatusCode::OK,
                &hubs::check_name(services, &body)?,
            ))
        }
        Operation::TestRoute(hub) => routing::test_new(services, permit, hub, body),
        Operation::TestAllRoutes(hub) => routing::test_all(services, permit, hub, body),
        Operation::EndpointHealth(hub) => routing::health(services, permit, hub).await,
        Operation::Backup(method) => backup::act(services, permit, &method, body).await,
        Operation::Errors => installation::errors(services, permit),
        Operation::Settings => installation::settings(services, permit),
        Operation::NotBuilt(feature) => Err(not_built(feature)),
    }
}

fn list(value: Vec<Value>) -> Response<Body> {
    json_response(StatusCode::OK, &json!({ "value": value }))
}

fn not_built(feature: &str) -> Refusal {
    Refusal::new(
        error_codes::NOT_IMPLEMENTED,
        format!("this version of Twinhub does not have {feature}"),
    )
}

impl ResourceGroup<'_> {
    fn hub_id(&self, name: &str) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{name}",
            self.subscription, self.name
        )
    }
}

/// The resource provider's dates are those of RFC 1123.
fn date(unix_seconds: i64) -> String {
    const END_OF_9999: u64 = 253_402_300_799;
    let seconds = u64::try_from(unix_seconds).unwrap_or(0).min(END_OF_9999);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_resource_provider() {
        assert_eq!(date(1_600_000_000), "Sun, 13 Sep 2020 12:26:40 GMT");
        assert_eq!(date(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date(i64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
