//! Pages that ask the API from within, on behalf of whoever asks for them.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use twinhub_http::response::Body;
use twinhub_http::{Api, Ends, Pages, Visitor};

/// Below this path, everything is asked for as it is.
pub const WITHIN: &str = "/within";

pub struct WithinProcess {
    pub api: Arc<Api>,
    pub shutdown: CancellationToken,
}

impl Pages for WithinProcess {
    fn serve(&self, path: &str) -> bool {
        path.starts_with(WITHIN)
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        visitor: Visitor,
    ) -> BoxFuture<'_, Response<Body>> {
        async move {
            let (head, body) = request.into_parts();
            let mut inner = Request::new(body.collect().await.unwrap().to_bytes());
            let target = head.uri.to_string();
            *inner.method_mut() = head.method;
            *inner.uri_mut() = target.strip_prefix(WITHIN).unwrap().parse().unwrap();
            *inner.headers_mut() = head.headers;
            let ends = Ends {
                client_gone: visitor.gone().clone(),
                shutdown: self.shutdown.clone(),
            };
            self.api.call(inner, visitor.peer().clone(), ends).await
        }
        .boxed()
    }
}
