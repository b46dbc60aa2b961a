//! The seam for protocols over WebSocket.
//!
//! A [`WebSocketRoute`] names a subprotocol and what serves it; the gateway
//! does the HTTP part and hands over a plain stream of bytes, in which frames
//! are invisible. Which subprotocols there are is wired where the gateways
//! are, so that none of them knows another.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, future};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, join};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use crate::error_codes;
use crate::refusal::Refusal;
use crate::response::{Body, empty};

/// The paths that clients use, on each of which every subprotocol is served.
const PATHS: [&str; 2] = ["$iothub", "$servicebus"];
/// The largest WebSocket message: more than any packet that it may carry.
const MAX_MESSAGE: usize = 1024 * 1024;
/// What a connection reads at once; it is kept while the connection lives.
const READ_BUFFER: usize = 4 * 1024;

/// The bytes of an upgraded connection.
pub type ByteStream = Pin<Box<dyn ReadWrite>>;

/// Something to read from and write to.
pub trait ReadWrite: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> ReadWrite for T {}

/// Called once the peer has authenticated.
pub type Admitted = Box<dyn FnOnce() + Send>;

type Serve =
    dyn Fn(ByteStream, SocketAddr, Admitted) -> future::BoxFuture<'static, ()> + Send + Sync;

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
        F: Fn(ByteStream, SocketAddr, Admitted) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        WebSocketRoute {
            subprotocol,
            serve: Arc::new(move |stream, peer, admitted| {
                Box::pin(serve(stream, peer, admitted)) as future::BoxFuture<'static, ()>
            }),
        }
    }

    /// Serves an upgraded connection until it ends.
    pub(crate) async fn serve(&self, upgraded: Upgraded, peer: SocketAddr, admitted: Admitted) {
        (self.serve)(byte_stream(upgraded).await, peer, admitted).await;
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

/// Binary messages in, bytes out, and back.
async fn byte_stream(upgraded: Upgraded) -> ByteStream {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (sink, stream) = socket.split();
    let read = stream.filter_map(|message| future::ready(payload(message)));
    let write = sink
        .with(|bytes: Bytes| future::ok::<_, Error>(Message::Binary(bytes)))
        .sink_map_err(io::Error::other);
    Box::pin(join(
        StreamReader::new(read),
        SinkWriter::new(CopyToBytes::new(write)),
    ))
}

/// The bytes of a message; pings are answered below this, text is an error.
fn payload(message: Result<Message, Error>) -> Option<io::Result<Bytes>> {
    match message {
        Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => None,
        Ok(Message::Text(_)) => Some(Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a text message where binary ones are spoken",
        ))),
        Err(Error::ConnectionClosed | Error::AlreadyClosed) => None,
        Err(error) => Some(Err(io::Error::other(error))),
    }
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
