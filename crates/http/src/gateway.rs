//! The life of a connection and of a request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, header};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use twinhub_core::access::{Access, Caller, Peer};
use twinhub_core::hubs::{Hub, Hubs};
use twinhub_core::identities::Registry;
use twinhub_core::methods::Methods;
use twinhub_core::query::Queries;
use twinhub_core::time::Clock;
use twinhub_core::transfer::Transfers;
use twinhub_core::twins::{TwinWrite, Twins};

use crate::health::Health;
use crate::linger::{Allowance, Lingering};
use crate::management::backup::SharedBackups;
use crate::management::routing::RoutingServices;
use crate::messages::{Asked, MessageServices};
use crate::methods::{self, ClientGone, Ends};
use crate::refusal::Refusal;
use crate::request::{Path, Query, host_of, method_of, precondition_of, read_body};
use crate::response::{Body, finish};
use crate::router::{Endpoint, Route};
use crate::unread::closing_if_unread;
use crate::websocket::{Admitted, WebSocketRoute};
use crate::{
    error_codes, header_case, identities, management, metrics, query, transfers, twins, websocket,
};

/// How long a request's head may take to arrive, and a connection be idle.
const HEAD_DEADLINE: Duration = Duration::from_secs(60);
/// The largest request head.
const MAX_HEAD: usize = 32 * 1024;
const MAX_HEADERS: usize = 100;
/// The largest body of a request about one identity.
const MAX_IDENTITY_BODY: usize = 128 * 1024;
/// The largest twin with the metadata that some clients send back.
const MAX_TWIN_BODY: usize = 512 * 1024;
/// A hundred items with full twins.
const MAX_BULK_BODY: usize = 8 * 1024 * 1024;

/// What the gateway calls.
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
    /// What probes ask.
    pub health: Health,
    /// Protocols over WebSocket.
    pub websockets: Vec<WebSocketRoute>,
    /// Messages and events.
    pub messages: MessageServices,
    /// Backups.
    pub backups: SharedBackups,
    /// What routes events and delivers them.
    pub routing: RoutingServices,
}

/// The HTTPS gateway.
pub struct Gateway {
    services: Services,
    header_case: Extensions,
    /// Requests and WebSockets in work.
    tasks: TaskTracker,
}

/// What a request knows of its connection.
#[derive(Clone)]
pub(crate) struct Connection {
    /// The other end.
    pub peer: Peer,
    /// When the hub stops, and what goes on for long must end.
    pub shutdown: CancellationToken,
    /// The admission of the peer, which happens once.
    admission: Arc<Mutex<Option<Admitted>>>,
    /// What may still come when the connection is closed.
    allowance: Allowance,
}

impl Connection {
    /// The peer has proved who it is.
    pub fn admitted(&self) {
        let admitted = self.admission().take();
        if let Some(admitted) = admitted {
            admitted();
        }
    }

    fn is_admitted(&self) -> bool {
        self.admission().is_none()
    }

    fn admission(&self) -> MutexGuard<'_, Option<Admitted>> {
        self.admission
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gateway {
    /// A gateway to these services.
    pub async fn new(services: Services) -> Arc<Self> {
        Arc::new(Gateway {
            services,
            header_case: header_case::learn().await,
            tasks: TaskTracker::new(),
        })
    }

    /// Serves one connection until it ends; after `shutdown` the request in
    /// work is the last one. `admitted` is called once somebody authenticated.
    pub async fn serve<S>(
        self: Arc<Self>,
        stream: S,
        peer: Peer,
        admitted: impl FnOnce() + Send + 'static,
        shutdown: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.address;
        let connected = Connection {
            peer,
            shutdown: shutdown.clone(),
            admission: Arc::new(Mutex::new(Some(Box::new(admitted)))),
            allowance: Allowance::default(),
        };
        let allowance = connected.allowance.clone();
        let stream = Lingering::new(closing_if_unread(stream), allowance.clone());
        let gateway = self.clone();
        // In a task of its own: a client that goes away must not stop a change
        // between the store and what else follows from it.
        let service = service_fn(move |mut request| {
            let answering = gateway.clone();
            let connected = connected.clone();
            let (gone, still_here) = ClientGone::watch();
            request.extensions_mut().insert(gone);
            let answered = gateway
                .tasks
                .spawn(async move { answering.answer(request, connected).await });
            async move {
                let answered = answered.await;
                still_here.disarm();
                answered
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_DEADLINE)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .preserve_header_case(true)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = shutdown.cancelled() => {
                // An answer of before is no reason to wait for an idle client.
                allowance.nothing();
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(peer = %address, %error, "the connection broke");
        }
    }

    /// Waits until every request is answered and every WebSocket has ended.
    pub async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn answer(&self, request: Request<Incoming>, connection: Connection) -> Response<Body> {
        let started = Instant::now();
        let echo = request_id_to_echo(request.headers());
        let has_body = !request.body().is_end_stream();
        connection.allowance.nothing();
        let (operation, response) = self.dispatch(request, connection.clone()).await;
        if has_body && (response.status().is_client_error() || response.status().is_server_error())
        {
            connection.allowance.refused(connection.is_admitted());
        }
        metrics::answered(operation, response.status(), started.elapsed());
        let mut response = finish(response, echo);
        // An answer may have brought spellings of its own.
        if response.extensions().is_empty() {
            *response.extensions_mut() = self.header_case.clone();
        }
        response
    }

    async fn dispatch(
        &self,
        request: Request<Incoming>,
        connection: Connection,
    ) -> (&'static str, Response<Body>) {
        if request.method() == Method::GET
            && let Some(response) = self.services.health.answer(request.uri().path())
        {
            return ("health", response);
        }
        let now = self.services.clock.now();
        let Some(path) = Path::parse(request.uri().path()) else {
            let refusal = Refusal::invalid("the path is not UTF-8 once decoded");
            return ("unknown", refusal.data_plane(now));
        };
        let segments = path.segments();
        if websocket::is_path(&segments) {
            let answered = self.upgrade(request, connection);
            return (
                "websocket",
                answered.unwrap_or_else(|refusal| refusal.data_plane(now)),
            );
        }
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
                        let asked = Asked::new(request, &segments, &connection);
                        self.messages(endpoint, asked).instrument(span).await
                    }
                    Route::Other(endpoint) => {
                        self.data_plane(endpoint, request, &segments, &connection)
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
        request: Request<Incoming>,
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
                let ends = Ends {
                    client_gone: ClientGone::of(&head.extensions),
                    shutdown: connection.shutdown.clone(),
                };
                query::answer(&self.services.queries, &permit, &head.headers, &body, ends).await
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
                let ends = Ends {
                    client_gone: ClientGone::of(&head.extensions),
                    shutdown: connection.shutdown.clone(),
                };
                let invoked = methods::invoke(&self.services.methods, &permit, id, &body, ends);
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

    fn upgrade(
        &self,
        mut request: Request<Incoming>,
        connection: Connection,
    ) -> Result<Response<Body>, Refusal> {
        let routes = &self.services.websockets;
        let (response, route) = websocket::decide(request.headers(), routes)?;
        let upgrade = hyper::upgrade::on(&mut request);
        let route = route.clone();
        self.tasks.spawn(async move {
            let peer = connection.peer.clone();
            match upgrade.await {
                Ok(upgraded) => {
                    let admitted = Box::new(move || connection.admitted());
                    route.serve(upgraded, peer, admitted).await;
                }
                Err(error) => {
                    tracing::debug!(peer = %peer.address, %error, "no WebSocket after all");
                }
            }
        });
        Ok(response)
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

fn request_id_to_echo(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers
        .get("x-ms-return-client-request-id")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    wanted
        .then(|| headers.get("x-ms-client-request-id").cloned())
        .flatten()
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
