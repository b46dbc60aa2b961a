//! The portal as a whole: its addresses, and what answers them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::{get, post};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use twinhub_core::access::Peer;
use twinhub_core::time::Clock;

use crate::api::Api;
use crate::attempts::Attempts;
use crate::client::Hub;
use crate::device::Answers;
use crate::links::{self, Link, Links};
use crate::secret::{NoRandomness, Secret};
use crate::sessions::Sessions;
use crate::turns::Turns;
use crate::{
    assets, certificates, device, devices, endpoint, events, failure, guard, overview, policies,
    query, routes, settings, sign_in, transfers,
};

/// Where one-time links are made.
const LINKS: &str = "/twinhub/v1/portal-links";

/// What the portal needs to know of its hub.
#[derive(Clone)]
pub struct Settings {
    /// The hub's name as a resource.
    pub hub: String,
    /// The host name that links have, and that operators' calls go to.
    pub host: String,
    /// The port of HTTPS.
    pub https_port: u16,
    /// The authority that clients must trust, as PEM, unless it is known to all.
    pub authority: Option<String>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Somebody at the other end of a connection.
#[derive(Clone)]
pub struct Visitor {
    peer: Peer,
    gone: CancellationToken,
    admitted: Arc<dyn Fn() + Send + Sync>,
}

impl Visitor {
    /// A visitor; `gone` is cancelled if they go away before they are answered,
    /// `admitted` is called whenever they have proved who they are.
    pub fn new(
        peer: Peer,
        gone: CancellationToken,
        admitted: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Visitor {
            peer,
            gone,
            admitted: Arc::new(admitted),
        }
    }

    /// The other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Cancelled if they go away before they are answered.
    pub fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// They have proved who they are.
    pub(crate) fn admitted(&self) {
        (self.admitted)();
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let visitor = parts.extensions.get::<Visitor>().cloned();
        visitor.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// What handlers share, as axum's state.
pub(crate) type Inner = Arc<Shared>;

pub(crate) struct Shared {
    pub hub: Hub,
    pub settings: Settings,
    pub sessions: Sessions,
    pub links: Links,
    pub attempts: Attempts,
    pub answers: Answers,
}

impl Shared {
    /// A one-time link for whoever has the operator token.
    pub fn link(&self, operator_token: Secret) -> Result<Link, NoRandomness> {
        let code = self.links.add(operator_token)?;
        let port = match self.settings.https_port {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let host = &self.settings.host;
        Ok(Link {
            url: Secret::of(format!(
                "https://{host}{port}/portal/sign-in?code={}",
                code.expose()
            )),
            lifetime: links::LIFETIME,
        })
    }
}

/// The portal.
pub struct Portal {
    inner: Inner,
    router: Router,
}

impl Portal {
    /// A portal to the hub behind an API.
    pub fn new(api: Arc<dyn Api>, settings: Settings) -> Self {
        let inner = Arc::new(Shared {
            hub: Hub {
                api,
                name: settings.hub.clone(),
                clock: settings.clock.clone(),
                turns: Turns::of_all(),
            },
            settings,
            sessions: Sessions::default(),
            links: Links::default(),
            attempts: Attempts::default(),
            answers: Answers::default(),
        });
        Portal {
            router: router(inner.clone()),
            inner,
        }
    }

    /// Whether an address is the portal's.
    pub fn serves(path: &str) -> bool {
        path == "/" || path == LINKS || path == "/portal" || path.starts_with("/portal/")
    }

    /// Answers a request.
    pub async fn answer(&self, mut request: Request<Body>, visitor: Visitor) -> Response<Body> {
        request.extensions_mut().insert(visitor);
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
        }
    }

    /// A one-time link that signs in with this operator token.
    pub fn link(&self, operator_token: &str) -> Result<Link, NoRandomness> {
        self.inner.link(Secret::of(operator_token))
    }
}

fn router(inner: Inner) -> Router {
    let pages = Router::new()
        .route("/portal", get(overview::show))
        .route("/portal/", get(async || Redirect::permanent("/portal")))
        .route("/portal/sign-out", post(sign_in::sign_out))
        .merge(device::routes())
        .merge(devices::routes())
        .merge(events::routes())
        .merge(policies::routes())
        .merge(query::routes())
        .merge(endpoint::routes())
        .merge(transfers::routes())
        .merge(certificates::routes())
        .merge(settings::routes())
        .merge(routes::routes())
        .fallback(failure::not_found)
        .method_not_allowed_fallback(failure::not_so)
        .layer(from_fn_with_state(inner.clone(), guard::admit));
    let open = Router::new()
        .route("/", get(async || Redirect::to("/portal")))
        .route("/portal/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/portal/assets/{name}", get(assets::get))
        .route("/portal/ca.pem", get(overview::authority))
        .route(LINKS, post(sign_in::make_link));
    open.merge(pages)
        .layer(from_fn(guard::secure))
        .with_state(inner)
}
