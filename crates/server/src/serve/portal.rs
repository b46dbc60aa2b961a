//! The portal over the hub's own API.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use twinhub_http::{Ends, Pages, header_case, response};
use twinhub_portal::{Api, Body, Portal, Spelling, Visitor};

/// The API as the portal asks it.
pub struct WithinProcess {
    pub api: Arc<twinhub_http::Api>,
    pub shutdown: CancellationToken,
}

#[async_trait]
impl Api for WithinProcess {
    async fn call(&self, mut request: Request<Bytes>, visitor: &Visitor) -> Response<Body> {
        if let Some(Spelling(names)) = request.extensions_mut().remove() {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let spelling = header_case::learn_also(&names).await;
            request.extensions_mut().extend(spelling);
        }
        let ends = Ends {
            client_gone: visitor.gone().clone(),
            shutdown: self.shutdown.clone(),
        };
        let answered = self.api.call(request, visitor.peer().clone(), ends).await;
        answered.map(Body::new)
    }
}

/// The portal as the HTTPS gateway serves it.
pub struct PortalPages(pub Arc<Portal>);

impl Pages for PortalPages {
    fn serve(&self, path: &str) -> bool {
        Portal::serves(path)
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        visitor: twinhub_http::Visitor,
    ) -> BoxFuture<'_, Response<response::Body>> {
        async move {
            let peer = visitor.peer().clone();
            let gone = visitor.gone().clone();
            let visitor = Visitor::new(peer, gone, move || visitor.admitted());
            let answered = self.0.answer(request.map(Body::new), visitor).await;
            answered.map(response::streaming)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt as _, stream};
    use http_body_util::{BodyExt as _, Empty};
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;

    use super::*;

    /// What a browser gets of an answer's body, and how long it was said to be.
    async fn received(of: fn() -> Body) -> (Option<u64>, hyper::Result<Bytes>) {
        let (here, there) = tokio::io::duplex(1024);
        let service = service_fn(move |_: Request<Incoming>| async move {
            Ok::<_, Infallible>(Response::new(of()).map(response::streaming))
        });
        let server = hyper::server::conn::http1::Builder::new();
        tokio::spawn(server.serve_connection(TokioIo::new(there), service));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(here))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::new(Empty::<Bytes>::new());
        let answer = sender.send_request(request).await.unwrap();
        let length = hyper::body::Body::size_hint(answer.body()).exact();
        let body = answer.into_body().collect().await;
        (length, body.map(|body| body.to_bytes()))
    }

    #[tokio::test]
    async fn a_page_is_sent_with_its_length() {
        let (length, body) = received(|| Body::from("a page")).await;

        assert_eq!(length, Some(6));
        assert_eq!(body.unwrap(), "a page");
    }

    #[tokio::test]
    async fn a_file_that_is_read_to_its_end_arrives_whole() {
        let (length, body) = received(|| {
            let pieces = ["id\n", "a\n"].map(Ok::<_, Infallible>);
            Body::from_stream(stream::iter(pieces))
        })
        .await;

        assert_eq!(length, None);
        assert_eq!(body.unwrap(), "id\na\n");
    }

    #[tokio::test]
    async fn a_file_that_can_not_be_read_to_its_end_arrives_broken_off() {
        let (_, body) = received(|| {
            let first = stream::iter([Ok("id\n")]);
            // The next page takes its time.
            let next = stream::once(async {
                tokio::task::yield_now().await;
                Err("the key was rolled")
            });
            Body::from_stream(first.chain(next))
        })
        .await;

        assert!(body.is_err(), "it looks whole: {body:?}");
    }
}
