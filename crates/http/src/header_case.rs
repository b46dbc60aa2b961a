//! Header names with capitals.
//!
//! HTTP names have no case, but the C SDK looks for `ETag` and nothing else,
//! and hyper writes `etag`. hyper does write the case that an extension of the
//! response names, and makes that extension itself when it parses a request
//! with `preserve_header_case`. So one request with the wanted spellings is
//! parsed at start, and its extensions go with every answer.
//!
//! Names of application properties have a case, too, though they travel as
//! names of headers: theirs are learnt for the one answer, and read back from
//! a request by having hyper write it.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SPELLINGS: [&str; 12] = [
    "ETag",
    "Content-Type",
    "Content-Length",
    "Date",
    "Server",
    "Vary",
    "Connection",
    "Allow",
    "IotHubErrorCode",
    "Host",
    "ContentType",
    "ContentEncoding",
];
/// Room for the head of any request or answer that is spelt here.
const MAX_HEAD: usize = 256 * 1024;

/// The extensions that make hyper write header names as clients expect them.
pub async fn learn() -> Extensions {
    learn_also(&[]).await
}

/// The same, with the spellings of `more` names.
pub async fn learn_also(more: &[&str]) -> Extensions {
    let mut head = "GET / HTTP/1.1\r\n".to_owned();
    for name in SPELLINGS.iter().chain(more) {
        head.push_str(name);
        // Whatever the header, hyper takes this for its value.
        head.push_str(": 0\r\n");
    }
    head.push_str("\r\n");
    let learnt: Arc<OnceLock<Extensions>> = Arc::default();
    let (mut client, server) = tokio::io::duplex(head.len());
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
            .max_buf_size(MAX_HEAD)
            .max_headers(SPELLINGS.len() + more.len())
            .serve_connection(TokioIo::new(server), service)
            .await;
    };
    let ask = async {
        let _ = client.write_all(head.as_bytes()).await;
    };
    tokio::join!(ask, serve);
    learnt.get().cloned().unwrap_or_default()
}

/// A header with its name as it was spelt.
pub type SpeltHeader = (String, Vec<u8>);

/// The headers of a request that begin with `prefix`, names spelt as they
/// were sent: hyper keeps the spelling to itself, and writes it where it can.
pub async fn as_sent(
    headers: &HeaderMap,
    extensions: &Extensions,
    prefix: &str,
) -> Vec<SpeltHeader> {
    let mut wanted = HeaderMap::new();
    for (name, value) in headers {
        if name.as_str().starts_with(prefix) {
            wanted.append(name.clone(), value.clone());
        }
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    let written = write_head(wanted, extensions.clone()).await;
    written
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok()?;
            let is_wanted = name
                .get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix));
            is_wanted.then(|| (name.to_owned(), line[colon + 1..].trim_ascii().to_vec()))
        })
        .collect()
}

async fn write_head(headers: HeaderMap, extensions: Extensions) -> Vec<u8> {
    let (mut client, server) = tokio::io::duplex(MAX_HEAD);
    let service = service_fn(move |_: Request<Incoming>| {
        let mut response = Response::new(Empty::<Bytes>::new());
        *response.headers_mut() = headers.clone();
        *response.extensions_mut() = extensions.clone();
        async { Ok::<_, Infallible>(response) }
    });
    let serve = async {
        let _ = http1::Builder::new()
            .preserve_header_case(true)
            .keep_alive(false)
            .serve_connection(TokioIo::new(server), service)
            .await;
    };
    let ask = async {
        let mut written = Vec::new();
        if client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.is_ok() {
            let _ = client.read_to_end(&mut written).await;
        }
        written
    };
    let (written, ()) = tokio::join!(ask, serve);
    written
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[tokio::test]
    async fn a_request_tells_how_its_names_were_spelt() {
        let (mut client, server) = tokio::io::duplex(4096);
        let spelt: Arc<OnceLock<Vec<SpeltHeader>>> = Arc::default();
        let seen = spelt.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let seen = seen.clone();
            async move {
                let headers = request.headers();
                let spelt = as_sent(headers, request.extensions(), "iothub-app-").await;
                seen.set(spelt).unwrap();
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nIotHub-App-MaxTemp: 2 1 \r\n\
            iothub-app-maxtemp: b: c\r\niothub-messageid: m\r\nIOTHUB-APP-E: \r\n\r\n";

        let ask = client.write_all(request);
        let serve = http1::Builder::new()
            .preserve_header_case(true)
            .keep_alive(false)
            .serve_connection(TokioIo::new(server), service);
        let (asked, served) = tokio::join!(ask, serve);

        asked.unwrap();
        served.unwrap();
        let expected: [(&str, &[u8]); 3] = [
            ("IotHub-App-MaxTemp", b"2 1"),
            ("iothub-app-maxtemp", b"b: c"),
            ("IOTHUB-APP-E", b""),
        ];
        let spelt = spelt.get().unwrap();
        let spelt: Vec<_> = spelt.iter().map(|(n, v)| (n.as_str(), &v[..])).collect();
        assert_eq!(spelt, expected);
    }

    #[tokio::test]
    async fn more_names_are_spelt_as_they_are_given() {
        let extensions = learn_also(&["iothub-app-MaxTemp"]).await;
        let mut headers = HeaderMap::new();
        headers.insert("iothub-app-maxtemp", HeaderValue::from_static("21"));
        headers.insert("contenttype", HeaderValue::from_static("text/plain"));

        let written = write_head(headers, extensions).await;

        let written = String::from_utf8(written).unwrap();
        assert!(
            written.contains("\r\niothub-app-MaxTemp: 21\r\n"),
            "{written}"
        );
        assert!(
            written.contains("\r\nContentType: text/plain\r\n"),
            "{written}"
        );
    }

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
