//! Signing in and out.
//!
//! With the connection string of a policy, for what the policy's rights allow;
//! or with a one-time link, as the operator.

use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::json;

use crate::assets;
use crate::attempts::With;
use crate::client::{ApiError, Call, Client};
use crate::cookie;
use crate::failure::{as_sentence, see_other};
use crate::fields::{Asked, Fields};
use crate::filters;
use crate::guard;
use crate::page::{render, render_as};
use crate::portal::{Inner, Visitor};
use crate::secret::Secret;
use crate::sessions::{Credential, Session};
use crate::visit::Visit;

mod policy_string;

/// The largest form of a sign-in: a connection string has some hundred bytes.
const MAX_SIGN_IN: usize = 8 * 1024;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    /// Where to go afterwards.
    to: String,
    /// Why the last attempt failed, or why one must sign in anew.
    sentence: Option<String>,
}

impl SignInPage {
    fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

/// `GET /portal/sign-in[?code=...]`: the form, or the end of a one-time link.
pub async fn show(
    State(portal): State<Inner>,
    visitor: Visitor,
    method: Method,
    headers: HeaderMap,
    Asked(asked): Asked,
) -> Response {
    // Who looks ahead, as browsers and mail programs do, must not use the link up.
    let looks_ahead = method == Method::HEAD || headers.contains_key("sec-purpose");
    match asked.given("code") {
        Some(code) if !looks_ahead => by_link(&portal, &visitor, code).await,
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => {
            let sentence = match asked.get("why") {
                "ended" => {
                    Some("Your session has ended, since its key no longer counts. Sign in again.")
                }
                "unsaved" => Some(
                    "Your session has ended, so nothing of what you sent was saved. Sign in to \
                     go back to its page.",
                ),
                "over" => Some("Your session has ended. Sign in again."),
                "out" => Some("You are signed out."),
                _ => None,
            };
            render(&SignInPage {
                to: asked.get("to").to_owned(),
                sentence: sentence.map(str::to_owned),
            })
        }
    }
}

/// `POST /portal/sign-in` with a connection string.
pub async fn sign_in(State(portal): State<Inner>, visitor: Visitor, request: Request) -> Response {
    let address = visitor.peer().address.ip();
    if let Some(wait) = portal.attempts.wait(address) {
        return too_many(wait);
    }
    if !guard::is_same_origin(request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let before = cookie::of(request.headers()).and_then(|id| portal.sessions.find(id));
    let fields = match guard::read(request.into_body(), MAX_SIGN_IN).await {
        Ok(body) => Fields::parse(&body),
        Err((status, sentence)) => return again(status, "", as_sentence(&sentence)),
    };
    let to = fields.get("to");
    let (credential, host) = match policy_string::read(fields.get("connection-string")) {
        Ok(found) => found,
        Err(sentence) => return again(StatusCode::BAD_REQUEST, to, sentence),
    };
    let policy = match &credential {
        Credential::Policy { name, .. } => With::Policy(name),
        Credential::Operator { .. } => With::Link,
    };
    let attempt = match portal.attempts.begin(address, policy) {
        Ok(attempt) => attempt,
        Err(wait) => return too_many(wait),
    };
    match begin(&portal, &visitor, credential, &host).await {
        Ok(session) => {
            attempt.succeeded();
            if let Some(before) = before {
                portal.sessions.end(&before);
            }
            signed_in(&session, to)
        }
        Err(error) => again(error.status(), to, why_not(&error)),
    }
}

/// `POST /portal/sign-out`
pub async fn sign_out(State(portal): State<Inner>, visit: Visit) -> Response {
    portal.sessions.end(visit.session());
    let mut response = see_other("/portal/sign-in?why=out");
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, cookie::removed());
    response
}

/// `POST /twinhub/v1/portal-links`, with the operator token: a one-time link.
pub async fn make_link(
    State(portal): State<Inner>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(|token| Secret::of(token.trim()));
    let token = token.unwrap_or_else(|| Secret::of(""));
    let credential = Credential::Operator {
        token: token.clone(),
    };
    if let Err(error) = check(&portal, &visitor, &credential).await {
        let said = json!({ "code": error.code(), "message": error.to_string() });
        return (error.status(), Json(said)).into_response();
    }
    visitor.admitted();
    match portal.link(token) {
        Ok(link) => {
            let expires = portal.hub.clock.now().plus(link.lifetime);
            let link = json!({ "url": link.expose(), "expiresAt": expires.to_string() });
            (StatusCode::CREATED, Json(link)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "could not make a one-time link");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn by_link(portal: &Inner, visitor: &Visitor, code: &str) -> Response {
    // Nobody's failures keep out who has a link that counts.
    let Some(token) = portal.links.take(code) else {
        if let Err(wait) = portal
            .attempts
            .begin(visitor.peer().address.ip(), With::Link)
        {
            return too_many(wait);
        }
        let sentence = "This link has been used, or is too old. \
                        `twinhub portal-link` prints a new one.";
        return again(StatusCode::FORBIDDEN, "", sentence.to_owned());
    };
    let credential = Credential::Operator { token };
    let host = portal.settings.host.clone();
    match begin(portal, visitor, credential, &host).await {
        Ok(session) => signed_in(&session, ""),
        Err(error) => again(error.status(), "", why_not(&error)),
    }
}

/// The answer to who has failed too often of late.
fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let sentence = format!("Too many attempts failed. Try again in {seconds} seconds.");
    let mut response = again(StatusCode::TOO_MANY_REQUESTS, "", sentence);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Begins a session if the API takes the credential.
async fn begin(
    portal: &Inner,
    visitor: &Visitor,
    credential: Credential,
    host: &str,
) -> Result<std::sync::Arc<Session>, ApiError> {
    let client = Client::new(
        portal.hub.clone(),
        credential.clone(),
        host.to_owned(),
        visitor.clone(),
    );
    let session = Session::new(credential, host).map_err(|error| {
        tracing::error!(%error, "could not begin a session");
        ApiError::Refused {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: String::new(),
            message: error.to_string(),
        }
    })?;
    Visit::begin(session.clone(), client).await?;
    visitor.admitted();
    portal.sessions.enter(session.clone());
    Ok(session)
}

async fn check(portal: &Inner, visitor: &Visitor, credential: &Credential) -> Result<(), ApiError> {
    let client = Client::new(
        portal.hub.clone(),
        credential.clone(),
        portal.settings.host.clone(),
        visitor.clone(),
    );
    client.call(Call::resource(Method::GET, [])).await?;
    Ok(())
}

fn signed_in(session: &Session, to: &str) -> Response {
    let mut response = see_other(page_of_ours(to));
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, cookie::set(session.id()));
    response
}

/// Nobody is led away from the portal.
fn page_of_ours(to: &str) -> &str {
    let rest = to.strip_prefix("/portal");
    let is_ours = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    match is_ours && !to.contains(char::is_control) {
        true => to,
        false => "/portal",
    }
}

fn why_not(error: &ApiError) -> String {
    match (error.code(), error.status()) {
        (Some("IotHubNotFound"), _) => {
            "This connection string is for another hub: its HostName is \
             not a name of this one."
                .to_owned()
        }
        (_, StatusCode::UNAUTHORIZED) => "The hub does not know this policy with this key. \
             `twinhub connection-string` prints a connection string that counts."
            .to_owned(),
        _ => as_sentence(&error.to_string()),
    }
}

fn again(status: StatusCode, to: &str, sentence: String) -> Response {
    let page = SignInPage {
        to: to.to_owned(),
        sentence: Some(sentence),
    };
    render_as(status, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site_after_the_sign_in() {
        for (to, led_to) in [
            ("/portal/devices?page=2", "/portal/devices?page=2"),
            ("/portal", "/portal"),
            ("/portal?x", "/portal?x"),
            ("", "/portal"),
            ("//evil.example", "/portal"),
            ("https://evil.example/portal", "/portal"),
            ("/portal.evil.example", "/portal"),
            ("/\\evil.example", "/portal"),
            ("/portal/\n/evil", "/portal"),
        ] {
            assert_eq!(page_of_ours(to), led_to, "{to}");
        }
    }

    #[test]
    fn another_hubs_connection_string_is_told_from_a_wrong_key() {
        let refused = |code: &str| {
            why_not(&ApiError::Refused {
                status: StatusCode::UNAUTHORIZED,
                code: code.to_owned(),
                message: String::new(),
            })
        };

        assert!(refused("IotHubNotFound").contains("another hub"));
        assert!(refused("IotHubUnauthorizedAccess").contains("does not know this policy"));
    }
}
