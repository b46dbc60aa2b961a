//! Header names with capitals.
//!
//! HTTP names have no case, but the C SDK looks for `ETag` and nothing else,
//! and hyper writes `etag`. hyper does write the case that an extension of the
//! response names, and makes that extension itself when it parses a request
//! with `preserve_header_case`. So one request with the wanted spellings is
//! parsed at start, and its extensions go with every answer.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;

const SPELLINGS: &[u8] = b"GET / HTTP/1.1\r\n\
    ETag: x\r\n\
    Content-Type: x\r\n\
    Content-Length: 0\r\n\
    Date: x\r\n\
    Server: x\r\n\
    Vary: x\r\n\
    Connection: x\r\n\
    Allow: x\r\n\
    IotHubErrorCode: x\r\n\
    Host: x\r\n\r\n";

/// The extensions that make hyper write header names as clients expect them.
pub async fn learn() -> Extensions {
    let learnt: Arc<OnceLock<Extensions>> = Arc::default();
    let (mut client, server) = tokio::io::duplex(4096);
    let seen = learnt.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let seen = seen.clone();
        async move {
            // Taken once: there is one request.
            let _ = seen.set(request.extensions().clone());
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let serve = async {
        let _ = http1::Builder::new()
            .preserve_header_case(true)
            .keep_alive(false)
            .serve_connection(TokioIo::new(server), service)
            .await;
    };
    let ask = async {
        let _ = client.write_all(SPELLINGS).await;
    };
    tokio::join!(ask, serve);
    learnt.get().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn answers_carry_the_spelling_that_the_c_sdk_compares() {
        let spelling = learn().await;
        let (mut client, server) = tokio::io::duplex(4096);
        let service = service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Empty::<Bytes>::new());
            let etag = HeaderValue::from_static("\"MA==\"");
            response.headers_mut().insert(http::header::ETAG, etag);
            *response.extensions_mut() = spelling.clone();
            async { Ok::<_, Infallible>(response) }
        });
        let serve = http1::Builder::new()
            .preserve_header_case(true)
            .keep_alive(false)
            .serve_connection(TokioIo::new(server), service);

        let ask = async {
            client
                .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let (answer, served) = tokio::join!(ask, serve);

        served.unwrap();
        assert!(answer.contains("\r\nETag: \"MA==\"\r\n"), "{answer}");
    }
}
