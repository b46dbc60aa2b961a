//! The life of a connection and of a request.

use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::Either;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use twinhub_core::access::Peer;

use crate::api::Api;
use crate::connection::Connection;
use crate::health::Health;
use crate::linger::Lingering;
use crate::pages::{Pages, Visitor};
use crate::refusal::Refusal;
use crate::request::Path;
use crate::response::{Body, finish};
use crate::unread::closing_if_unread;
use crate::waiting::ClientGone;
use crate::websocket::WebSocketRoute;
use crate::{header_case, metrics, websocket};

/// How long a request's head may take to arrive, and a connection be idle.
const HEAD_DEADLINE: Duration = Duration::from_secs(60);
/// The largest request head.
const MAX_HEAD: usize = 32 * 1024;
const MAX_HEADERS: usize = 100;

/// What is served on the port.
pub struct Served {
    /// The REST API and management.
    pub api: Arc<Api>,
    /// What probes ask.
    pub health: Health,
    /// Protocols over WebSocket.
    pub websockets: Vec<WebSocketRoute>,
    /// What people look at, if anything.
    pub pages: Option<Arc<dyn Pages>>,
}

/// The HTTPS gateway.
pub struct Gateway {
    served: Served,
    header_case: Extensions,
    /// Requests and WebSockets in work.
    tasks: TaskTracker,
}

impl Gateway {
    /// A gateway to these.
    pub async fn new(served: Served) -> Arc<Self> {
        Arc::new(Gateway {
            served,
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
        let connected = Connection::of(peer, Box::new(admitted), shutdown.clone());
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
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown.cancelled() => {
                // An answer of before is no reason to wait for an idle client.
                allowance.nothing();
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
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
        let path = request.uri().path();
        if request.method() == Method::GET
            && let Some(response) = self.served.health.answer(path)
        {
            return ("health", response);
        }
        if let Some(pages) = &self.served.pages
            && pages.serve(path)
        {
            let gone = ClientGone::of(request.extensions());
            let visitor = Visitor::on(&connection, gone);
            return ("portal", pages.answer(request, visitor).await);
        }
        if Path::parse(path).is_some_and(|path| websocket::is_path(&path.segments())) {
            let answered = self.upgrade(request, connection);
            let refused = |refusal: Refusal| refusal.data_plane(self.served.api.now());
            return ("websocket", answered.unwrap_or_else(refused));
        }
        let request = request.map(Either::Left);
        self.served.api.answer(request, &connection).await
    }

    fn upgrade(
        &self,
        mut request: Request<Incoming>,
        connection: Connection,
    ) -> Result<Response<Body>, Refusal> {
        let routes = &self.served.websockets;
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

fn request_id_to_echo(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers
        .get("x-ms-return-client-request-id")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    wanted
        .then(|| headers.get("x-ms-client-request-id").cloned())
        .flatten()
}
