//! The seam for protocols over WebSocket.
//!
//! A [`WebSocketRoute`] names a subprotocol and what serves it; the gateway
//! does the HTTP part and hands over a plain stream of bytes, in which frames
//! are invisible. Which subprotocols there are is wired where the gateways
//! are, so that none of them knows another.

mod bytes;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tungstenite::handshake::derive_accept_key;
use twinhub_core::access::Peer;

use self::bytes::Messages;
use crate::error_codes;
use crate::refusal::Refusal;
use crate::response::{Body, empty};

/// The paths that clients use, on each of which every subprotocol is served.
const PATHS: [&str; 2] = ["$iothub", "$servicebus"];

/// The bytes of an upgraded connection.
pub type ByteStream = Pin<Box<dyn ReadWrite>>;

/// Something to read from and write to.
pub trait ReadWrite: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> ReadWrite for T {}

/// Called once the peer has authenticated.
pub type Admitted = Box<dyn FnOnce() + Send>;

type Serve = dyn Fn(ByteStream, Peer, Admitted) -> future::BoxFuture<'static, ()> + Send + Sync;

/// A protocol over WebSocket.
#[derive(Clone)]
pub struct WebSocketRoute {
    subprotocol: &'static str,
    serve: Arc<Serve>,
}

impl WebSocketRoute {
    /// Serves `subprotocol`, compared without case: the C SDK offers `MQTT`.
    pub fn new<F, Fut>(subprotocol: &'static str, serve: F) -> Self
    where
        F: Fn(ByteStream, Peer, Admitted) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        WebSocketRoute {
            subprotocol,
            serve: Arc::new(move |stream, peer, admitted| {
                Box::pin(serve(stream, peer, admitted)) as future::BoxFuture<'static, ()>
            }),
        }
    }

    /// Serves an upgraded connection until it ends. Large messages are taken
    /// once the peer is admitted.
    pub(crate) async fn serve(&self, upgraded: Upgraded, peer: Peer, admitted: Admitted) {
        let is_admitted = Arc::new(AtomicBool::new(false));
        let stream = Messages::new(TokioIo::new(upgraded), is_admitted.clone());
        let admitted = Box::new(move || {
            is_admitted.store(true, Ordering::Release);
            admitted();
        });
        (self.serve)(Box::pin(stream), peer, admitted).await;
    }
}

/// Whether a path is one of WebSocket, without looking at its query.
pub fn is_path(segments: &[&str]) -> bool {
    matches!(segments, [first, second]
        if PATHS.iter().any(|path| path.eq_ignore_ascii_case(first))
            && second.eq_ignore_ascii_case("websocket"))
}

/// Decides an upgrade: the answer, and the route that takes over.
pub fn decide<'a>(
    headers: &HeaderMap,
    routes: &'a [WebSocketRoute],
) -> Result<(Response<Body>, &'a WebSocketRoute), Refusal> {
    let bad = |message: &str| Refusal::new(error_codes::GENERIC_BAD_REQUEST, message);
    let is_websocket = headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !is_websocket {
        return Err(bad("this path takes WebSocket connections only"));
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes)
        != Some(b"13")
    {
        return Err(bad("only version 13 of WebSocket is spoken here"));
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .ok_or_else(|| bad("header Sec-WebSocket-Key is missing"))?;
    let (offered, route) = choose(headers, routes)
        .ok_or_else(|| bad("offer a subprotocol that the hub speaks, such as mqtt"))?;

    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()))
        .map_err(|_| bad("header Sec-WebSocket-Key is malformed"))?;
    let answers: [(HeaderName, HeaderValue); 4] = [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
        (header::SEC_WEBSOCKET_PROTOCOL, offered),
    ];
    response.headers_mut().extend(answers);
    Ok((response, route))
}

/// The first offered subprotocol that is served, in the client's spelling.
fn choose<'a>(
    headers: &HeaderMap,
    routes: &'a [WebSocketRoute],
) -> Option<(HeaderValue, &'a WebSocketRoute)> {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let offers = offers.iter().filter_map(|value| value.to_str().ok());
    offers
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .find_map(|offer| {
            let route = routes
                .iter()
                .find(|route| route.subprotocol.eq_ignore_ascii_case(offer))?;
            Some((HeaderValue::try_from(offer).ok()?, route))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn routes() -> Vec<WebSocketRoute> {
        vec![WebSocketRoute::new("mqtt", |_, _, _| async {})]
    }

    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    const UPGRADE: (&str, &str) = ("upgrade", "websocket");
    const VERSION: (&str, &str) = ("sec-websocket-version", "13");

    #[test]
    fn the_subprotocol_is_echoed_in_the_clients_spelling() {
        let offer = ("sec-websocket-protocol", "chat, MQTT");

        let routes = routes();
        let (response, _) = decide(&headers(&[UPGRADE, VERSION, KEY, offer]), &routes).unwrap();

        let headers = response.headers();
        assert_eq!(headers["sec-websocket-protocol"], "MQTT");
        // The example of RFC 6455.
        assert_eq!(
            headers["sec-websocket-accept"],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn what_is_no_upgrade_is_refused() {
        let offer = ("sec-websocket-protocol", "mqtt");
        let refused = [
            headers(&[VERSION, KEY, offer]),
            headers(&[UPGRADE, KEY, offer]),
            headers(&[UPGRADE, VERSION, offer]),
            headers(&[UPGRADE, VERSION, KEY]),
            headers(&[UPGRADE, VERSION, KEY, ("sec-websocket-protocol", "chat")]),
        ];

        for headers in refused {
            assert!(decide(&headers, &routes()).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn both_paths_are_known() {
        assert!(is_path(&["$iothub", "websocket"]));
        assert!(is_path(&["$ServiceBus", "WebSocket"]));
        assert!(!is_path(&["websocket"]));
    }
}
