//! What answers one request: the operations of the hub's REST API and of its
//! management.
//!
//! A request may come over a connection, or from this process: the portal asks
//! as every client does, with a credential of its own, and gets the same
//! answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{Either, Full};
use tokio::time::Instant;
use tracing::Instrument as _;
use twinhub_core::access::{Access, Caller, Peer};
use twinhub_core::hubs::{Hub, Hubs};
use twinhub_core::identities::Registry;
use twinhub_core::methods::Methods;
use twinhub_core::query::Queries;
use twinhub_core::time::{Clock, Timestamp};
use twinhub_core::transfer::Transfers;
use twinhub_core::twins::{TwinWrite, Twins};

use crate::connection::Connection;
use crate::management::backup::SharedBackups;
use crate::management::routing::RoutingServices;
use crate::messages::{Asked, MessageServices};
use crate::refusal::Refusal;
use crate::request::{Path, Query, RequestBody, host_of, method_of, precondition_of, read_body};
use crate::response::Body;
use crate::router::{Endpoint, Route};
use crate::status::StatusServices;
use crate::waiting::{ClientGone, Ends};
use crate::{error_codes, identities, management, methods, metrics, query, transfers, twins};

/// The largest body of a request about one identity.
const MAX_IDENTITY_BODY: usize = 128 * 1024;
/// The largest twin with the metadata that some clients send back.
const MAX_TWIN_BODY: usize = 512 * 1024;
/// A hundred items with full twins.
const MAX_BULK_BODY: usize = 8 * 1024 * 1024;

/// What the API calls.
pub struct Services {
    /// The hubs.
    pub hubs: Arc<Hubs>,
    /// Authentication and authorization.
    pub access: Arc<Access>,
    /// Identities.
    pub registry: Arc<Registry>,
    /// Twins.
    pub twins: Arc<Twins>,
    /// Queries over twins.
    pub queries: Arc<Queries>,
    /// Methods.
    pub methods: Arc<Methods>,
    /// Imports and exports.
    pub transfers: Arc<Transfers>,
    /// The time, for tracking IDs.
    pub clock: Arc<dyn Clock>,
    /// Messages and events.
    pub messages: MessageServices,
    /// Backups.
    pub backups: SharedBackups,
    /// What routes events and delivers them.
    pub routing: RoutingServices,
    /// What knows how the hub stands.
    pub status: StatusServices,
}

/// The REST API and the management of the hubs.
pub struct Api {
    services: Services,
}

impl Api {
    /// An API to these services.
    pub fn new(services: Services) -> Self {
        Api { services }
    }

    /// Answers a request from this process, made for a peer. What waits or goes
    /// on for long, such as a query or a stream of events, ends as told.
    pub async fn call(&self, request: Request<Bytes>, peer: Peer, ends: Ends) -> Response<Body> {
        let started = Instant::now();
        let mut request = request.map(|body| Either::Right(Full::new(body)));
        let client_gone = ClientGone::when(ends.client_gone);
        request.extensions_mut().insert(client_gone);
        let connection = Connection::inside(peer, ends.shutdown);
        let (operation, response) = self.answer(request, &connection).await;
        metrics::answered(operation, response.status(), started.elapsed());
        response
    }

    /// Answers a request, and names the operation.
    pub(crate) async fn answer(
        &self,
        request: Request<RequestBody>,
        connection: &Connection,
    ) -> (&'static str, Response<Body>) {
        let now = self.services.clock.now();
        let Some(path) = Path::parse(request.uri().path()) else {
            let refusal = Refusal::invalid("the path is not UTF-8 once decoded");
            return ("unknown", refusal.data_plane(now));
        };
        let segments = path.segments();
        if management::is_path(&segments) {
            let answered = management::answer(&self.services, request, &segments, || {
                connection.admitted();
            })
            .await;
            return (
                "management",
                answered.unwrap_or_else(|refusal| refusal.management()),
            );
        }
        let method = method_of(request.method(), request.headers());
        match Route::find(&method, &segments) {
            Err(refusal) => ("unknown", refusal.data_plane(now)),
            Ok(route) => {
                let name = route.name();
                let span = tracing::debug_span!("request", operation = name, peer = %connection.peer.address);
                let answered = match route {
                    Route::Messages(endpoint) => {
                        let asked = Asked::new(request, &segments, connection);
                        self.messages(endpoint, asked).instrument(span).await
                    }
                    Route::Status(endpoint) => {
                        self.status(endpoint, request, &segments, connection)
                            .instrument(span)
                            .await
                    }
                    Route::Other(endpoint) => {
                        self.data_plane(endpoint, request, &segments, connection)
                            .instrument(span)
                            .await
                    }
                };
                (
                    name,
                    answered.unwrap_or_else(|refusal| refusal.data_plane(now)),
                )
            }
        }
    }

    /// An operation of the data plane: admit, read the body, do it.
    async fn data_plane(
        &self,
        endpoint: Endpoint,
        request: Request<RequestBody>,
        segments: &[&str],
        connection: &Connection,
    ) -> Result<Response<Body>, Refusal> {
        let (head, body) = request.into_parts();
        let query = Query::parse(head.uri.query());
        check_api_version(&query)?;
        let caller = self.admit(&head.headers, segments).await?;
        connection.admitted();

        let registry = &*self.services.registry;
        let twins = &*self.services.twins;
        let if_match = || precondition_of(&head.headers);
        let ends = || Ends {
            client_gone: ClientGone::of(&head.extensions),
            shutdown: connection.shutdown.clone(),
        };
        match endpoint {
            Endpoint::ListDevices => {
                identities::list(registry, &caller.registry_read()?, &query).await
            }
            Endpoint::Bulk => {
                let permit = caller.registry_write()?;
                let body = read_body(body, MAX_BULK_BODY).await?;
                identities::bulk(registry, &permit, &body).await
            }
            Endpoint::RegenerateKeys => {
                let permit = caller.registry_write()?;
                let body = read_body(body, MAX_IDENTITY_BODY).await?;
                identities::regenerate_keys(registry, &permit, &body).await
            }
            Endpoint::Query => {
                let permit = caller.service()?;
                let body = read_body(body, query::MAX_BODY).await?;
                query::answer(
                    &self.services.queries,
                    &permit,
                    &head.headers,
                    &body,
                    ends(),
                )
                .await
            }
            Endpoint::GetDevice(id) => {
                identities::get(registry, &caller.registry_read()?, &id).await
            }
            Endpoint::PutDevice(id) => {
                let permit = caller.registry_write()?;
                let body = read_body(body, MAX_IDENTITY_BODY).await?;
                identities::put(registry, &permit, id, &if_match()?, &body).await
            }
            Endpoint::DeleteDevice(id) => {
                identities::delete(registry, &caller.registry_write()?, &id, &if_match()?).await
            }
            Endpoint::ListModules(device) => {
                identities::list_modules(registry, &caller.modules_read(&device)?).await
            }
            Endpoint::GetModule(device, id) => {
                identities::get_module(registry, &caller.modules_read(&device)?, &id).await
            }
            Endpoint::PutModule(device, id) => {
                let permit = caller.modules_write(&device)?;
                let body = read_body(body, MAX_IDENTITY_BODY).await?;
                identities::put_module(registry, &permit, id, &if_match()?, &body).await
            }
            Endpoint::DeleteModule(device, id) => {
                let permit = caller.modules_write(&device)?;
                identities::delete_module(registry, &permit, &id, &if_match()?).await
            }
            Endpoint::RegistryStatistics => {
                identities::statistics(registry, &caller.registry_read()?).await
            }
            Endpoint::ServiceStatistics => identities::service_statistics(registry, &caller),
            Endpoint::GetTwin(device, module) => {
                let id = twins::identity_of(device, module);
                twins::get(twins, &caller.service()?, &id).await
            }
            Endpoint::PatchTwin(device, module) => {
                let id = twins::identity_of(device, module);
                let permit = caller.service()?;
                let body = read_body(body, MAX_TWIN_BODY).await?;
                twins::write(twins, &permit, &id, &if_match()?, &body, TwinWrite::Patch).await
            }
            Endpoint::ReplaceTwin(device, module) => {
                let id = twins::identity_of(device, module);
                let permit = caller.service()?;
                let body = read_body(body, MAX_TWIN_BODY).await?;
                twins::write(twins, &permit, &id, &if_match()?, &body, TwinWrite::Replace).await
            }
            Endpoint::InvokeMethod(device, module) => {
                let id = twins::identity_of(device, module);
                let permit = caller.service()?;
                let body = read_body(body, methods::MAX_BODY).await?;
                let invoked = methods::invoke(&self.services.methods, &permit, id, &body, ends());
                let now = self.services.clock.now();
                Ok(invoked.await.unwrap_or_else(|refusal| refusal.nested(now)))
            }
            Endpoint::CreateTransfer => {
                let permit = caller.registry_write()?;
                let body = read_body(body, MAX_IDENTITY_BODY).await?;
                transfers::create(&self.services.transfers, &permit, &body).await
            }
            Endpoint::ListTransfers => {
                transfers::list(&self.services.transfers, &caller.registry_read()?).await
            }
            Endpoint::GetTransfer(id) => {
                transfers::get(&self.services.transfers, &caller.registry_read()?, &id).await
            }
            Endpoint::CancelTransfer(id) => {
                transfers::cancel(&self.services.transfers, &caller.registry_write()?, &id).await
            }
            Endpoint::NotBuilt(feature) => Err(Refusal::new(
                error_codes::NOT_IMPLEMENTED,
                format!("this version of Twinhub does not have {feature}"),
            )),
        }
    }

    /// Admits whoever shows a token for the path.
    pub(crate) async fn admit(
        &self,
        headers: &HeaderMap,
        segments: &[&str],
    ) -> Result<Caller, Refusal> {
        let hub = self.hub_of(headers)?;
        let token = headers
            .get(header::AUTHORIZATION)
            .ok_or_else(|| {
                unauthorized("header Authorization with a shared access signature is missing")
            })?
            .to_str()
            .map_err(|_| unauthorized("header Authorization is not a shared access signature"))?;
        Ok(self.services.access.admit(&hub, token, segments).await?)
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    /// What is called.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// The hub that a request is for.
    pub(crate) fn hub_of(&self, headers: &HeaderMap) -> Result<Arc<Hub>, Refusal> {
        let host = host_of(headers).unwrap_or_default();
        self.services.hubs.by_host(host).ok_or_else(|| {
            Refusal::new(
                error_codes::HUB_NOT_FOUND,
                "no hub here has this host name; start it with --hostname, or connect by a name it has",
            )
        })
    }
}

pub(crate) fn unauthorized(message: &str) -> Refusal {
    Refusal::new(error_codes::UNAUTHORIZED_ACCESS, message)
}

/// Versions differ in nothing that this hub has; what is no version is refused.
pub(crate) fn check_api_version(query: &Query) -> Result<(), Refusal> {
    let known = query.get("api-version").is_some_and(is_api_version);
    if known {
        return Ok(());
    }
    Err(Refusal::new(
        error_codes::INVALID_PROTOCOL_VERSION,
        "the query needs an api-version such as 2021-04-12",
    ))
}

/// `20yy-mm-dd` from 2016 on, or its preview.
pub(crate) fn is_api_version(text: &str) -> bool {
    let date = text.strip_suffix("-preview").unwrap_or(text);
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let number = |text: &str, digits: usize| -> Option<u32> {
        let all_digits = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
        all_digits.then(|| text.parse().ok()).flatten()
    };
    number(year, 4).is_some_and(|year| (2016..2100).contains(&year))
        && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
        && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_that_clients_send_is_known() {
        for version in [
            "2016-11-14",
            "2018-06-30",
            "2019-10-01",
            "2020-05-31-preview",
            "2020-09-30",
            "2021-04-12",
            "2024-03-31",
            "2017-11-08-preview",
        ] {
            assert!(is_api_version(version), "{version}");
        }
    }

    #[test]
    fn what_is_no_version_is_not_known() {
        for version in [
            "",
            "1",
            "2015-01-01",
            "2021-13-12",
            "2021-04-32",
            "2021-4-12",
            "2021-04-12-beta",
        ] {
            assert!(!is_api_version(version), "{version}");
        }
    }
}
