//! The portal over the hub's own API.

use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use tokio_util::sync::CancellationToken;
use twinhub_core::access::Peer;
use twinhub_http::{Pages, Visitor, header_case, response};
use twinhub_portal::{Api, Body, Portal, Spelling};

/// The API as the portal asks it.
pub struct WithinProcess {
    pub api: Arc<twinhub_http::Api>,
    pub shutdown: CancellationToken,
}

#[async_trait]
impl Api for WithinProcess {
    async fn call(&self, mut request: Request<Bytes>, peer: &Peer) -> Response<Body> {
        if let Some(Spelling(names)) = request.extensions_mut().remove() {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let spelling = header_case::learn_also(&names).await;
            request.extensions_mut().extend(spelling);
        }
        let shutdown = self.shutdown.clone();
        let answered = self.api.call(request, peer.clone(), shutdown).await;
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
        visitor: Visitor,
    ) -> BoxFuture<'_, Response<response::Body>> {
        async move {
            let peer = visitor.peer().clone();
            let visitor = twinhub_portal::Visitor::new(peer, move || visitor.admitted());
            let answered = self.0.answer(request.map(Body::new), visitor).await;
            let (head, body) = answered.into_parts();
            Response::from_parts(head, body_of(body).await)
        }
        .boxed()
    }
}

/// What is there is sent with its length, what comes to be as it comes.
async fn body_of(body: Body) -> response::Body {
    if body.size_hint().exact().is_some() {
        let whole = body.collect().await;
        return response::whole(whole.map(|body| body.to_bytes()).unwrap_or_default());
    }
    let parts = body.into_data_stream().scan((), |(), part| {
        // A stream of the API ends, it does not fail.
        std::future::ready(part.ok().map(|part| Ok::<_, Infallible>(Frame::data(part))))
    });
    response::streaming(StreamBody::new(parts))
}
